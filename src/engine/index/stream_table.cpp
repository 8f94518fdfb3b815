// stream_table.cpp - sharded hash table of posting lists.
#include "engine/index/stream_table.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

// How many of a stream's positions a reader at `head` may see: nearly always all of them. (Lost ones, position 0,
// lie only in a damaged log, which nobody appends to, so none ever lies behind one that is beyond the head.)
std::size_t visible_count(const std::vector<Position>& postings, Position head) {
  if (postings.empty() || postings.back() <= head) return postings.size();
  const auto beyond = std::ranges::partition_point(postings, [head](Position at) { return at <= head; });
  return static_cast<std::size_t>(beyond - postings.begin());
}

std::optional<StreamInfo> stream_info_of(std::string_view name, const std::vector<Position>& postings,
                                         Position head) {
  const auto count = visible_count(postings, head);
  if (count == 0) return std::nullopt;
  return StreamInfo{std::string(name), Revision(count - 1), count, postings.front(), postings[count - 1]};
}

}  // namespace

const StreamTable::Shard& StreamTable::shard_of(std::string_view stream) const {
  // The low bits choose the bucket inside the map; the high ones are free to choose the shard.
  return shards_[NameHash{}(stream) >> 58 & (shard_count - 1)];
}

Revision StreamTable::next_revision(std::string_view stream) const {
  const auto& shard = shard_of(stream);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.streams.find(stream);
  return Revision(found == shard.streams.end() ? 0 : found->second.size());
}

void StreamTable::add(std::string_view stream, Revision at, Position first, std::uint64_t count) {
  STELE_ASSERT(first.value() >= 1 && count >= 1, "positions begin at 1", first.value(), count);
  auto& shard = const_cast<Shard&>(shard_of(stream));
  const std::lock_guard lock(shard.mutex);
  auto found = shard.streams.find(stream);
  if (found == shard.streams.end()) found = shard.streams.emplace(std::string(stream), Postings{}).first;
  auto& postings = found->second;
  STELE_ASSERT(postings.size() <= at.value(), "a revision is given once", at.value(), postings.size());
  STELE_ASSERT(postings.empty() || postings.back() < first, "a stream's positions grow", first.value());
  postings.resize(at.value());
  for (std::uint64_t i = 0; i < count; ++i) postings.emplace_back(first.value() + i);
  STELE_ASSERT(postings.size() == at.value() + count, "revisions are dense", postings.size(), at.value(),
               count);
}

std::vector<Position> StreamTable::positions(std::string_view stream, Revision from, std::size_t count,
                                             Position head) const {
  const auto& shard = shard_of(stream);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.streams.find(stream);
  if (found == shard.streams.end()) return {};
  const auto& postings = found->second;
  const auto visible = visible_count(postings, head);
  if (from.value() >= visible) return {};
  const auto begin = postings.begin() + static_cast<std::ptrdiff_t>(from.value());
  const auto taken = std::min<std::uint64_t>(count, visible - from.value());
  STELE_ASSERT(from.value() + taken <= postings.size(), "the range lies in the stream", from.value(), taken,
               postings.size());
  return {begin, begin + static_cast<std::ptrdiff_t>(taken)};
}

std::optional<StreamInfo> StreamTable::info(std::string_view stream, Position head) const {
  const auto& shard = shard_of(stream);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.streams.find(stream);
  if (found == shard.streams.end()) return std::nullopt;
  return stream_info_of(stream, found->second, head);
}

std::vector<StreamInfo> StreamTable::list(std::string_view prefix, std::string_view after, std::size_t limit,
                                          Position head) const {
  std::vector<StreamInfo> all;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [name, postings] : shard.streams) {
      if (!name.starts_with(prefix) || (!after.empty() && name <= after)) continue;
      if (auto info = stream_info_of(name, postings, head)) all.push_back(std::move(*info));
    }
  }
  const auto kept = all.begin() + static_cast<std::ptrdiff_t>(std::min(limit, all.size()));
  std::ranges::partial_sort(all, kept, {}, &StreamInfo::stream);
  all.erase(kept, all.end());
  STELE_ASSERT(all.size() <= limit, "no more names than asked for", all.size(), limit);
  return all;
}

}  // namespace stele::engine
