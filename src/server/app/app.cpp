// app.cpp - the application as a list; checked and served by Server::start().
#include "stele/app.hpp"

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

}  // namespace stele
