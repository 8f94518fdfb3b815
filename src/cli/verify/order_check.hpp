// order_check.hpp - the rules that hold between events: positions are dense, versions are dense in every
// stream, times never go back. Fed with frames in log order; knows no files. In a log that was compacted positions
// may be missing (which ones may, recovery knows), and streams may begin later.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "cli/verify/verifier.hpp"
#include "stele/event.hpp"

namespace stele::cli {

// What the log says about one stream.
struct StreamTotals {
  std::uint64_t events = 0;
  Revision last_revision;
  Position last_position;
};

class OrderCheck {
 public:
  void take(const EventView& event, const std::string& file);
  // A frame's durable mark, before its events: it tells of what stands in front of it, and never less than before.
  void take_mark(Position first, Position durable, const std::string& file);
  // The log was compacted.
  void allow_dropped() { dropped_ = true; }

  [[nodiscard]] Layer layer() const;
  [[nodiscard]] std::uint64_t events() const { return events_; }
  // A running checksum over all ids in log order: two readers that saw the same events agree on it.
  [[nodiscard]] std::uint32_t id_sum() const { return id_sum_; }
  [[nodiscard]] const std::unordered_map<std::string, StreamTotals>& streams() const { return streams_; }
  [[nodiscard]] Position last() const { return last_; }

 private:
  void find(const EventView& event, const std::string& file, std::string what);
  void check_revision(const EventView& event, const std::string& file);

  Layer layer_{.name = "order", .summary = {}, .findings = {}, .more = 0};
  std::unordered_map<std::string, StreamTotals> streams_;
  Position last_;
  Position last_mark_;
  Timestamp last_time_{};
  std::uint64_t events_ = 0;
  std::uint32_t id_sum_ = 0;
  bool dropped_ = false;
};

// Adds the id of an event to such a sum.
[[nodiscard]] std::uint32_t add_id(std::uint32_t sum, const Uuid& id);
// Keeps a layer's list short: the first hundred in full, the rest counted.
void add_finding(Layer& layer, Finding finding);

}  // namespace stele::cli
