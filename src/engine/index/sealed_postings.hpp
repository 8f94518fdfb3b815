// sealed_postings.hpp - the posting list of one term in an index file: parsing it, its blocks, its rows.
#pragma once

#include "engine/index/sealed_part.hpp"

namespace stele::engine {

result<SealedTerm> parse_sealed_term(const SealedFile& file, std::uint32_t index);
result<SealedPart::Block> sealed_block(const SealedFile& file, const SealedTerm& term, std::uint64_t index);
// `into` has room for the block's count.
result<std::size_t> decode_sealed_block(const SealedFile& file, const SealedTerm& term,
                                        const SealedPart::Block& block, std::span<std::uint32_t> into);

class SealedPostings final : public IndexPostings {
 public:
  // Nothing when no position is at or before `until`.
  static result<std::unique_ptr<Postings>> open(const SealedPart& part, const SealedTerm& term,
                                                Position until);

  [[nodiscard]] std::uint64_t count() const override { return count_; }
  [[nodiscard]] Position first() const override { return position_of(term_.first_row); }
  [[nodiscard]] Position last() const override { return position_of(last_row_); }
  [[nodiscard]] TypeMask types() const override { return term_.types; }
  [[nodiscard]] Revision first_revision() const override { return term_.first_revision; }
  [[nodiscard]] std::size_t blocks() const override { return blocks_; }
  result<Block> block(std::size_t index) const override;
  result<std::size_t> decode(std::size_t index, std::span<Position, block_positions> into) const override;
  result<Place> place_of(std::uint64_t ordinal) const override;

 private:
  SealedPostings(const SealedPart& part, const SealedTerm& term)
      : part_(part),
        term_(term),
        count_(term.count),
        last_row_(term.last_row),
        blocks_(static_cast<std::size_t>(term.blocks)) {}
  result<bool> end_at(std::uint32_t row);  // false: nothing is left
  [[nodiscard]] Position position_of(std::uint32_t row) const {
    return Position(part_.first().value() + row);
  }

  const SealedPart& part_;
  SealedTerm term_;
  std::uint64_t count_;
  std::uint32_t last_row_;
  std::size_t blocks_;
};

}  // namespace stele::engine
