// saga_fixture.hpp - the sagas of orders.hpp over a store in memory, turned by hand, at a time that stands still.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "domain/memory_records.hpp"
#include "domain/orders.hpp"
#include "domain/saga_worker.hpp"
#include "engine/machine.hpp"
#include "stele/handler.hpp"

namespace stele::test {

// One simulated machine with a store, and the saga's time beside it.
class SagaWorld {
 public:
  explicit SagaWorld(std::uint64_t seed = 1) : machine_(seed), store_(must(machine_.open())) {
    clock.advance(machine_.clock.now() - clock.now());
  }

  EventStore& store() { return with_records_; }
  ManualClock clock{Timestamp{}};

  void place(const std::string& order, int amount, const Context& context = {}) {
    EXPECT_TRUE(must(handle<orders::Order>(*store_, orders::Place{order, amount}, context)).accepted());
  }
  // "Placed Charged ...": the types in a stream.
  std::string types(const std::string& stream) {
    std::string all;
    for (const auto& event : events(stream)) (all += all.empty() ? "" : " ") += event.type;
    return all;
  }
  std::vector<RecordedEvent> events(const std::string& stream) {
    auto cursor = store_->read_stream({stream, {}, Direction::forward, no_limit});
    return cursor ? drain(**cursor) : std::vector<RecordedEvent>();
  }
  std::vector<RecordedEvent> log() {
    return drain(*must(store_->read({Query::all(), {}, Direction::forward, no_limit})));
  }
  std::unique_ptr<domain::SagaWorker> worker(EventStore& over, SagaOptions options = {}) {
    options.clock = &clock;
    return std::make_unique<domain::SagaWorker>(over, std::make_unique<detail::SagaKindOf<orders::Payment>>(),
                                                options);
  }
  std::unique_ptr<domain::SagaWorker> worker(SagaOptions options = {}) { return worker(store(), options); }

 private:
  Machine machine_;
  std::unique_ptr<engine::EmbeddedStore> store_;
  StoreWithMemoryRecords with_records_{*store_};
};

// Turns until there is nothing to do now, or the store does not let it.
inline void run(domain::SagaWorker& worker) {
  for (int turns = 0; turns < 10'000; ++turns) {
    const auto did = worker.turn();
    if (!did || !*did) return;
  }
  ADD_FAILURE() << "a saga that never comes to rest";
}

}  // namespace stele::test
