// app.cpp - the application as a list; checked and served by Server::start().
#include "stele/app.hpp"

#include <iterator>

namespace stele {

App::App(std::string name, std::string version) : name_(std::move(name)), version_(std::move(version)) {}

App& App::route(Route route) {
  routes_.push_back(std::move(route));
  return *this;
}

App& App::problem(std::string slug, std::string title, std::string meaning) {
  problems_.push_back({std::move(slug), std::move(title), std::move(meaning)});
  return *this;
}

App& App::check(std::string name, std::function<result<void>()> ready) {
  checks_.push_back({std::move(name), std::move(ready)});
  return *this;
}

App& App::metrics(std::function<std::vector<Metric>()> collect) {
  collectors_.push_back(std::move(collect));
  return *this;
}

App& App::aggregates(std::shared_ptr<const Aggregates> aggregates) {
  aggregates_.push_back(std::move(aggregates));
  return *this;
}

App& App::saga(SagaRunner& runner) {
  sagas_.push_back(&runner);
  return *this;
}

App& App::projections(Projections& projections) {
  projections_.push_back(&projections);
  return *this;
}

App& App::type_names(std::vector<std::vector<std::string>> names) {
  type_names_.insert(type_names_.end(), std::make_move_iterator(names.begin()),
                     std::make_move_iterator(names.end()));
  return *this;
}

}  // namespace stele
