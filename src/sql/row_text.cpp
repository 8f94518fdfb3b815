// row_text.cpp - rows as JSON and as CSV.
#include "sql/row_text.hpp"

#include "base/json_text.hpp"

namespace stele::sql {

void append_row_object(std::string& out, const LogQuery& query) {
  out += '{';
  for (std::size_t i = 0; i < query.columns().size(); ++i) {
    if (i > 0) out += ',';
    base::append_json_string(out, query.columns()[i]);
    out += ':';
    sqlite::append_json(out, query.cell(i));
  }
  out += '}';
}

void append_row_array(std::string& out, const LogQuery& query) {
  out += '[';
  for (std::size_t i = 0; i < query.columns().size(); ++i) {
    if (i > 0) out += ',';
    sqlite::append_json(out, query.cell(i));
  }
  out += ']';
}

void append_csv_line(std::string& out, const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    const bool quoted = cells[i].find_first_of("\",\r\n") != std::string::npos;
    if (quoted) out += '"';
    for (const char c : cells[i]) out += quoted && c == '"' ? "\"\"" : std::string(1, c);
    if (quoted) out += '"';
  }
  out += "\r\n";
}

std::vector<std::string> row_texts(const LogQuery& query) {
  std::vector<std::string> texts;
  texts.reserve(query.columns().size());
  for (std::size_t i = 0; i < query.columns().size(); ++i) texts.push_back(sqlite::text_of(query.cell(i)));
  return texts;
}

}  // namespace stele::sql
