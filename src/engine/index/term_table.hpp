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
#include <memory_resource>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/index/part.hpp"

namespace stele::engine {

// One term and its rows, its name right behind it. Most terms have few rows: those stand in it, so that a look and an
// addition touch one line of memory.
class ActiveTerm {
 public:
  ActiveTerm(std::size_t name_bytes, Revision first_revision)
      : name_bytes_(static_cast<std::uint16_t>(name_bytes)), first_revision_(first_revision) {}
  ActiveTerm(const ActiveTerm&) = delete;
  ActiveTerm& operator=(const ActiveTerm&) = delete;

  [[nodiscard]] std::string_view name() const {
    return {reinterpret_cast<const char*>(this + 1), name_bytes_};
  }
  [[nodiscard]] Revision first_revision() const { return first_revision_; }  // streams: of the first row
  [[nodiscard]] bool tombstoned() const { return tombstoned_; }  // streams: the newest event says so
  // Counted from the part's first event, ascending.
  [[nodiscard]] std::span<const std::uint32_t> rows() const {
    return {count_ <= few ? rows_.some.data() : rows_.all, count_};
  }
  // Per Postings::block_positions of them.
  [[nodiscard]] std::span<const TypeMask> block_types() const {
    const auto blocks = blocks_of(count_);
    return {blocks <= 1 ? &types_.first : types_.all, blocks};
  }

  // Rows [row, row + types.size()). Memory comes from `arena`, which never takes any back.
  void add(std::uint32_t row, std::span<const TypeMask> types, bool tombstone,
           std::pmr::memory_resource& arena);

 private:
  static constexpr std::size_t few = 4;
  static constexpr std::size_t blocks_of(std::size_t rows) {
    return (rows + Postings::block_positions - 1) / Postings::block_positions;
  }

  // What outgrows its place moves to one of the next power of two.
  union Rows {
    std::array<std::uint32_t, few> some;
    std::uint32_t* all;
  };
  union Types {
    TypeMask first;
    TypeMask* all;
  };
  std::uint32_t count_ = 0;
  std::uint16_t name_bytes_;
  bool tombstoned_ = false;
  Revision first_revision_;
  Rows rows_{};
  Types types_{};
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
  // Every term, sorted by name. For sealing, when nothing is added any more.
  [[nodiscard]] std::vector<const ActiveTerm*> sorted() const;

 private:
  // Open addressing without removal. The terms lie in the arena, each with its name behind it.
  struct Slot {
    std::uint64_t hash = 0;
    ActiveTerm* term = nullptr;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::vector<Slot> slots = std::vector<Slot>(8);
    std::vector<const ActiveTerm*> terms;  // as they came
    std::pmr::monotonic_buffer_resource arena;

    // Where the term is, or the free place where it would go.
    [[nodiscard]] std::size_t slot_of(std::uint64_t hash, std::string_view name) const;
    void grow();
    ActiveTerm& make(std::uint64_t hash, std::string_view name, Revision first_revision);
  };
  static constexpr std::size_t shard_count = 16;
  [[nodiscard]] const Shard& shard_of(std::uint64_t hash) const { return shards_[hash >> 60]; }
  void sort_terms() const;  // under order_mutex_

  std::array<Shard, shard_count> shards_;
  mutable std::mutex order_mutex_;
  mutable std::vector<const ActiveTerm*> order_;            // by name, as far as it is known
  mutable std::array<std::size_t, shard_count> ordered_{};  // how many of each shard are in it
};

}  // namespace stele::engine
