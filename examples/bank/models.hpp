// models.hpp - the bank's running read models, as its queries use them. Not their tables (views.hpp).
#pragma once

#include <memory>

#include "bank/summary_feed.hpp"
#include "bank/views.hpp"
#include "stele/web.hpp"

namespace bank {

// One read model with everything a query needs of it.
struct Model {
  Model(std::shared_ptr<stele::SqliteTarget> the_target, stele::Runner& runner)
      : target(std::move(the_target)), position(runner) {}
  std::shared_ptr<stele::SqliteTarget> target;
  stele::RunnerModel position;
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
