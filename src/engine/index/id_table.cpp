// id_table.cpp - linear probing over power-of-two tables.
#include "engine/index/id_table.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "engine/index/name_hash.hpp"

namespace stele::engine {
namespace {

// The high bits choose the table, the low ones the slot in it.
std::size_t table_index(std::uint32_t hash) { return hash >> 28; }

}  // namespace

std::size_t IdTable::Table::slot_of(const Uuid& id, std::uint32_t hash) const {
  const auto mask = entries.size() - 1;
  STELE_ASSERT((entries.size() & mask) == 0, "tables are powers of two", entries.size());
  STELE_ASSERT(used < entries.size(), "a probe meets a free place", used, entries.size());
  auto slot = hash & mask;
  while (entries[slot].row != free_row && entries[slot].id != id) slot = (slot + 1) & mask;
  return slot;
}

void IdTable::Table::grow() {
  std::vector<Entry> old(entries.size() * 2, Entry{{}, free_row});
  old.swap(entries);
  for (const auto& entry : old) {
    if (entry.row == free_row) continue;
    auto& place = entries[slot_of(entry.id, hash_id(entry.id))];
    STELE_ASSERT(place.row == free_row, "an id stands once", place.row, entry.row);
    place = entry;
  }
}

void IdTable::Table::insert(const Uuid& id, std::uint32_t hash, std::uint32_t row) {
  STELE_ASSERT(row != free_row, "a row fits its number", row);
  if ((used + 1) * 4 > entries.size() * 3) grow();
  auto& entry = entries[slot_of(id, hash)];
  if (entry.row != free_row) return;
  entry = {id, row};
  ++used;
  STELE_ASSERT(used * 4 <= entries.size() * 3, "a quarter stays free", used, entries.size());
}

std::optional<std::uint32_t> IdTable::find(const Uuid& id) const {
  const auto hash = hash_id(id);
  const std::lock_guard lock(mutex_);
  const auto& table = tables_[table_index(hash)];
  const auto& entry = table.entries[table.slot_of(id, hash)];
  if (entry.row == free_row) return std::nullopt;
  return entry.row;
}

// Every slot lies somewhere else in memory: all of some are asked for before the first one is needed.
void IdTable::insert(std::span<const Uuid> ids, std::uint32_t first_row) {
  constexpr std::size_t at_once = 64;
  std::array<std::uint32_t, at_once> hashes{};
  const std::lock_guard lock(mutex_);
  while (!ids.empty()) {
    const auto some = ids.first(std::min(ids.size(), at_once));
    for (std::size_t i = 0; i < some.size(); ++i) {
      hashes[i] = hash_id(some[i]);
      const auto& entries = tables_[table_index(hashes[i])].entries;
      __builtin_prefetch(&entries[hashes[i] & (entries.size() - 1)], 1);
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
      tables_[table_index(hashes[i])].insert(some[i], hashes[i], first_row++);
    }
    ids = ids.subspan(some.size());
  }
}

std::vector<IdTable::Entry> IdTable::entries() const {
  std::vector<Entry> all;
  const std::lock_guard lock(mutex_);
  for (const auto& table : tables_) {
    for (const auto& entry : table.entries) {
      if (entry.row != free_row) all.push_back(entry);
    }
  }
  return all;
}

}  // namespace stele::engine
