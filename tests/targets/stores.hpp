// stores.hpp - the same small projection written for every target, and one way to look at what it has made. What the
// contract suite runs on.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/targets.hpp"
#include "targets/store_server.hpp"

namespace stele::test {

// A row of the model, one per stream.
//   Added    data is a number: added to `total`, and `times` counts
//   Noted    data becomes `note`; Cleared: there is none any more (NULL)
//   Ordered  the event's position is appended to `journal`
//   Poison   cannot be applied while `poisonous`; then it is as Ordered
struct Kept {
  std::int64_t total = 0;
  std::int64_t times = 0;
  std::optional<std::string> note;
  std::string journal;
  bool operator==(const Kept&) const = default;
};
using Model = std::map<std::string, Kept>;
void keep(Model& model, const EventView& event);  // the same by hand

struct Shown {
  Position position;
  Model rows;
};

// Which model, and where.
struct Spec {
  std::string name = "tally";
  int version = 1;
  std::shared_ptr<std::atomic<bool>> poisonous = nullptr;
  // What Added counts as often, once it was corrected; and how many events were applied, where SQL is spoken.
  std::shared_ptr<std::atomic<std::int64_t>> factor = nullptr;
  std::shared_ptr<std::atomic<std::int64_t>> applied = nullptr;
  std::int64_t dies_at = 0;  // the process, when that many were
  std::uint16_t port = 0;    // another than the server's own: a proxy
};

// One kind of store. A server is started once per program.
class Store {
 public:
  virtual ~Store() = default;
  virtual result<std::shared_ptr<ProjectionTarget>> open(const Spec& spec) = 0;
  virtual result<std::shared_ptr<ProjectionTarget>> scratch(const Spec& spec) = 0;
  // Memcached has no list of what it holds, so the streams are named.
  virtual result<Shown> show(ProjectionTarget& target, const std::vector<std::string>& streams) = 0;
  [[nodiscard]] virtual StoreServer* server() { return nullptr; }
  [[nodiscard]] virtual bool whole_batches() const {
    return true;
  }  // readers see them, and failed ones leave nothing
  [[nodiscard]] virtual bool forgets() const { return false; }  // everything, when its process ends
  // The lease goes without its holder knowing: time is up, or the connection is lost.
  virtual void lose_lease(const Spec& spec) = 0;
};
// "sqlite", "postgres", "mariadb", "redis", "memcached"
[[nodiscard]] Store& store_named(std::string_view name);

// For tests of one server's own matters.
[[nodiscard]] PostgresServer postgres_at(std::uint16_t port);
[[nodiscard]] MariadbServer mariadb_at(std::uint16_t port);

}  // namespace stele::test
