// memcached_values.hpp - values as they are kept in Memcached, with what each knows of the events it has seen; the ones
// an open batch has looked at. Checkpoint, lease and readers are memcached_target.cpp's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/targets.hpp"
#include "targets/memcached/memcached_link.hpp"

namespace stele::targets {

// A value as it is kept: "<position>.<change>+<bytes>"; "-" in place of "+" where it was removed, because the next
// delivery of an event that came before must still find that it is known. `change` counts what one event does. An event
// that was parked comes late: its position says nothing then, so it is written down beside, "~<position>.<change>" for
// each, for as long as it could come again.
struct MarkedValue {
  using Mark = std::pair<std::uint64_t, std::uint64_t>;  // position, change
  Mark mark;
  std::vector<Mark> late;
  std::optional<std::string> value;

  [[nodiscard]] bool has_seen(const Mark& event, bool is_late) const {
    if (!is_late) return mark >= event;
    return std::ranges::any_of(
        late, [&](const Mark& one) { return one.first == event.first && one.second >= event.second; });
  }
};
[[nodiscard]] std::string text_of(const MarkedValue& marked);
[[nodiscard]] result<MarkedValue> marked_in(std::string_view text, std::string_view key);

// What the server adds to key and value, and a little.
inline constexpr std::uint64_t item_overhead = 128;
// Keys of the application: up to 180 bytes, without blanks and control characters.
[[nodiscard]] result<void> check_cache_key(std::string_view key);

// The values that the open batch has looked at, and what becomes of them.
class MemcachedBatch {
 public:
  struct Entry {
    std::uint64_t token = 0;
    bool changed = false;
    MarkedValue now;
  };
  using Parking = std::map<Position, ParkedEvent>;
  MemcachedLink* link = nullptr;
  std::string prefix;
  std::uint64_t largest = 0;  // bytes of an item
  std::uint64_t position = 0;
  std::uint64_t change = 0;        // of this event, so far
  Parking parked;                  // as stored
  std::optional<Parking> parking;  // as it is to be stored with this batch
  Position unparked;               // comes late
  std::map<std::string, Entry, std::less<>> entries;
  std::vector<std::string> keys;  // reported as changed

  void clear() {
    entries.clear();
    keys.clear();
    parking.reset();
    unparked = {};
  }
  [[nodiscard]] bool is_late() const { return unparked.value() != 0 && unparked.value() == position; }
  result<Entry*> entry(std::string_view key);
  void note_change(MarkedValue& value, const MarkedValue::Mark& by) const;
};

}  // namespace stele::targets
