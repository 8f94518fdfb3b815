// section_writers.cpp - how each section of an index file is laid out when it is written.
#include "engine/index/section_writers.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace stele::engine {
namespace {

using layout::Section;

void append_u32(std::string& to, std::uint64_t value) {
  STELE_ASSERT(value <= ~std::uint32_t{0}, "the number fits its place", value);
  std::array<char, 4> bytes{};
  base::store_le<std::uint32_t>(bytes.data(), static_cast<std::uint32_t>(value));
  to.append(bytes.data(), bytes.size());
}

void append_u64(std::string& to, std::uint64_t value) {
  std::array<char, 8> bytes{};
  base::store_le<std::uint64_t>(bytes.data(), value);
  to.append(bytes.data(), bytes.size());
}

void append_head(std::string& to, const TermHead& head, bool skips) {
  STELE_ASSERT(head.count >= 1 && head.first_row <= head.last_row, "a term stands for events", head.count);
  STELE_ASSERT(head.name.size() <= 0xFFFF, "a name has a limit", head.name.size());
  to += static_cast<char>(head.kind);
  to += static_cast<char>((head.tombstoned ? layout::flag_tombstoned : 0) | (skips ? layout::flag_skips : 0));
  to += static_cast<char>(head.name.size() & 0xFF);
  to += static_cast<char>(head.name.size() >> 8);
  to += head.name;
  layout::put_varint(to, head.count);
  if (head.kind == TermKind::stream) layout::put_varint(to, head.first_revision.value());
  layout::put_varint(to, head.first_row);
  if (head.count > 1) layout::put_varint(to, head.last_row - head.first_row);
  append_u64(to, head.types);
}

}  // namespace

void write_segments(IndexFileWriter& file, std::span<const CoveredSegment> segments) {
  STELE_ASSERT(!segments.empty(), "an index file stands for something");
  file.begin(Section::segments);
  for (const auto& segment : segments) {
    STELE_ASSERT(segment.end > 0 && segment.first > Position{}, "a segment has a place and an end",
                 segment.end);
    file.put_u64(segment.first.value());
    file.put_u64(segment.end);
    file.put_u64(segment.salt);
    file.put_u64(segment.frames);
    file.put_u64(segment.events);
  }
}

void write_names(IndexFileWriter& file, ColumnKind kind, std::span<const DictionaryName> names) {
  file.begin(kind == ColumnKind::type ? Section::type_names : Section::category_names,
             static_cast<std::uint32_t>(names.size()));
  std::uint64_t at = 0;
  for (const auto& name : names) {
    std::string entry;
    append_u64(entry, name.count);
    append_u32(entry, name.first_row);
    append_u32(entry, name.last_row);
    append_u32(entry, at);
    append_u32(entry, name.text.size());
    STELE_ASSERT(entry.size() == layout::name_entry, "entries have one size", entry.size());
    file.put(entry);
    at += name.text.size();
  }
  for (const auto& name : names) file.put(name.text);
}

// ---- Columns

std::uint32_t code_width(std::uint64_t names) {
  if (names < 0xFF) return 1;
  return names < 0xFFFF ? 2 : 4;
}

CodeWriter::CodeWriter(IndexFileWriter& file, ColumnKind kind, std::uint64_t names)
    : file_(file), width_(code_width(names)) {
  file_.begin(kind == ColumnKind::type ? Section::types : Section::categories, width_);
}

void CodeWriter::put(std::span<const std::uint32_t> codes) {
  bytes_.clear();
  for (const auto code : codes) {
    std::array<char, 4> bytes{};
    base::store_le<std::uint32_t>(bytes.data(), code);
    bytes_.append(bytes.data(), width_);
  }
  file_.put(bytes_);
}

// ---- Terms

void put_row_steps(std::string& to, std::span<const std::uint32_t> rows) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    STELE_ASSERT(rows[i] > rows[i - 1], "rows ascend", rows[i - 1], rows[i]);
    layout::put_varint(to, rows[i] - rows[i - 1] - 1);
  }
}

void TermWriter::put(TermHead head, std::span<const std::uint32_t> rows,
                     std::span<const TypeMask> block_types) {
  constexpr auto block_rows = Postings::block_positions;
  STELE_ASSERT(block_types.size() == (rows.size() + block_rows - 1) / block_rows, "types per block",
               rows.size(), block_types.size());
  head.count = rows.size();
  head.first_row = rows.front();
  head.last_row = rows.back();
  head.types = 0;
  std::string steps;
  std::vector<TermSkip> skips;
  for (std::size_t i = 0; i < block_types.size(); ++i) {
    const auto begin = i * block_rows;
    const auto block = rows.subspan(begin, std::min(block_rows, rows.size() - begin));
    head.types |= block_types[i];
    skips.push_back({block.front(), block.back(), static_cast<std::uint32_t>(begin),
                     static_cast<std::uint32_t>(steps.size()), block_types[i]});
    put_row_steps(steps, block);
  }
  begin(head, skips, steps.size());
  put_rows(steps);
  end();
}

void TermWriter::begin(const TermHead& head, std::span<const TermSkip> skips, std::uint64_t row_bytes) {
  const auto at = file_.section_bytes();
  STELE_ASSERT(at % 4 == 0 && at / 4 <= ~std::uint32_t{0}, "a term's place fits its number", at);
  places_.push_back(static_cast<std::uint32_t>(at / 4));
  if (head.kind == TermKind::stream) ++streams_;
  bytes_.clear();
  append_head(bytes_, head, skips.size() > 1);
  if (skips.size() > 1) {
    layout::put_varint(bytes_, skips.size());
    layout::put_varint(bytes_, row_bytes);
    for (const auto& skip : skips) {
      append_u32(bytes_, skip.first_row);
      append_u32(bytes_, skip.last_row);
      append_u32(bytes_, skip.before);
      append_u32(bytes_, skip.at);
      append_u64(bytes_, skip.types);
    }
  }
  file_.put(bytes_);
}

void TermWriter::end() {
  static constexpr std::string_view zeros("\0\0\0", 3);
  file_.put(zeros.substr(0, (4 - file_.section_bytes() % 4) % 4));
}

void TermWriter::write_places() {
  file_.begin(Section::term_places, streams_);
  for (const auto place : places_) file_.put_u32(place);
}

// ---- Hashes

HashWriter::HashWriter(IndexFileWriter& file, Section section, std::uint64_t expected)
    : file_(file), bits_(layout::fan_out_bits(expected)), before_((std::size_t{1} << bits_) + 1) {
  file_.begin(section, bits_);
}

void HashWriter::put(std::uint32_t hash, std::string_view entry) {
  ++before_[layout::fan_out_of(hash, bits_) + 1];
  file_.put(entry);
}

void HashWriter::finish() {
  std::uint32_t sum = 0;
  for (const auto count : before_) file_.put_u32(sum += count);
}

FilterWriter::FilterWriter(std::uint64_t keys, std::uint64_t bits_per_key)
    : blocks_(layout::filter_blocks(keys, bits_per_key)), bits_(blocks_ * 64, '\0') {}

void FilterWriter::put(std::uint32_t place, std::uint32_t bits) {
  const auto block = layout::filter_block(place, blocks_);
  STELE_ASSERT(block < blocks_, "a key has a block", block, blocks_);
  char* const at = bits_.data() + block * 64;
  layout::filter_bits(bits, [at](std::uint32_t bit) {
    at[bit / 8] = static_cast<char>(at[bit / 8] | static_cast<char>(1u << bit % 8));
  });
}

void FilterWriter::write(IndexFileWriter& file, Section section) const {
  file.begin(section);
  file.put(bits_);
}

}  // namespace stele::engine
