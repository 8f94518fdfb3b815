// sqlite_cell.cpp - values as JSON and as text.
#include "base/sqlite_cell.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/base64.hpp"
#include "base/json_text.hpp"
#include "base/utf8.hpp"

namespace stele::sqlite {
namespace {

std::string real_text(double value) {
  if (!std::isfinite(value)) return value > 0 ? "9e999" : "-9e999";  // as SQLite writes it
  char digits[32];
  const auto* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {static_cast<const char*>(digits), end};
}

void append_base64_object(std::string& out, std::string_view bytes) {
  out += R"({"base64":")";
  base::append_base64(out, bytes);
  out += "\"}";
}

// In well-formed JSON a line break stands between tokens only.
void append_one_line(std::string& out, std::string_view json) {
  const auto begin = out.size();
  out += json;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
      [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

}  // namespace

void append_json(std::string& out, const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::null:
      out += "null";
      return;
    case Cell::Kind::integer:
      out += std::to_string(cell.integer);
      return;
    case Cell::Kind::real:
      out += real_text(cell.real);
      return;
    case Cell::Kind::json:
      return append_one_line(out, cell.bytes);
    case Cell::Kind::text:
      if (base::is_utf8(cell.bytes)) return base::append_json_string(out, cell.bytes);
      return append_base64_object(out, cell.bytes);
    case Cell::Kind::blob:
      return append_base64_object(out, cell.bytes);
  }
}

std::string text_of(const Cell& cell) {
  std::string out;
  if (cell.kind == Cell::Kind::text || cell.kind == Cell::Kind::json) return std::string(cell.bytes);
  if (cell.kind == Cell::Kind::blob)
    base::append_base64(out, cell.bytes);
  else if (cell.kind != Cell::Kind::null)
    append_json(out, cell);
  return out;
}

}  // namespace stele::sqlite
