// sealed_part.hpp - a part of the index that stands in a file: answers out of mapped pages, with nothing in memory
// per event or per stream.
//
// Threading: immutable once it was bound; safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/index/name_hash.hpp"
#include "engine/index/sealed_file.hpp"

namespace stele::engine {

// One term as it stands in a file: everything in front of its rows.
struct SealedTerm {
  TermKind kind = TermKind::stream;
  bool tombstoned = false;
  std::string_view name;
  std::uint64_t count = 0;
  Revision first_revision;
  std::uint32_t first_row = 0;
  std::uint32_t last_row = 0;
  TypeMask types = 0;
  std::uint64_t blocks = 1;
  std::uint64_t skips_at = 0;  // in the section; only when there are several blocks
  std::uint64_t rows_at = 0;
  std::uint64_t rows_bytes = 0;
};

class SealedPart final : public IndexPart {
 public:
  // corrupt as SealedFile::open(), or its list of segments is damaged.
  static result<std::shared_ptr<SealedPart>> open(const io::File& file, TermHash hash = hash_term);

  // Where its segments stand in this process, in the order of segments(). Once, before anybody asks.
  void bind(std::vector<std::uint32_t> ordinals);
  // Appends are to come, whose ids are looked for in every part.
  void expect_new_ids() const;
  [[nodiscard]] const std::vector<CoveredSegment>& segments() const { return segments_; }
  [[nodiscard]] const SealedFile& file() const { return *file_; }
  [[nodiscard]] Timestamp last_recorded_at() const { return file_->header().last_recorded_at; }

  // ---- Answering

  [[nodiscard]] Position first() const override { return file_->header().first; }
  [[nodiscard]] Position last() const override { return file_->header().last; }
  result<Location> location(Position position) const override;
  result<std::unique_ptr<Postings>> postings(TermKind kind, std::string_view name,
                                             Position until) const override;
  result<std::optional<ColumnName>> find_name(ColumnKind kind, std::string_view name) const override;
  result<void> codes(ColumnKind kind, Position from, std::span<std::uint32_t> into) const override;
  void expect_id(const Uuid& id) const override;
  void expect_term(TermKind kind, std::string_view name) const override;
  result<std::optional<Position>> find_id(const Uuid& id) const override;
  result<std::vector<std::string>> streams(std::string_view prefix, std::string_view after,
                                           std::size_t limit) const override;
  result<std::optional<StreamEnd>> stream_end(std::string_view stream) const override;
  result<TimeBracket> around(Timestamp time) const override;
  [[nodiscard]] bool sealed() const override { return true; }

  // ---- For merging, and for the postings

  [[nodiscard]] std::uint64_t rows() const { return last().value() - first().value() + 1; }
  [[nodiscard]] std::uint32_t terms() const {
    return static_cast<std::uint32_t>(file_->place(layout::Section::term_places).size / 4);
  }
  result<SealedTerm> term(std::uint32_t index) const;
  struct Block {
    std::uint32_t first_row = 0;
    std::uint32_t last_row = 0;
    std::uint64_t before = 0;  // rows in the blocks in front of it
    std::uint32_t count = 0;
    TypeMask types = 0;
    std::uint64_t at = 0;  // of its bytes, in those of the term
    std::uint64_t size = 0;
  };
  result<Block> block(const SealedTerm& term, std::uint64_t index) const;
  result<std::size_t> decode(const SealedTerm& term, const Block& block, std::span<std::uint32_t> into) const;
  result<std::uint32_t> names(ColumnKind kind) const { return file_->place(names_section(kind)).parameter; }
  struct NameAt {
    std::string_view text;
    std::uint64_t count = 0;
    std::uint32_t first_row = 0;
    std::uint32_t last_row = 0;
  };
  result<NameAt> name(ColumnKind kind, std::uint32_t code) const;

 private:
  SealedPart(std::unique_ptr<SealedFile> file, TermHash hash) : file_(std::move(file)), hash_(hash) {}
  static layout::Section names_section(ColumnKind kind) {
    return kind == ColumnKind::type ? layout::Section::type_names : layout::Section::category_names;
  }
  [[nodiscard]] std::uint64_t row_of(Position position) const { return position.value() - first().value(); }

  result<void> read_segments();
  result<std::optional<SealedTerm>> find_term(TermKind kind, std::string_view name) const;
  void expect(layout::Section filter, std::uint32_t place) const;
  result<bool> may_have(layout::Section filter, std::uint32_t place, std::uint32_t bits) const;
  // The entries whose hash shares the place in the fan-out.
  result<std::string_view> entries_of(layout::Section section, std::size_t entry_bytes,
                                      std::uint32_t hash) const;

  std::unique_ptr<SealedFile> file_;
  TermHash hash_;
  std::vector<CoveredSegment> segments_;
  std::vector<std::uint32_t> ordinals_;
};

}  // namespace stele::engine
