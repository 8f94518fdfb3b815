// term_table.cpp - a sharded hash table of posting lists, and the names in order for whoever lists them.
#include "engine/index/term_table.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

// How many of a term's rows may be seen: nearly always all of them.
std::size_t visible_rows(const std::vector<std::uint32_t>& rows, std::uint64_t last_row) {
  if (rows.back() <= last_row) return rows.size();
  const auto beyond = std::ranges::partition_point(rows, [&](std::uint32_t row) { return row <= last_row; });
  return static_cast<std::size_t>(beyond - rows.begin());
}

void add_rows(ActiveTerm& term, std::uint32_t row, std::span<const TypeMask> types) {
  STELE_ASSERT(term.rows.empty() || term.rows.back() < row, "a term's rows grow", row);
  for (const auto type : types) {
    if (term.rows.size() % Postings::block_positions == 0) term.block_types.push_back(0);
    term.block_types.back() |= type;
    term.rows.push_back(row++);
  }
  STELE_ASSERT((term.rows.size() - 1) / Postings::block_positions + 1 == term.block_types.size(),
               "every block has its types", term.rows.size(), term.block_types.size());
}

}  // namespace

const TermTable::Shard& TermTable::shard_of(std::string_view name) const {
  // The low bits choose the bucket inside the map; the high ones are free to choose the shard.
  return shards_[NameHash{}(name) >> 60 & (shard_count - 1)];
}

void TermTable::add(std::string_view name, std::uint32_t row, std::span<const TypeMask> types,
                    Revision first_revision, bool tombstone) {
  STELE_ASSERT(!types.empty(), "a term stands for events", row);
  auto& shard = const_cast<Shard&>(shard_of(name));
  const std::lock_guard lock(shard.mutex);
  auto found = shard.terms.find(name);
  if (found == shard.terms.end()) {
    found = shard.terms.emplace(std::string(name), ActiveTerm{}).first;
    found->second.first_revision = first_revision;
    const std::lock_guard ordering(order_mutex_);
    order_.push_back(found->first);
  }
  auto& term = found->second;
  STELE_ASSERT(first_revision == Revision{} ||
                   first_revision.value() == term.first_revision.value() + term.rows.size(),
               "the revisions of a stream are dense in a part", first_revision.value(), term.rows.size());
  add_rows(term, row, types);
  term.tombstoned = tombstone;
}

std::optional<TermTable::Found> TermTable::find(std::string_view name, std::uint64_t last_row) const {
  const auto& shard = shard_of(name);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.terms.find(name);
  if (found == shard.terms.end()) return std::nullopt;
  const auto visible = visible_rows(found->second.rows, last_row);
  if (visible == 0) return std::nullopt;
  return Found{&shard.mutex, &found->second, visible};
}

// New names are few between two listings: they are sorted alone and merged in.
void TermTable::sort_names() const {
  STELE_ASSERT(sorted_ <= order_.size(), "what is sorted is there", sorted_, order_.size());
  const auto middle = order_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  std::sort(middle, order_.end());
  std::inplace_merge(order_.begin(), middle, order_.end());
  sorted_ = order_.size();
}

std::vector<std::string> TermTable::names(std::string_view prefix, std::string_view after,
                                          std::size_t limit) const {
  const std::lock_guard ordering(order_mutex_);
  sort_names();
  auto at =
      prefix > after ? std::ranges::lower_bound(order_, prefix) : std::ranges::upper_bound(order_, after);
  std::vector<std::string> some;
  for (; at != order_.end() && some.size() < limit && at->starts_with(prefix); ++at) some.emplace_back(*at);
  return some;
}

std::vector<TermTable::Entry> TermTable::sorted() const {
  std::vector<std::string_view> order;
  {
    const std::lock_guard ordering(order_mutex_);
    sort_names();
    order = order_;
  }
  std::vector<Entry> all;
  all.reserve(order.size());
  for (const auto name : order) {
    const auto& shard = shard_of(name);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.terms.find(name);
    STELE_ASSERT(found != shard.terms.end(), "a name in the order is in the table", name);
    all.push_back({name, &found->second});
  }
  return all;
}

}  // namespace stele::engine
