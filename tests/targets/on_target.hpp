// on_target.hpp - what tests of running projections on every target share: a log, a target by its name, waiting.
#pragma once

#include <gtest/gtest.h>

#include <thread>

#include "projection/memory_store.hpp"
#include "stele/targets.hpp"
#include "targets/stores.hpp"

namespace stele::test {

using State = ParkedEvent::State;
inline constexpr std::chrono::microseconds upkeep_patience = std::chrono::seconds(60);

template <class Condition>
bool comes_true(const Condition& condition) {
  const auto until = std::chrono::steady_clock::now() + upkeep_patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// Ids follow from positions, so that a child and its parent have the same log.
inline Position tell(MemoryStore& log, const std::string& stream, std::string type, std::string data = "1") {
  NewEvent event;
  event.id = Uuid::from_name(Uuid{}, std::to_string(log.head().position.value() + 1));
  event.type = std::move(type);
  event.data = std::move(data);
  AppendRequest request;
  request.writes.push_back({stream, {}, {std::move(event)}});
  return log.append(std::move(request))->last;
}

inline RunnerOptions parking_runner() {
  RunnerOptions options;
  options.tries = 1;
  options.first_pause = std::chrono::milliseconds(1);
  options.longest_pause = std::chrono::milliseconds(1);
  options.on_failure = OnFailure::park;
  return options;
}

using Places = std::vector<std::pair<std::uint64_t, State>>;
inline Places places_in(const std::vector<ParkedEvent>& events) {
  Places places;
  for (const ParkedEvent& event : events) places.emplace_back(event.position.value(), event.state);
  return places;
}

class OnTarget : public testing::TestWithParam<const char*> {
 protected:
  Store& store() { return store_named(GetParam()); }
  static Spec spec() {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    return {.name = name.substr(0, std::min<std::size_t>(name.find('/'), 30))};
  }
  std::shared_ptr<ProjectionTarget> opened(const Spec& what) {
    auto target = store().open(what);
    if (!target) ADD_FAILURE() << target.error().to_string();
    return target.value_or(nullptr);
  }
  Model rows(ProjectionTarget& target, std::vector<std::string> streams = {"s-1", "s-2", "s-3"}) {
    auto looked = store().show(target, streams);
    if (!looked) ADD_FAILURE() << looked.error().to_string();
    return looked.value_or(Shown{}).rows;
  }
  std::shared_ptr<std::atomic<bool>> poisonous_ = std::make_shared<std::atomic<bool>>(true);
  MemoryStore log_;
};

}  // namespace stele::test
