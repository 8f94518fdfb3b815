// sqlite_functions.cpp - json_text, units and decimal.
#include "base/sqlite_functions.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <charconv>

#include "base/assert.hpp"

namespace stele::sqlite {
namespace {

constexpr int most_digits = 18;

std::string_view text_argument(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return {text ? text : "", static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

void answer_text(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void refuse(sqlite3_context* context, const std::string& why) {
  sqlite3_result_error(context, why.data(), static_cast<int>(why.size()));
}

bool any_null(sqlite3_value** arguments) {
  return sqlite3_value_type(arguments[0]) == SQLITE_NULL || sqlite3_value_type(arguments[1]) == SQLITE_NULL;
}

void sql_json_text(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (any_null(arguments)) return;
  const auto document = JsonDocument::parse(text_argument(arguments[0]), {.allow_repeated_keys = true});
  if (!document) return refuse(context, "json_text: " + document.error().message());
  const auto path = text_argument(arguments[1]);
  if (!path.starts_with('$'))
    return refuse(context, "json_text: '" + std::string(path) + "' is no path, write '$.amount'");
  const auto value = json_at(document->root(), path);
  if (!value || value->is(JsonType::null)) return;
  answer_text(context, value->as_string().value_or(value->raw()));
}

std::optional<int> digits_argument(sqlite3_value* value) {
  const auto digits = sqlite3_value_int64(value);
  if (sqlite3_value_type(value) != SQLITE_INTEGER || digits < 0 || digits > most_digits) return std::nullopt;
  return static_cast<int>(digits);
}

// A floating number has been rounded before it came here, and nobody can tell by how much.
void sql_units(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (any_null(arguments)) return;
  const auto digits = digits_argument(arguments[1]);
  if (!digits) return refuse(context, "units: the number of digits is 0 to 18");
  if (sqlite3_value_type(arguments[0]) == SQLITE_FLOAT)
    return refuse(context, "units: a floating number is not exact; use json_text(data, '$.member')");
  const auto text = text_argument(arguments[0]);
  const auto units = units_of(text, *digits);
  if (!units)
    return refuse(context, "units: '" + std::string(text.substr(0, 64)) + "' is no number with at most " +
                               std::to_string(*digits) + " decimals, or too large");
  sqlite3_result_int64(context, *units);
}

void sql_decimal(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (any_null(arguments)) return;
  const auto digits = digits_argument(arguments[1]);
  if (!digits || sqlite3_value_type(arguments[0]) != SQLITE_INTEGER)
    return refuse(context, "decimal: write decimal(units, digits), both whole numbers, digits 0 to 18");
  answer_text(context, decimal_of(sqlite3_value_int64(arguments[0]), *digits));
}

// One step of a path: ".name", ".\"any name\"" or "[3]"; what is left of the path begins behind it.
std::optional<JsonValue> step_into(JsonValue at, std::string_view& path) {
  const bool index = path.front() == '[';
  const bool quoted = !index && path.size() > 1 && path[1] == '"';
  if (!index && path.front() != '.') return std::nullopt;
  path.remove_prefix(quoted ? 2 : 1);
  const auto end = index ? path.find(']') : quoted ? path.find('"') : path.find_first_of(".[");
  if ((index || quoted) && end == std::string_view::npos) return std::nullopt;
  const auto key = path.substr(0, end);
  path.remove_prefix(std::min(path.size(), key.size() + (index || quoted ? 1 : 0)));
  if (!index) return at.find(key);
  std::size_t number = 0;
  const auto [stop, failure] = std::from_chars(key.data(), key.data() + key.size(), number);
  if (failure != std::errc{} || stop != key.data() + key.size()) return std::nullopt;
  for (const JsonValue element : at.elements())
    if (number-- == 0) return element;
  return std::nullopt;
}

}  // namespace

std::optional<JsonValue> json_at(JsonValue root, std::string_view path) {
  if (!path.starts_with('$')) return std::nullopt;
  path.remove_prefix(1);
  std::optional<JsonValue> at = root;
  while (at && !path.empty()) at = step_into(*at, path);
  return at;
}

// Digits, at most one point, an optional sign. No exponent: who writes money like that should say what it means.
std::optional<std::int64_t> units_of(std::string_view number, int digits) {
  const bool negative = number.starts_with('-');
  if (negative) number.remove_prefix(1);
  const auto point = std::min(number.find('.'), number.size());
  auto fraction = number.substr(std::min(number.size(), point + 1));
  while (fraction.size() > static_cast<std::size_t>(digits) && fraction.back() == '0')
    fraction.remove_suffix(1);
  const bool pointed = point < number.size();
  if (point == 0 || (pointed && number.size() == point + 1)) return std::nullopt;
  if (fraction.size() > static_cast<std::size_t>(digits)) return std::nullopt;
  std::string whole(negative ? "-" : "");
  whole += number.substr(0, point);
  whole += fraction;
  whole.append(static_cast<std::size_t>(digits) - fraction.size(), '0');
  std::int64_t units = 0;
  const auto [stop, failure] = std::from_chars(whole.data(), whole.data() + whole.size(), units);
  if (failure != std::errc{} || stop != whole.data() + whole.size()) return std::nullopt;
  return units;
}

std::string decimal_of(std::int64_t units, int digits) {
  STELE_ASSERT(digits >= 0 && digits <= most_digits, "as many decimals as fit into 64 bits", digits);
  std::string text = std::to_string(units);
  const std::string sign = units < 0 ? "-" : "";
  text.erase(0, sign.size());
  const auto wanted = static_cast<std::size_t>(digits);
  if (text.size() <= wanted) text.insert(0, wanted + 1 - text.size(), '0');
  if (wanted > 0) text.insert(text.size() - wanted, ".");
  return sign + text;
}

void add_functions(sqlite3* db) {
  constexpr int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  const auto add = [db](const char* name, void (*function)(sqlite3_context*, int, sqlite3_value**)) {
    const int code =
        sqlite3_create_function_v2(db, name, 2, flags, nullptr, function, nullptr, nullptr, nullptr);
    STELE_ASSERT(code == SQLITE_OK, "a function can be added to a connection", name, code);
  };
  add("json_text", sql_json_text);
  add("units", sql_units);
  add("decimal", sql_decimal);
}

}  // namespace stele::sqlite
