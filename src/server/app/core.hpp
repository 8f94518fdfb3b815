// core.hpp - what the parts of a running server share: the store, the application, threads, tables, counters.
// Owned by Server and by every request that is still running.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "server/app/idempotency.hpp"
#include "server/app/problems.hpp"
#include "server/auth/token_table.hpp"
#include "server/http/router.hpp"
#include "server/live/hub.hpp"
#include "server/net/loop.hpp"
#include "server/net/workers.hpp"
#include "server/ops/metrics.hpp"
#include "stele/app.hpp"
#include "stele/store.hpp"

namespace stele {
class Runner;
}
namespace stele::declared {
class Shelf;
}
namespace stele::projection {
class AppendsThrough;
}

namespace stele::server {

// All request bodies in memory together; beyond it new ones are told to come back.
inline constexpr std::size_t max_buffered_bodies = std::size_t{1} << 30;

struct Core {
  Core(EventStore& the_store, const App* the_app, ServerOptions the_options);

  EventStore& store;
  const App* app;  // may be null
  const ServerOptions options;
  // Filled while starting, read-only afterwards: no lock.
  const TokenTable tokens;
  ProblemTable problems;
  Router router;
  Metrics metrics;
  Idempotency idempotency;
  // Loops stop after the workers: a worker's last act is to hand its answer to a loop.
  std::vector<std::unique_ptr<Loop>> loops;
  Workers workers;
  Hub hub;
  // Projections that are declared in SQL; null where the server keeps none.
  std::shared_ptr<declared::Shelf> shelf;
  // Where clients append: the store, behind the projections that are synchronous. Those of the shelf and of the
  // application together.
  std::shared_ptr<projection::AppendsThrough> appends;

  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> running{0};         // requests without an answer yet
  std::atomic<std::size_t> buffered_bytes{0};  // of request bodies
  std::atomic<bool> stopping{false};

  // Each type that is named is asked for under its older names, too, as the application knows them.
  void add_older_names(Query& query) const;

  [[nodiscard]] std::vector<Runner*> have_a_say() const;

  // Any loop: for timers that belong to no connection.
  Loop& timer_loop() { return *loops.front(); }
};

}  // namespace stele::server
