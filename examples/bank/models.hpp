// models.hpp - the bank's running read models, as its queries use them. Not their tables (views.hpp).
#pragma once

#include <memory>

#include "bank/summary_feed.hpp"
#include "bank/views.hpp"
#include "stele/app.hpp"
#include "stele/projection.hpp"

namespace bank {

// A projection, seen as what a server waits for.
class RunnerModel final : public stele::ReadModel {
 public:
  explicit RunnerModel(stele::Runner& runner) : runner_(runner) {}
  [[nodiscard]] stele::Position position() const override { return runner_.position(); }
  // A projection that stops never calls: the request runs out of patience, and its answer says where the
  // model stands.
  std::uint64_t notify_at(stele::Position wanted, std::function<void()> reached) override {
    return runner_.notify_at(wanted, [reached = std::move(reached)](stele::result<stele::Position> at) {
      if (at) reached();
    });
  }
  void cancel(std::uint64_t ticket) override { runner_.cancel(ticket); }

 private:
  stele::Runner& runner_;
};

// One read model with everything a query needs of it.
struct Model {
  Model(std::shared_ptr<stele::SqliteTarget> the_target, stele::Runner& runner)
      : target(std::move(the_target)), position(runner) {}
  std::shared_ptr<stele::SqliteTarget> target;
  RunnerModel position;
};

struct Models {
  stele::EventStore& store;
  Model& accounts;
  Model& statements;
  SummaryFeed& feed;
};

// All of it must outlive the server.
void add_queries(stele::App& app, const Models& models);

}  // namespace bank
