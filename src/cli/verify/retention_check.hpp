// retention_check.hpp - what streams keep: whether the newest metadata of each can be read, nothing follows a
// tombstone, and the store tells of every such stream what the log says. Fed with events in log order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>

#include "cli/verify/order_check.hpp"
#include "stele/store.hpp"

namespace stele::cli {

class RetentionCheck {
 public:
  void take(const EventView& event);
  // Asks the store for every stream that has metadata or was ended, and compares. What stands behind `end` the store
  // does not know: it is in the log's files and not known to be durable.
  [[nodiscard]] Layer layer(EventStore& store, const OrderCheck& order, Position end) const;

 private:
  struct Metadata {
    Position at;
    std::string wrong;  // empty: it can be read
  };
  void ask(EventStore& store, const OrderCheck& order, Position end, const std::string& stream,
           Layer& layer) const;

  std::map<std::string, Metadata> metadata_;  // by the stream it is about; the newest
  std::map<std::string, Position> ended_;     // tombstones
  Layer found_{.name = "retention", .summary = {}, .findings = {}, .more = 0};
};

}  // namespace stele::cli
