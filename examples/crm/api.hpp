// api.hpp - the crm over HTTP: its writing side and its reading side. Rules and models are elsewhere.
#pragma once

#include <memory>

#include "crm/views.hpp"
#include "stele/web.hpp"

namespace crm {

// A read model with what a server waits for.
struct Model {
  Model(std::shared_ptr<stele::SqliteTarget> the_target, stele::Runner& runner)
      : target(std::move(the_target)), position(runner) {}
  std::shared_ptr<stele::SqliteTarget> target;
  stele::RunnerModel position;
};

// All of it must outlive the server.
void add_commands(stele::App& app, stele::EventStore& store);
void add_queries(stele::App& app, Model& users, Model& memberships);

}  // namespace crm
