// sealed_postings.cpp - terms are parsed with every bound checked, blocks are decoded one at a time.
#include "engine/index/sealed_postings.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace stele::engine {
namespace {

using base::load_le;
using layout::Section;

// Longer than everything in front of the skips: a name, six numbers, the types.
constexpr std::uint64_t longest_term_head = 768;

// Takes numbers out of the bytes of a term; one that is cut short makes the whole bad.
class TermParser {
 public:
  explicit TermParser(std::string_view bytes) : bytes_(bytes), size_(bytes.size()) {}
  std::uint64_t varint() {
    const auto value = layout::take_varint(bytes_);
    bad_ = bad_ || !value;
    return value.value_or(0);
  }
  std::uint32_t row() {
    const auto value = varint();
    bad_ = bad_ || value > ~std::uint32_t{0};
    return static_cast<std::uint32_t>(value);
  }
  std::string_view take(std::size_t count) {
    bad_ = bad_ || count > bytes_.size();
    const auto taken = bytes_.substr(0, bad_ ? 0 : count);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::uint64_t u64() {
    const auto taken = take(8);
    return bad_ ? 0 : load_le<std::uint64_t>(taken.data());
  }
  [[nodiscard]] bool bad() const { return bad_; }
  [[nodiscard]] std::uint64_t used() const { return size_ - bytes_.size(); }

 private:
  std::string_view bytes_;
  std::size_t size_;
  bool bad_ = false;
};

bool makes_sense(const SealedTerm& term, std::uint64_t size) {
  const bool kind = term.kind == TermKind::stream || term.kind == TermKind::tag;
  const bool rows = term.count >= 1 && term.first_row <= term.last_row &&
                    term.count <= std::uint64_t{term.last_row} - term.first_row + 1;
  const bool blocks = term.blocks >= 1 && term.blocks <= term.count;
  return kind && rows && blocks && term.rows_bytes <= size;
}

}  // namespace

result<SealedTerm> parse_sealed_term(const SealedFile& file, std::uint32_t index) {
  STELE_TRY(const auto place, file.view(Section::term_places, std::uint64_t{index} * 4, 4));
  const auto at = std::uint64_t{load_le<std::uint32_t>(place.data())} * 4;
  STELE_TRY(const auto bytes, file.view_some(Section::terms, at, longest_term_head));
  TermParser parser(bytes);
  const auto front = parser.take(4);
  if (parser.bad()) return file.damaged("a term is cut short");
  const auto flags = static_cast<std::uint8_t>(front[1]);
  SealedTerm term;
  term.kind = TermKind{static_cast<std::uint8_t>(front[0])};
  term.tombstoned = (flags & layout::flag_tombstoned) != 0;
  term.name = parser.take(load_le<std::uint16_t>(front.data() + 2));
  term.count = parser.varint();
  if (term.kind == TermKind::stream) term.first_revision = Revision(parser.varint());
  term.first_row = parser.row();
  term.last_row = term.first_row + (term.count > 1 ? parser.row() : 0);
  term.types = parser.u64();
  const auto left = file.place(Section::terms).size - at;
  if ((flags & layout::flag_skips) != 0) {
    term.blocks = parser.varint();
    term.rows_bytes = parser.varint();
    term.skips_at = at + parser.used();
    if (term.blocks > left / layout::skip_entry) return file.damaged("a term has more blocks than bytes");
    term.rows_at = term.skips_at + term.blocks * layout::skip_entry;
  } else {
    term.rows_at = at + parser.used();
    // How many bytes they have nothing tells: each has one at least and five at most.
    term.rows_bytes = std::min(left - parser.used(), (term.count - 1) * 5);
  }
  if (parser.bad() || !makes_sense(term, left)) return file.damaged("a term makes no sense");
  return term;
}

result<SealedPart::Block> sealed_block(const SealedFile& file, const SealedTerm& term, std::uint64_t index) {
  STELE_ASSERT(index < term.blocks, "there is such a block", index, term.blocks);
  SealedPart::Block block{
      term.first_row, term.last_row, 0, static_cast<std::uint32_t>(term.count), term.types, 0,
      term.rows_bytes};
  if (term.blocks > 1) {
    const bool last = index + 1 == term.blocks;
    STELE_TRY(const auto bytes, file.view(Section::terms, term.skips_at + index * layout::skip_entry,
                                          (last ? 1 : 2) * layout::skip_entry));
    const auto* const skip = bytes.data();
    block.first_row = load_le<std::uint32_t>(skip);
    block.last_row = load_le<std::uint32_t>(skip + 4);
    block.before = load_le<std::uint32_t>(skip + 8);
    block.at = load_le<std::uint32_t>(skip + 12);
    block.types = load_le<std::uint64_t>(skip + 16);
    const auto next = last ? term.count : load_le<std::uint32_t>(skip + layout::skip_entry + 8);
    const auto next_at = last ? term.rows_bytes : load_le<std::uint32_t>(skip + layout::skip_entry + 12);
    if (next <= block.before || next_at < block.at || next_at > term.rows_bytes) {
      return file.damaged("the blocks of a term are not in order");
    }
    block.count = static_cast<std::uint32_t>(next - block.before);
    block.size = next_at - block.at;
  }
  if (block.count > Postings::block_positions || block.first_row > block.last_row) {
    return file.damaged("a block of a term makes no sense");
  }
  return block;
}

result<std::size_t> decode_sealed_block(const SealedFile& file, const SealedTerm& term,
                                        const SealedPart::Block& block, std::span<std::uint32_t> into) {
  STELE_ASSERT(into.size() >= block.count, "there is room for the block", into.size(), block.count);
  STELE_TRY(auto bytes, file.view(Section::terms, term.rows_at + block.at, block.size));
  auto row = std::uint64_t{block.first_row};
  into[0] = block.first_row;
  for (std::size_t i = 1; i < block.count; ++i) {
    const auto step = layout::take_varint(bytes);
    row += step.value_or(0) + 1;
    if (!step || row > block.last_row) return file.damaged("a block of a term goes astray");
    into[i] = static_cast<std::uint32_t>(row);
  }
  if (row != block.last_row) return file.damaged("a block of a term ends in the wrong place");
  return block.count;
}

// ---- The list as others see it

result<std::unique_ptr<Postings>> SealedPostings::open(const SealedPart& part, const SealedTerm& term,
                                                       Position until) {
  std::unique_ptr<SealedPostings> postings(new SealedPostings(part, term));
  const auto last_row = until.value() - part.first().value();
  if (term.last_row > last_row) {
    if (term.first_row > last_row) return nullptr;
    STELE_TRY(const bool some, postings->end_at(static_cast<std::uint32_t>(last_row)));
    if (!some) return part.file().damaged("a term has other rows than it says");
  }
  return std::unique_ptr<Postings>(std::move(postings));
}

// A reader of an earlier head sees the list end there.
result<bool> SealedPostings::end_at(std::uint32_t row) {
  std::uint64_t low = 0;
  auto high = term_.blocks;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(const auto known, part_.block(term_, middle));
    (known.first_row <= row ? low : high) = known.first_row <= row ? middle + 1 : middle;
  }
  if (low == 0) return false;
  STELE_TRY(const auto last, part_.block(term_, low - 1));
  std::array<std::uint32_t, block_positions> rows{};
  STELE_TRY(const auto count, part_.decode(term_, last, rows));
  const auto behind = std::upper_bound(rows.begin(), rows.begin() + count, row);
  if (behind == rows.begin()) return false;
  blocks_ = static_cast<std::size_t>(low);
  count_ = last.before + static_cast<std::uint64_t>(behind - rows.begin());
  last_row_ = *std::prev(behind);
  return true;
}

result<Postings::Block> SealedPostings::block(std::size_t index) const {
  STELE_ASSERT(index < blocks_, "there is such a block", index, blocks_);
  STELE_TRY(const auto known, part_.block(term_, index));
  if (known.before >= count_) return part_.file().damaged("a term has more blocks than rows");
  const auto count = std::min<std::uint64_t>(known.count, count_ - known.before);
  return Block{position_of(known.first_row), position_of(std::min(known.last_row, last_row_)),
               static_cast<std::uint32_t>(count), known.types};
}

result<std::size_t> SealedPostings::decode(std::size_t index,
                                           std::span<Position, block_positions> into) const {
  STELE_ASSERT(index < blocks_, "there is such a block", index, blocks_);
  STELE_TRY(const auto known, part_.block(term_, index));
  if (known.before >= count_) return part_.file().damaged("a term has more blocks than rows");
  std::array<std::uint32_t, block_positions> rows{};
  STELE_TRY(const auto all, part_.decode(term_, known, rows));
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(all, count_ - known.before));
  std::transform(rows.begin(), rows.begin() + count, into.begin(),
                 [this](std::uint32_t row) { return position_of(row); });
  return count;
}

result<IndexPostings::Place> SealedPostings::place_of(std::uint64_t ordinal) const {
  STELE_ASSERT(ordinal < count_, "there is such a position", ordinal, count_);
  std::uint64_t low = 0;
  std::uint64_t high = blocks_;
  while (high - low > 1) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(const auto known, part_.block(term_, middle));
    (known.before <= ordinal ? low : high) = middle;
  }
  STELE_TRY(const auto known, part_.block(term_, low));
  if (known.before > ordinal) return part_.file().damaged("the blocks of a term are not in order");
  return Place{static_cast<std::size_t>(low), ordinal - known.before};
}

}  // namespace stele::engine
