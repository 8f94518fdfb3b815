// term_table.cpp - a sharded hash table of posting lists, and the names in order for whoever lists them.
#include "engine/index/term_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <new>

#include "base/assert.hpp"
#include "engine/index/name_hash.hpp"

namespace stele::engine {
namespace {

// How many of a term's rows may be seen: nearly always all of them.
std::size_t visible_rows(std::span<const std::uint32_t> rows, std::uint64_t last_row) {
  if (rows.back() <= last_row) return rows.size();
  const auto beyond = std::ranges::partition_point(rows, [&](std::uint32_t row) { return row <= last_row; });
  return static_cast<std::size_t>(beyond - rows.begin());
}

// Where `count` of what grows by powers of two stand: where they are, or a larger place.
template <class T>
T* room_for(std::size_t count, std::span<const T> now, std::size_t inside, std::pmr::memory_resource& arena) {
  const auto room = std::bit_ceil(count);
  if (now.size() > inside && std::bit_ceil(now.size()) == room) return const_cast<T*>(now.data());
  auto* const made = static_cast<T*>(arena.allocate(room * sizeof(T), alignof(T)));
  std::ranges::copy(now, made);
  return made;
}

std::uint64_t hash_of(std::string_view name) { return hash_name(0, name); }

}  // namespace

void ActiveTerm::add(std::uint32_t row, std::span<const TypeMask> types, bool tombstone,
                     std::pmr::memory_resource& arena) {
  STELE_ASSERT(count_ == 0 || rows().back() < row, "a term's rows grow", row);
  const auto count = count_ + types.size();
  const auto blocks = blocks_of(count);
  if (count > few) rows_.all = room_for(count, rows(), few, arena);
  if (blocks > 1) types_.all = room_for(blocks, block_types(), 1, arena);
  auto* const to_rows = count > few ? rows_.all : rows_.some.data();
  auto* const to_types = blocks > 1 ? types_.all : &types_.first;
  for (const auto type : types) {
    auto& block = to_types[count_ / Postings::block_positions];
    block = (count_ % Postings::block_positions == 0 ? 0 : block) | type;
    to_rows[count_++] = row++;
  }
  tombstoned_ = tombstone;
  STELE_ASSERT(count_ == count && rows().back() + 1 == row, "every row was added", count_, count, row);
}

std::size_t TermTable::Shard::slot_of(std::uint64_t hash, std::string_view name) const {
  const auto mask = slots.size() - 1;
  STELE_ASSERT((slots.size() & mask) == 0 && terms.size() < slots.size(), "a probe meets a free place",
               terms.size(), slots.size());
  auto slot = static_cast<std::size_t>(hash) & mask;
  while (slots[slot].term != nullptr && (slots[slot].hash != hash || slots[slot].term->name() != name)) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void TermTable::Shard::grow() {
  std::vector<Slot> old(slots.size() * 2);
  old.swap(slots);
  const auto mask = slots.size() - 1;
  for (const auto& known : old) {
    if (known.term == nullptr) continue;
    auto slot = static_cast<std::size_t>(known.hash) & mask;
    while (slots[slot].term != nullptr) slot = (slot + 1) & mask;
    slots[slot] = known;
  }
}

ActiveTerm& TermTable::Shard::make(std::uint64_t hash, std::string_view name, Revision first_revision) {
  STELE_ASSERT(name.size() <= std::numeric_limits<std::uint16_t>::max(), "names are short", name.size());
  if ((terms.size() + 1) * 4 > slots.size() * 3) grow();
  auto* const place =
      static_cast<char*>(arena.allocate(sizeof(ActiveTerm) + name.size(), alignof(ActiveTerm)));
  std::memcpy(place + sizeof(ActiveTerm), name.data(), name.size());
  auto* const term = new (place) ActiveTerm(name.size(), first_revision);
  auto& slot = slots[slot_of(hash, name)];
  STELE_ASSERT(slot.term == nullptr, "a term stands once", name);
  slot = {hash, term};
  terms.push_back(term);
  return *term;
}

void TermTable::add(std::string_view name, std::uint32_t row, std::span<const TypeMask> types,
                    Revision first_revision, bool tombstone) {
  STELE_ASSERT(!types.empty(), "a term stands for events", row);
  const auto hash = hash_of(name);
  auto& shard = const_cast<Shard&>(shard_of(hash));
  const std::lock_guard lock(shard.mutex);
  auto* known = shard.slots[shard.slot_of(hash, name)].term;
  auto& term = known != nullptr ? *known : shard.make(hash, name, first_revision);
  STELE_ASSERT(first_revision == Revision{} ||
                   first_revision.value() == term.first_revision().value() + term.rows().size(),
               "the revisions of a stream are dense in a part", first_revision.value(), term.rows().size());
  term.add(row, types, tombstone, shard.arena);
}

std::optional<TermTable::Found> TermTable::find(std::string_view name, std::uint64_t last_row) const {
  const auto hash = hash_of(name);
  const auto& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const auto* const term = shard.slots[shard.slot_of(hash, name)].term;
  if (term == nullptr) return std::nullopt;
  const auto visible = visible_rows(term->rows(), last_row);
  if (visible == 0) return std::nullopt;
  return Found{&shard.mutex, term, visible};
}

// New names are few between two listings: they are sorted alone and merged in.
void TermTable::sort_terms() const {
  const auto sorted = static_cast<std::ptrdiff_t>(order_.size());
  for (std::size_t i = 0; i < shard_count; ++i) {
    const auto& shard = shards_[i];
    const std::lock_guard lock(shard.mutex);
    STELE_ASSERT(ordered_[i] <= shard.terms.size(), "what is in order is there", ordered_[i],
                 shard.terms.size());
    order_.insert(order_.end(), shard.terms.begin() + static_cast<std::ptrdiff_t>(ordered_[i]),
                  shard.terms.end());
    ordered_[i] = shard.terms.size();
  }
  const auto by_name = [](const ActiveTerm* a, const ActiveTerm* b) { return a->name() < b->name(); };
  std::sort(order_.begin() + sorted, order_.end(), by_name);
  std::inplace_merge(order_.begin(), order_.begin() + sorted, order_.end(), by_name);
}

std::vector<std::string> TermTable::names(std::string_view prefix, std::string_view after,
                                          std::size_t limit) const {
  const std::lock_guard ordering(order_mutex_);
  sort_terms();
  auto at = prefix > after ? std::ranges::lower_bound(order_, prefix, {}, &ActiveTerm::name)
                           : std::ranges::upper_bound(order_, after, {}, &ActiveTerm::name);
  std::vector<std::string> some;
  for (; at != order_.end() && some.size() < limit && (*at)->name().starts_with(prefix); ++at) {
    some.emplace_back((*at)->name());
  }
  return some;
}

std::vector<const ActiveTerm*> TermTable::sorted() const {
  const std::lock_guard ordering(order_mutex_);
  sort_terms();
  return order_;
}

}  // namespace stele::engine
