// id_table.cpp - linear probing over power-of-two tables.
#include "engine/index/id_table.hpp"

#include "base/assert.hpp"

namespace stele::engine {
namespace {

std::size_t shard_index(std::size_t hash) { return hash >> 58; }

}  // namespace

std::size_t IdTable::Shard::slot_of(const Uuid& id, std::size_t hash) const {
  const auto mask = entries.size() - 1;
  STELE_ASSERT((entries.size() & mask) == 0, "tables are powers of two", entries.size());
  STELE_ASSERT(used < entries.size(), "a probe meets a free place", used, entries.size());
  auto slot = hash >> 7 & mask;
  while (entries[slot].position != Position{} && entries[slot].id != id) slot = (slot + 1) & mask;
  return slot;
}

void IdTable::Shard::grow() {
  std::vector<Entry> old(entries.size() * 2);
  old.swap(entries);
  for (const auto& entry : old) {
    if (entry.position == Position{}) continue;
    auto& place = entries[slot_of(entry.id, std::hash<Uuid>{}(entry.id))];
    STELE_ASSERT(place.position == Position{}, "an id stands once", place.position.value(),
                 entry.position.value());
    place = entry;
  }
}

std::optional<Position> IdTable::find(const Uuid& id) const {
  const auto hash = std::hash<Uuid>{}(id);
  const auto& shard = shards_[shard_index(hash)];
  const std::lock_guard lock(shard.mutex);
  const auto& entry = shard.entries[shard.slot_of(id, hash)];
  if (entry.position == Position{}) return std::nullopt;
  return entry.position;
}

bool IdTable::insert(const Uuid& id, Position position) {
  STELE_ASSERT(position != Position{}, "an event has a position");
  const auto hash = std::hash<Uuid>{}(id);
  auto& shard = shards_[shard_index(hash)];
  const std::lock_guard lock(shard.mutex);
  if ((shard.used + 1) * 4 > shard.entries.size() * 3) shard.grow();
  auto& entry = shard.entries[shard.slot_of(id, hash)];
  if (entry.position != Position{}) return false;
  entry = {id, position};
  ++shard.used;
  STELE_ASSERT(shard.used * 4 <= shard.entries.size() * 3, "a quarter stays free", shard.used,
               shard.entries.size());
  return true;
}

}  // namespace stele::engine
