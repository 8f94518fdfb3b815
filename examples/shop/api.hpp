// api.hpp - the shop over HTTP: its writing side and its reading side. Rules and models are elsewhere.
#pragma once

#include <memory>

#include "shop/views.hpp"
#include "stele/app.hpp"

namespace shop {

// A read model with what a server waits for.
class Model final : public stele::ReadModel {
 public:
  Model(std::shared_ptr<stele::SqliteTarget> the_target, stele::Runner& runner)
      : target(std::move(the_target)), runner_(runner) {}
  [[nodiscard]] stele::Position position() const override { return runner_.position(); }
  std::uint64_t notify_at(stele::Position wanted, std::function<void()> reached) override {
    return runner_.notify_at(wanted, [reached = std::move(reached)](stele::result<stele::Position> at) {
      if (at) reached();
    });
  }
  void cancel(std::uint64_t ticket) override { runner_.cancel(ticket); }

  std::shared_ptr<stele::SqliteTarget> target;

 private:
  stele::Runner& runner_;
};

// All of it must outlive the server.
void add_commands(stele::App& app, stele::EventStore& store);
void add_queries(stele::App& app, Model& orders, Model& carts);

}  // namespace shop
