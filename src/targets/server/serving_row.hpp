// serving_row.hpp - which of a projection's models serves, in a row that all programs on one database server share. The
// record alone; the models themselves are spaces (schemas or databases) of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "targets/server/sql_link.hpp"
#include "targets/shared/serving.hpp"

namespace stele::targets {

// Where the rows are: no projection's space is called so.
inline constexpr std::string_view serving_space = "stele-models";

// "<name>-v<version>" for the first model, "<name>-v<version>-m<number>" for another.
[[nodiscard]] std::string space_of_model(const std::string& base, std::uint64_t number);
// The number in such a name; nothing when it is another projection's.
[[nodiscard]] std::optional<std::uint64_t> model_in_space(std::string_view space, std::string_view base);

// No row: number 0 serves. Neither is called inside a transaction.
[[nodiscard]] result<Serving> read_serving(SqlLink& link, const std::string& base);
// Durable when it returns; whoever reads it sees the old record or the new one.
[[nodiscard]] result<void> write_serving(SqlLink& link, const std::string& base, const Serving& serving);

}  // namespace stele::targets
