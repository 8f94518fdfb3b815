// id_table.hpp - event id to its place in one part, exact (the whole id is the key), in memory. What makes a
// repeated append recognisable.
//
// Open addressing without removal: 20 bytes an entry, at most three quarters full; in tables, so that growing
// stops the writer only for a part of it. Threading: every member from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "stele/types.hpp"

namespace stele::engine {

class IdTable {
 public:
  // `row` counts from the part's first event.
  struct Entry {
    Uuid id;
    std::uint32_t row = 0;
  };

  [[nodiscard]] std::optional<std::uint32_t> find(const Uuid& id) const;
  // Of rows that follow each other. An id that is there already stays with its row.
  void insert(std::span<const Uuid> ids, std::uint32_t first_row);
  // Every entry, in no order. For sealing, when nothing is added any more.
  [[nodiscard]] std::vector<Entry> entries() const;

 private:
  static constexpr std::uint32_t free_row = ~std::uint32_t{0};
  struct Table {
    std::vector<Entry> entries = std::vector<Entry>(8, Entry{{}, free_row});
    std::size_t used = 0;

    // Where the id is, or the free place where it would go.
    [[nodiscard]] std::size_t slot_of(const Uuid& id, std::uint32_t hash) const;
    void insert(const Uuid& id, std::uint32_t hash, std::uint32_t row);
    void grow();
  };
  static constexpr std::size_t table_count = 16;

  mutable std::mutex mutex_;
  std::array<Table, table_count> tables_;
};

}  // namespace stele::engine
