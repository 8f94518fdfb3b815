// row_text.hpp - a row of an answer written down, as JSON or for CSV. How one value looks is base/sqlite_cell.hpp.
#pragma once

#include <string>

#include "sql/log_query.hpp"

namespace stele::sql {

// {"column":value,...} and [value,...]
void append_row_object(std::string& out, const LogQuery& query);
void append_row_array(std::string& out, const LogQuery& query);
// With quotes where they are needed, ending in CR LF (RFC 4180).
void append_csv_line(std::string& out, const std::vector<std::string>& cells);
[[nodiscard]] std::vector<std::string> row_texts(const LogQuery& query);

}  // namespace stele::sql
