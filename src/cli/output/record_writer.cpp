// record_writer.cpp - one record in, seven formats out.
#include "cli/output/record_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/output/json_object.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "cli/suggest.hpp"
#include "stele/detail/json.hpp"

namespace stele::cli {
namespace {

constexpr std::size_t flush_bytes = 64u << 10;
constexpr std::size_t flush_rows = 500;  // a table's widths are those of its first rows
constexpr std::size_t widest_cell = 60;  // of every column but the last
constexpr std::size_t narrowest_last = 16;

std::vector<std::string> member_names(const Shape& shape) {
  std::vector<std::string> names;
  for (const auto& column : shape) names.push_back(column.member);
  return names;
}

const Column* column_named(const Shape& shape, std::string_view member) {
  const auto found =
      std::find_if(shape.begin(), shape.end(), [&](const auto& c) { return c.member == member; });
  return found == shape.end() ? nullptr : &*found;
}

// What is shown when nobody chose: everything in machine formats, the columns with headings in tables.
Shape shown_by_default(const Shape& shape, Format format) {
  Shape shown;
  for (const auto& column : shape) {
    if (format != Format::table || !column.heading.empty()) shown.push_back(column);
  }
  return shown;
}

bool aligned_right(const Column& column) { return column.kind == Column::Kind::number; }

std::string padded(const std::string& text, std::size_t width, bool right) {
  const auto columns = columns_of(text);
  const std::string blanks(width > columns ? width - columns : 0, ' ');
  return right ? blanks + text : text + blanks;
}

}  // namespace

const Shape& event_shape() {
  using enum Column::Kind;
  static const Shape shape{{"global_position", "position", number},
                           {"stream_id", "stream", text},
                           {"stream_position", "version", number},
                           {"id", "", text},
                           {"event_type", "type", text},
                           {"created_at", "when", time},
                           {"data", "data", payload},
                           {"data_base64", "", text},
                           {"metadata", "", payload},
                           {"metadata_base64", "", text},
                           {"tags", "", payload},
                           {"content_type", "", text}};
  return shape;
}

// Unknown names in --fields are skipped here and refused by only_lists_fields(), which can answer.
RecordWriter::RecordWriter(Session& session, const Shape& shape)
    : session_(session),
      shape_(shape),
      shown_(shown_by_default(shape, session.format())),
      format_(session.format()) {
  if (session.common.fields.empty()) return;
  shown_.clear();
  for (const auto& name : session.common.fields) {
    if (const auto* column = column_named(shape_, name)) shown_.push_back(*column);
  }
  for (auto& column : shown_) {
    if (column.heading.empty()) column.heading = column.member;
  }
}

result<bool> RecordWriter::only_lists_fields() {
  if (!session_.common.choose_fields) return false;
  const auto names = member_names(shape_);
  for (const auto& wanted : session_.common.fields) {
    if (column_named(shape_, wanted)) continue;
    const auto guess = nearest(wanted, names);
    return usage_error(fmt::format("there is no field '{}'", wanted))
        .help(fmt::format("{}there are: {}", guess ? fmt::format("did you mean '{}'? ", *guess) : "",
                          fmt::join(names, ", ")));
  }
  if (!session_.common.fields.empty()) return false;
  for (const auto& name : names) session_.out << name << '\n';
  return true;
}

result<void> RecordWriter::add(std::string_view record) {
  ++count_;
  const bool as_object = format_ == Format::ndjson || format_ == Format::json;
  if (format_ == Format::none) return {};
  if (!as_object) return add_cells(record);
  if (format_ == Format::json) put(count_ == 1 ? "[\n" : ",\n");
  if (session_.common.fields.empty()) {
    put(record);
  } else {
    STELE_TRY(const auto chosen, selected(record));
    put(chosen);
  }
  if (format_ == Format::ndjson) put("\n");
  return {};
}

// Members are copied as text: numbers of any size and payload bytes stay what they are.
result<std::string> RecordWriter::selected(std::string_view record) const {
  STELE_TRY(const auto document, JsonDocument::parse(record, {.allow_repeated_keys = true}));
  JsonObject object;
  for (const auto& column : shown_) {
    if (const auto value = document.root().find(column.member)) object.raw(column.member, value->raw());
  }
  return object.take();
}

// Tables are for eyes (grouped digits, relative times, no control characters), the rest is for programs.
std::string RecordWriter::cell_text(const Column& column, std::string_view raw, std::string_view text) const {
  if (format_ != Format::table) return std::string(text);
  if (column.kind == Column::Kind::number && raw != "null") return grouped(raw);
  if (column.kind != Column::Kind::time) return one_line(column.kind == Column::Kind::payload ? raw : text);
  const auto time = parse_time(text);
  if (!time) return one_line(text);
  const auto style =
      session_.common.time == TimeStyle::automatic ? TimeStyle::relative : session_.common.time;
  return time_text(*time, style, session_.now());
}

// A member the record does not have is an empty cell: rows keep their columns.
result<void> RecordWriter::add_cells(std::string_view record) {
  STELE_TRY(const auto document, JsonDocument::parse(record, {.allow_repeated_keys = true}));
  Row row;
  for (const auto& column : shown_) {
    const auto value = document.root().find(column.member);
    const bool payload = column.kind == Column::Kind::payload;
    const auto raw = value ? value->raw() : std::string_view();
    const auto text = value && !payload ? value->as_string().value_or(raw) : raw;
    row.push_back(cell_text(column, raw, text));
  }
  if (format_ != Format::table) {
    if (!std::exchange(headed_, true)) put_separated(member_names(shown_));
    put_separated(row);
    return {};
  }
  rows_.push_back(std::move(row));
  if (rows_.size() >= flush_rows) put_table();
  return {};
}

// Collected into large writes: a stream flushed per line is several times slower.
void RecordWriter::put(std::string_view text) {
  pending_ += text;
  if (pending_.size() < flush_bytes) return;
  session_.out << pending_;
  pending_.clear();
}

// CSV lines end in CR LF (RFC 4180), TSV lines in LF.
void RecordWriter::put_separated(const Row& cells) {
  const bool tabs = format_ == Format::tsv;
  for (bool first = true; const auto& cell : cells) {
    if (!std::exchange(first, false)) put(tabs ? "\t" : ",");
    put(tabs ? tsv_cell(cell) : csv_cell(cell));
  }
  put(tabs ? "\n" : "\r\n");
}

// Widths only grow: a live table stays readable, and rows that were printed are not taken back.
void RecordWriter::put_table() {
  if (rows_.empty()) return;
  Row headings;
  for (const auto& column : shown_) headings.push_back(column.heading);
  widths_.resize(shown_.size());
  const auto widest = session_.width == 0 ? std::string::npos : widest_cell;
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    widths_[i] = std::max(widths_[i], columns_of(headings[i]));
    for (const auto& row : rows_) widths_[i] = std::max(widths_[i], std::min(widest, columns_of(row[i])));
  }
  if (!std::exchange(headed_, true)) {
    if (session_.colored_out()) put("\x1b[1m");
    put_table_row(headings);
    if (session_.colored_out()) put("\x1b[0m");
  }
  for (const auto& row : rows_) put_table_row(row);
  rows_.clear();
}

void RecordWriter::put_table_row(const Row& cells) {
  std::string line;
  std::size_t used = 0;
  for (std::size_t i = 0; i + 1 < cells.size(); ++i) {
    line += padded(cut_to(cells[i], widths_[i]), widths_[i], aligned_right(shown_[i])) + "  ";
    used += widths_[i] + 2;
  }
  // Only a terminal cuts: where the width is not known, nothing is lost.
  auto room = std::string::npos;
  if (session_.width != 0) room = std::max(session_.width, used + narrowest_last) - used;
  const auto& last = cells.back();
  line += aligned_right(shown_.back()) ? padded(last, widths_.back(), true) : cut_to(last, room);
  line.erase(line.find_last_not_of(' ') + 1);
  put(line + "\n");
}

void RecordWriter::flush() {
  put_table();
  session_.out << pending_;
  pending_.clear();
  session_.out.flush();
}

void RecordWriter::close_array() {
  if (format_ == Format::json) put(count_ == 0 ? "[]\n" : "\n]\n");
}

result<void> RecordWriter::finish() {
  close_array();
  flush();
  if (session_.out) return {};
  return Error(errc::unavailable, "the output could not be written to its end")
      .help("is the disk full, or the reader gone?");
}

void RecordWriter::finish_with(const Error& error) {
  if (format_ == Format::ndjson) put(error_record(error) + "\n");
  if (format_ == Format::json) {
    put(count_++ == 0 ? "[\n" : ",\n");
    put(error_record(error));
    close_array();
  }
  flush();
}

}  // namespace stele::cli
