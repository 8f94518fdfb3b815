// stream_table.hpp - which positions belong to which stream, in memory. Names are compared in full; a hash
// only chooses where to look.
//
// Entries are added when an append is staged, before it is durable. So readers pass the visible head and
// never see beyond it; the writer, which must see staged appends, passes none.
//
// Threading: every member from any thread; a shard's lock is held for a look-up or a short copy, never during
// I/O.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "stele/store.hpp"

namespace stele::engine {

class StreamTable {
 public:
  // The revision that the next event of the stream gets, staged ones included.
  [[nodiscard]] Revision next_revision(std::string_view stream) const;

  // Revisions from `at` on have the positions from `first` on. Revisions skipped by a damaged log are
  // remembered as lost: they read as position 0.
  void add(std::string_view stream, Revision at, Position first, std::uint64_t count);

  // The positions of revisions [from, from + count) that are not beyond `head`; 0 for a lost one. Empty:
  // none, or no such stream.
  [[nodiscard]] std::vector<Position> positions(std::string_view stream, Revision from, std::size_t count,
                                                Position head) const;

  [[nodiscard]] std::optional<StreamInfo> info(std::string_view stream, Position head) const;
  // By name, after `after`, with this prefix. Walks every name.
  [[nodiscard]] std::vector<StreamInfo> list(std::string_view prefix, std::string_view after,
                                             std::size_t limit, Position head) const;

 private:
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  using Postings = std::vector<Position>;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Postings, NameHash, std::equal_to<>> streams;
  };

  static constexpr std::size_t shard_count = 64;
  [[nodiscard]] const Shard& shard_of(std::string_view stream) const;

  std::array<Shard, shard_count> shards_;
};

}  // namespace stele::engine
