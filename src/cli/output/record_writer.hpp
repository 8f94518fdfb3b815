// record_writer.hpp - prints records in whatever format was asked for. A record is one flat JSON object on
// one line; every other format is derived from it, so all formats always say the same. Not for progress or
// errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/session.hpp"
#include "stele/result.hpp"

namespace stele::cli {

// One member of a record and how a table shows it.
struct Column {
  enum class Kind : std::uint8_t { text, number, time, payload };
  std::string member;
  std::string heading;  // empty: not in tables by default
  Kind kind = Kind::text;
};

// The members a kind of record has, in their order. `--fields` chooses among them.
using Shape = std::vector<Column>;
[[nodiscard]] const Shape& event_shape();

// Owned by one command; write errors of the stream surface in finish().
class RecordWriter {
 public:
  // The session must outlive the writer.
  RecordWriter(Session& session, const Shape& shape);

  // True when bare --fields was given: the names have been printed and there is nothing else to do.
  // Errors: usage, for a field that does not exist.
  [[nodiscard]] result<bool> only_lists_fields();
  // `record`: a JSON object without a line break. Errors: invalid, when it is not.
  result<void> add(std::string_view record);
  // Hands everything so far to the terminal: for live output.
  void flush();
  // The end: closes what is open. Errors: unavailable when the output could not be written.
  result<void> finish();
  // The end after an error: formats for machines get it as their last record, so a cut output shows that it
  // is.
  void finish_with(const Error& error);

  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  using Row = std::vector<std::string>;
  result<void> add_cells(std::string_view record);
  result<std::string> selected(std::string_view record) const;
  [[nodiscard]] std::string cell_text(const Column& column, std::string_view raw,
                                      std::string_view text) const;
  void put(std::string_view text);
  void put_separated(const Row& cells);
  void put_table();
  void put_table_row(const Row& cells);
  void close_array();

  Session& session_;
  Shape shape_;
  Shape shown_;
  Format format_;
  std::string pending_;
  std::vector<Row> rows_;
  std::vector<std::size_t> widths_;
  std::uint64_t count_ = 0;
  bool headed_ = false;
};

}  // namespace stele::cli
