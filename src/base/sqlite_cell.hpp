// sqlite_cell.hpp - one value of a row with its type, and how it is written down. The only place that says how SQL
// values look in JSON and as text.
//
// Whole numbers are written digit for digit, floating ones with as many digits as it takes to read the same number
// back, JSON as the bytes that were stored (line breaks as spaces), other texts as strings, blobs as base64 in an
// object: {"base64":"AAEC"}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stele::sqlite {

// The bytes are borrowed from the statement: valid until its next row.
struct Cell {
  enum class Kind : std::uint8_t { null, integer, real, text, json, blob };
  Kind kind = Kind::null;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes{};  // of text, json and blob
};

void append_json(std::string& out, const Cell& cell);
// As it stands in CSV, without quotes around it; nothing for NULL.
[[nodiscard]] std::string text_of(const Cell& cell);

}  // namespace stele::sqlite
