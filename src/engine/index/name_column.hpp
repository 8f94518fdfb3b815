// name_column.hpp - one dense column of a growing part: a code per event, and the dictionary that the codes
// belong to. For what has few values: event types and categories.
//
// Threading: add() by one thread at a time; the rest from any thread, codes() only of rows that were published.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/index/growing_column.hpp"
#include "engine/index/part.hpp"

namespace stele::engine {

class NameColumn {
 public:
  struct Name {
    std::string text;
    std::uint32_t code = 0;
    std::uint64_t count = 0;
    std::uint32_t first_row = 0;
    std::uint32_t last_row = 0;
  };

  // The next rows. Returns the name's mask.
  TypeMask add(std::string_view name, std::uint32_t rows = 1);
  // The next row belongs to an event that is not there.
  void add_nothing();

  // Rows count from `base`.
  [[nodiscard]] std::optional<ColumnName> find(std::string_view name, Position base) const;
  void codes(std::uint64_t row, std::span<std::uint32_t> into) const { codes_.copy(row, into); }
  // Every name, by code. For sealing, when nothing is added any more.
  [[nodiscard]] std::vector<Name> names() const;

 private:
  struct Entry {
    std::string text;
    std::uint32_t code;
    TypeMask mask;
    std::uint32_t first_row;
    // Counted by the adding thread without the lock.
    std::atomic<std::uint64_t> count{0};
    std::atomic<std::uint32_t> last_row{0};
  };
  Entry& entry_of(std::string_view text);

  GrowingColumn<std::uint32_t> codes_;
  std::uint32_t rows_ = 0;
  mutable std::mutex mutex_;   // over the table of names
  std::deque<Entry> entries_;  // never moves: the keys below point into it
  std::unordered_map<std::string_view, Entry*> by_text_;
  Entry* latest_ = nullptr;  // neighbours often have the same; the adding thread's
};

}  // namespace stele::engine
