// section_writers.hpp - the sections that sealing and merging write alike: what they put in comes from memory in
// the one case and from other index files in the other.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/index/file_writer.hpp"
#include "engine/index/name_hash.hpp"

namespace stele::engine {

void write_segments(IndexFileWriter& file, std::span<const CoveredSegment> segments);

// A dictionary, sorted by name; codes of the file are places in it.
struct DictionaryName {
  std::string text;
  std::uint64_t count = 0;
  std::uint32_t first_row = 0;
  std::uint32_t last_row = 0;
};
void write_names(IndexFileWriter& file, ColumnKind kind, std::span<const DictionaryName> names);
// Bytes of a code when there are so many names: all bits set stand for no event.
[[nodiscard]] std::uint32_t code_width(std::uint64_t names);

// Codes in order, a few thousand at a time.
class CodeWriter {
 public:
  CodeWriter(IndexFileWriter& file, ColumnKind kind, std::uint64_t names);
  void put(std::span<const std::uint32_t> codes);

 private:
  IndexFileWriter& file_;
  std::uint32_t width_;
  std::string bytes_;
};

// One term on its way into a file.
struct TermHead {
  TermKind kind = TermKind::stream;
  std::string_view name;
  bool tombstoned = false;
  std::uint64_t count = 0;
  Revision first_revision;
  std::uint32_t first_row = 0;
  std::uint32_t last_row = 0;
  TypeMask types = 0;
};
struct TermSkip {
  std::uint32_t first_row = 0;
  std::uint32_t last_row = 0;
  std::uint32_t before = 0;  // rows in the blocks before
  std::uint32_t at = 0;      // of its bytes, from where those of the first block begin
  TypeMask types = 0;
};

// Terms in order of kind and name; afterwards their places.
class TermWriter {
 public:
  explicit TermWriter(IndexFileWriter& file) : file_(file) { file_.begin(layout::Section::terms); }
  // All rows at once; `block_types` per 128 of them.
  void put(TermHead head, std::span<const std::uint32_t> rows, std::span<const TypeMask> block_types);
  // The same when the blocks are made already: the bytes of the rows follow with put_rows().
  void begin(const TermHead& head, std::span<const TermSkip> skips, std::uint64_t row_bytes);
  void put_rows(std::string_view bytes) { file_.put(bytes); }
  void end();

  [[nodiscard]] std::uint32_t terms() const { return static_cast<std::uint32_t>(places_.size()); }
  void write_places();

 private:
  IndexFileWriter& file_;
  std::vector<std::uint32_t> places_;
  std::uint32_t streams_ = 0;
  std::string bytes_;
};

// Differences of the rows of one block: all but the first, which stands elsewhere.
void put_row_steps(std::string& to, std::span<const std::uint32_t> rows);

// Entries by hash, then the fan-out directory over them.
class HashWriter {
 public:
  // `expected`: about so many entries will come.
  HashWriter(IndexFileWriter& file, layout::Section section, std::uint64_t expected);
  void put(std::uint32_t hash, std::string_view entry);
  void finish();

 private:
  IndexFileWriter& file_;
  std::uint32_t bits_;
  std::vector<std::uint32_t> before_;  // entries in front of each place of the fan-out
};

// Made in memory while something else is written: two bytes a key at most.
class FilterWriter {
 public:
  FilterWriter(std::uint64_t keys, std::uint64_t bits_per_key);
  // `place` chooses the block, `bits` what is set in it.
  void put(std::uint32_t place, std::uint32_t bits);
  void write(IndexFileWriter& file, layout::Section section) const;

 private:
  std::uint64_t blocks_;
  std::string bits_;
};

}  // namespace stele::engine
