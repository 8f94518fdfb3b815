// server_models.hpp - the models of one projection in a database server: the one that serves, the one before it, the
// one being built; who may write them, and what is parked. What a ServerTarget is made of.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "targets/server/link_pool.hpp"
#include "targets/server/serving_row.hpp"
#include "targets/shared/standing.hpp"

namespace stele {

// Threading: one projecting thread; `mutex` is for those who ask which model serves meanwhile.
struct ServerTarget::Impl final : ProjectionLease, ProjectionParking, SideBySide {
  // A model as this process knows it. Whoever reads it holds it, so a switch does not take it from them.
  struct Stored {
    Stored(std::uint64_t which, const std::string& in, const Connect& connect)
        : number(which), space(in), standing(in), readers(connect, in) {}
    const std::uint64_t number;
    const std::string space;
    targets::Standing standing;
    targets::LinkPool readers;
  };
  enum class Kind : std::uint8_t { whole, beside, scratch };

  Impl(ServerProjection what, Connect how, Kind of, std::uint64_t number, const std::string& space)
      : projection(std::move(what)),
        connect(std::move(how)),
        kind(of),
        base(targets::space_of(projection.name, projection.version)),
        model(std::make_shared<Stored>(number, space, connect)) {}

  [[nodiscard]] std::shared_ptr<Stored> served() const {
    const std::lock_guard lock(mutex);
    return model;
  }

  // server_target.cpp: the connection, and reading
  result<void> open();
  result<void> ensure_link();
  result<void> join();
  result<void> empty();
  result<ServerSnapshot> look(targets::SqlLink& link, Stored& of, std::function<void()> give_back);
  void forget_batch();

  // server_lease.cpp. The connection holds it, so that it ends with the process, and a batch never outlives it.
  result<std::optional<std::string>> ask_for_lock();
  result<void> lock_again();
  result<void> take() override;
  void release() override;

  // server_models.cpp
  result<std::vector<ParkedEvent>> list() override;
  result<void> put(const ParkedEvent& event) override;
  result<void> remove(Position position) override;

  result<std::shared_ptr<ProjectionTarget>> build(const RebuildOptions& options) override;
  [[nodiscard]] std::optional<RebuildOptions> building() const override;
  result<void> discard() override;
  result<std::shared_ptr<ProjectionTarget>> previous() override;
  [[nodiscard]] bool has_previous() const override;
  result<void> swap(ProjectionTarget& other) override;
  result<bool> refresh() override;
  result<std::vector<TableComparison>> compare(ProjectionTarget& other, std::size_t examples) override;
  result<std::shared_ptr<ProjectionTarget>> scratch() override;

  result<void> record(const targets::Serving& now);
  result<bool> is_recorded(const targets::Serving& now);
  result<void> check_what_serves();
  result<std::shared_ptr<ProjectionTarget>> beside(std::uint64_t number, bool building);
  void enter_model();
  void drop_forgotten();

  const ServerProjection projection;
  const Connect connect;
  const Kind kind;
  const std::string base;  // the first model's space; what lease and record go by
  SqlDialect dialect = SqlDialect::postgres;
  std::string note;
  std::unique_ptr<targets::SqlLink> writer;
  bool tuned = false;   // for building
  bool joined = false;  // this connection knows what has become of the batch before it
  bool leased = false;
  bool stands_by = false;  // somebody else had the lease when it was asked for: nothing is made anew here
  bool unsure = false;     // whether `serving` is what is recorded: an answer, or the lease, was lost
  std::string held_by;     // the connection that has, or had, the lease
  std::vector<std::string> keys;  // changed in the open batch
  bool parking_changed = false;   // in the open batch
  Position unparked;              // in the open batch: to be applied although it lies behind the checkpoint
  std::atomic<bool> scratch_in_use{false};
  mutable std::mutex mutex;
  std::shared_ptr<Stored> model;
  targets::Serving serving;
};

}  // namespace stele
