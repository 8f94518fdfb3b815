// projections.cpp - the registry of an application's runners.
#include <algorithm>
#include <mutex>
#include <utility>

#include "projection/appends_through.hpp"
#include "projection/trial.hpp"
#include "stele/projection.hpp"

namespace stele {

struct Projections::Impl {
  Impl(EventStore& the_store, const Projections& whole)
      : store(the_store), appends(the_store, [&whole] { return projection::synchronous_ones(whole); }) {}

  EventStore& store;
  mutable std::mutex mutex;
  std::vector<std::unique_ptr<Runner>> runners;
  std::vector<std::unique_ptr<Runner>> removed;  // kept: pointers stay valid
  projection::AppendsThrough appends;            // the last: it ends before its models

  Runner* find(std::string_view name) const {
    for (const auto& runner : runners)
      if (runner->target().name() == name) return runner.get();
    return nullptr;
  }
};

// The lock covers the list only: starting, stopping and asking a runner has its own.
Projections::Projections(EventStore& store) : impl_(new Impl(store, *this)) {}
// What waits in front of the models is refused by them when they are stopped.
Projections::~Projections() {
  stop();
  impl_->appends.stop();
}

result<Runner*> Projections::add(std::shared_ptr<ProjectionTarget> target, RunnerOptions options) {
  if (options.synchronous && !target->trial()) return projection::cannot_be_tried(target->name());
  const std::lock_guard lock(impl_->mutex);
  if (impl_->find(target->name()))
    return Error(errc::conflict, "a projection named " + target->name() + " is already running")
        .with("projection", target->name())
        .help("give each projection a name of its own");
  impl_->runners.push_back(std::make_unique<Runner>(impl_->store, std::move(target), std::move(options)));
  impl_->runners.back()->start();
  return impl_->runners.back().get();
}

// Stopped without the lock, which others need to look around meanwhile.
result<void> Projections::remove(std::string_view name) {
  Runner* found = nullptr;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto at = std::ranges::find_if(impl_->runners,
                                         [&](const auto& runner) { return runner->target().name() == name; });
    if (at == impl_->runners.end())
      return Error(errc::not_found, "there is no projection named " + std::string(name))
          .with("projection", std::string(name));
    found = at->get();
    impl_->removed.push_back(std::move(*at));
    impl_->runners.erase(at);
  }
  found->stop();
  return {};
}

// Both lists at once: nobody who looks finds none, or two.
result<Runner*> Projections::replace(std::string_view name, Projections& by) {
  const std::scoped_lock lock(impl_->mutex, by.impl_->mutex);
  const auto is_it = [&](const auto& runner) { return runner->target().name() == name; };
  const auto ours = std::ranges::find_if(impl_->runners, is_it);
  const auto theirs = std::ranges::find_if(by.impl_->runners, is_it);
  if (ours == impl_->runners.end() || theirs == by.impl_->runners.end())
    return Error(errc::not_found, "there is no projection named " + std::string(name))
        .with("projection", std::string(name));
  Runner* replaced = ours->get();
  impl_->removed.push_back(std::exchange(*ours, std::move(*theirs)));
  by.impl_->runners.erase(theirs);
  return replaced;
}

Runner* Projections::find(std::string_view name) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->find(name);
}

std::vector<Runner*> Projections::runners() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Runner*> all;
  for (const auto& runner : impl_->runners) all.push_back(runner.get());
  return all;
}

std::vector<ProjectionStatus> Projections::status() const {
  std::vector<ProjectionStatus> all;
  for (const Runner* runner : runners()) all.push_back(runner->status());
  return all;
}

EventStore& Projections::appends() { return impl_->appends; }

// In turn, each to the end of its batch.
void Projections::stop() {
  for (Runner* runner : runners()) runner->stop();
}

}  // namespace stele
