// id_table.hpp - event id to position, exact (the whole id is the key), in memory. What makes a repeated
// append recognisable.
//
// Open addressing without removal: 24 bytes an entry, at most three quarters full; in shards, so that growing
// stops the writer only for a part of it. Threading: every member from any thread.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <vector>

#include "stele/types.hpp"

namespace stele::engine {

class IdTable {
 public:
  [[nodiscard]] std::optional<Position> find(const Uuid& id) const;
  // False, and nothing changes, when the id is there already.
  bool insert(const Uuid& id, Position position);

 private:
  struct Entry {
    Uuid id;
    Position position;  // 0: free
  };
  struct Shard {
    mutable std::mutex mutex;
    std::vector<Entry> entries = std::vector<Entry>(64);
    std::size_t used = 0;

    // Where the id is, or the free place where it would go.
    [[nodiscard]] std::size_t slot_of(const Uuid& id, std::size_t hash) const;
    void grow();
  };
  static constexpr std::size_t shard_count = 64;

  std::array<Shard, shard_count> shards_;
};

}  // namespace stele::engine
