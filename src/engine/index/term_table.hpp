// term_table.hpp - the posting lists of a growing part, for one kind of term: which rows have which stream, or
// which tag. Names are compared in full; a hash only chooses where to look.
//
// Entries are added when an append is staged, before it is durable. So whoever reads passes the last row that he
// may see.
//
// Threading: add() by one thread at a time; the rest from any thread. A shard's lock is held for a look-up or a
// short copy, never during I/O. A term stays where it is for as long as the table lives.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/index/part.hpp"

namespace stele::engine {

struct ActiveTerm {
  std::vector<std::uint32_t> rows;    // counted from the part's first event, ascending
  std::vector<TypeMask> block_types;  // per Postings::block_positions of them
  Revision first_revision;            // streams: of the first row
  bool tombstoned = false;            // streams: the newest event says so
};

class TermTable {
 public:
  struct Found {
    std::mutex* mutex;  // guards the term
    const ActiveTerm* term;
    std::size_t visible;  // how many rows may be seen; at least 1
  };

  // Rows [row, row + types.size()) have the term. `first_revision` of the first of them, for streams.
  void add(std::string_view name, std::uint32_t row, std::span<const TypeMask> types,
           Revision first_revision = {}, bool tombstone = false);

  // Nothing: the term has no row up to `last_row`.
  [[nodiscard]] std::optional<Found> find(std::string_view name, std::uint64_t last_row) const;
  // Up to `limit` names with this prefix, behind `after`, sorted.
  [[nodiscard]] std::vector<std::string> names(std::string_view prefix, std::string_view after,
                                               std::size_t limit) const;

  struct Entry {
    std::string_view name;
    const ActiveTerm* term;
  };
  // Every term, sorted by name. For sealing, when nothing is added any more.
  [[nodiscard]] std::vector<Entry> sorted() const;

 private:
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, ActiveTerm, NameHash, std::equal_to<>> terms;
  };
  static constexpr std::size_t shard_count = 16;
  [[nodiscard]] const Shard& shard_of(std::string_view name) const;
  void sort_names() const;  // under order_mutex_

  std::array<Shard, shard_count> shards_;
  mutable std::mutex order_mutex_;
  mutable std::vector<std::string_view> order_;  // names, the first sorted_ of them in order
  mutable std::size_t sorted_ = 0;
};

}  // namespace stele::engine
