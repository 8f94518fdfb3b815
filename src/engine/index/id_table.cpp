// id_table.cpp - linear probing over power-of-two tables.
#include "engine/index/id_table.hpp"

#include "base/assert.hpp"
#include "engine/index/name_hash.hpp"

namespace stele::engine {
namespace {

// The high bits choose the shard, the low ones the slot in it.
std::size_t shard_index(std::uint32_t hash) { return hash >> 28; }

}  // namespace

std::size_t IdTable::Shard::slot_of(const Uuid& id, std::uint32_t hash) const {
  const auto mask = entries.size() - 1;
  STELE_ASSERT((entries.size() & mask) == 0, "tables are powers of two", entries.size());
  STELE_ASSERT(used < entries.size(), "a probe meets a free place", used, entries.size());
  auto slot = hash & mask;
  while (entries[slot].row != free_row && entries[slot].id != id) slot = (slot + 1) & mask;
  return slot;
}

void IdTable::Shard::grow() {
  std::vector<Entry> old(entries.size() * 2, Entry{{}, free_row});
  old.swap(entries);
  for (const auto& entry : old) {
    if (entry.row == free_row) continue;
    auto& place = entries[slot_of(entry.id, hash_id(entry.id))];
    STELE_ASSERT(place.row == free_row, "an id stands once", place.row, entry.row);
    place = entry;
  }
}

std::optional<std::uint32_t> IdTable::find(const Uuid& id) const {
  const auto hash = hash_id(id);
  const auto& shard = shards_[shard_index(hash)];
  const std::lock_guard lock(shard.mutex);
  const auto& entry = shard.entries[shard.slot_of(id, hash)];
  if (entry.row == free_row) return std::nullopt;
  return entry.row;
}

bool IdTable::insert(const Uuid& id, std::uint32_t row) {
  STELE_ASSERT(row != free_row, "a row fits its number", row);
  const auto hash = hash_id(id);
  auto& shard = shards_[shard_index(hash)];
  const std::lock_guard lock(shard.mutex);
  if ((shard.used + 1) * 4 > shard.entries.size() * 3) shard.grow();
  auto& entry = shard.entries[shard.slot_of(id, hash)];
  if (entry.row != free_row) return false;
  entry = {id, row};
  ++shard.used;
  STELE_ASSERT(shard.used * 4 <= shard.entries.size() * 3, "a quarter stays free", shard.used,
               shard.entries.size());
  return true;
}

std::vector<IdTable::Entry> IdTable::entries() const {
  std::vector<Entry> all;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& entry : shard.entries) {
      if (entry.row != free_row) all.push_back(entry);
    }
  }
  return all;
}

}  // namespace stele::engine
