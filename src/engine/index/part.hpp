// part.hpp - what the index knows about one contiguous range of positions: still growing in memory
// (active_part.hpp) or sealed in a file (sealed_part.hpp). Queries, stream reads and the writer's decisions ask
// through this door and cannot tell the two apart.
//
// A part answers exactly or not at all: `corrupt` says that its file is damaged, and the caller has
// Index::heal() make it anew from the log. Names are compared in full, a hash alone never decides.
//
// Threading: every member from any thread. Entries of an active part are added when an append is staged, before
// it is durable: readers pass the visible head as `until` and never see beyond it, the writer passes the last
// position.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/index/location.hpp"
#include "stele/store.hpp"

namespace stele::engine {

// What has posting lists: names of which there are many.
enum class TermKind : std::uint8_t { stream = 1, tag = 2 };
// What has a dense column: names of which there are few.
enum class ColumnKind : std::uint8_t { type = 1, category = 2 };

// One bit per event type, chosen by a hash that never changes: which types may be among some events. A bit
// that is not set is certain, one that is set is not.
using TypeMask = std::uint64_t;
[[nodiscard]] TypeMask mask_of_type(std::string_view type);

// The positions of one term in one part, ascending, in blocks of at most `block_positions`.
class Postings {
 public:
  static constexpr std::size_t block_positions = 128;
  struct Block {
    Position first;
    Position last;
    std::uint32_t count = 0;
    TypeMask types = 0;
  };

  virtual ~Postings() = default;
  [[nodiscard]] virtual std::uint64_t count() const = 0;  // at least 1
  [[nodiscard]] virtual Position first() const = 0;
  [[nodiscard]] virtual Position last() const = 0;
  [[nodiscard]] virtual TypeMask types() const = 0;
  // Streams only: the revision of the first of these positions; the others follow densely.
  [[nodiscard]] virtual Revision first_revision() const = 0;

  [[nodiscard]] virtual std::size_t blocks() const = 0;
  virtual result<Block> block(std::size_t index) const = 0;
  // Block `index`'s positions, as many as block(index).count.
  virtual result<std::size_t> decode(std::size_t index, std::span<Position, block_positions> into) const = 0;
};

// One name of a column: its code in this part's rows, and where it occurs.
struct ColumnName {
  std::uint32_t code = 0;
  std::uint64_t count = 0;
  Position first;
  Position last;
};

class Part {
 public:
  virtual ~Part() = default;

  // The range [first, last]; an active part's last() grows. Empty: last() is before first().
  [[nodiscard]] virtual Position first() const = 0;
  [[nodiscard]] virtual Position last() const = 0;

  // Where the event lies; offset 0 when it is not there any more (lost to damage, or removed by compaction).
  virtual result<Location> location(Position position) const = 0;

  // postings() comes next: what it looks at first is fetched meanwhile.
  virtual void expect_term(TermKind /*kind*/, std::string_view /*name*/) const {}
  // Nothing: the term does not occur at or before `until`. The answer stays valid while the part lives.
  virtual result<std::unique_ptr<Postings>> postings(TermKind kind, std::string_view name,
                                                     Position until) const = 0;
  // Nothing: no event has it. In an active part counts and `last` may run ahead of the visible head.
  virtual result<std::optional<ColumnName>> find_name(ColumnKind kind, std::string_view name) const = 0;
  // The codes of the rows from `from` on, as many as fit; the caller stays inside the part (asserted). A row of
  // an event that is not there any more has the code `no_code`.
  virtual result<void> codes(ColumnKind kind, Position from, std::span<std::uint32_t> into) const = 0;
  static constexpr std::uint32_t no_code = ~std::uint32_t{0};

  // find_id() comes next: what it looks at first is fetched meanwhile.
  virtual void expect_id(const Uuid& /*id*/) const {}
  // The event with this id, exact.
  virtual result<std::optional<Position>> find_id(const Uuid& id) const = 0;
};

}  // namespace stele::engine
