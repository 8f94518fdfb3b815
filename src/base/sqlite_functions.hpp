// sqlite_functions.hpp - SQL functions that every connection of ours has, so that exact numbers stay exact in SQL.
// Not the virtual tables of src/sql, and nothing that a schema may depend on.
//
//   json_text(json, path)   the value at '$.a.b[0]' as it stands: text without quotes, numbers digit for digit
//   units(text, digits)     '12.5', 2 -> 1250; refuses what has more digits, and numbers that were floating
//   decimal(units, digits)  1250, 2 -> '12.50'
//
// json_text answers NULL where there is nothing; all three answer NULL for NULL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stele/detail/json.hpp"

struct sqlite3;

namespace stele::sqlite {

void add_functions(sqlite3* db);

// ---- What stands behind them

// The value that a path such as "$.items[0].price" leads to; nothing when there is none, or the path is none.
[[nodiscard]] std::optional<JsonValue> json_at(JsonValue root, std::string_view path);
// The number as whole units of 10^-digits; nothing when it is none, has more digits, or does not fit.
[[nodiscard]] std::optional<std::int64_t> units_of(std::string_view number, int digits);
[[nodiscard]] std::string decimal_of(std::int64_t units, int digits);

}  // namespace stele::sqlite
