// serving_row.cpp - the one table of "stele-models"; it is made when a model is built anew for the first time.
#include "targets/server/serving_row.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/assert.hpp"

namespace stele::targets {
namespace {

constexpr std::string_view serving_columns =
    "(space VARCHAR(100) PRIMARY KEY, serving BIGINT NOT NULL, previous BIGINT, building BIGINT, batch "
    "BIGINT NOT NULL,"
    " swaps SMALLINT NOT NULL, compares SMALLINT NOT NULL)";

std::string serving_table(const SqlLink& link) { return link.quoted(serving_space) + ".serving"; }

bool nothing_back(const ServerRow&) { return true; }

// Two programs may do this at once: then one of them finds it done.
result<void> ensure_serving_table(SqlLink& link) {
  const std::string space(serving_space);
  STELE_TRY(const bool there, link.has_table(space, "serving"));
  if (there) return {};
  const auto made =
      link.command(std::string("CREATE ") + (link.dialect() == SqlDialect::postgres ? "SCHEMA" : "DATABASE") +
                   " IF NOT EXISTS " + link.quoted(space) + "; CREATE TABLE IF NOT EXISTS " +
                   serving_table(link) + std::string(serving_columns));
  if (made) return {};
  STELE_TRY(const bool made_by_another, link.has_table(space, "serving"));
  return made_by_another ? result<void>() : made;
}

Serving serving_in_row(const ServerRow& row) {
  const auto number = [&](int column) { return static_cast<std::uint64_t>(row.integer(column)); };
  Serving serving;
  serving.serving = number(0);
  if (!row.is_null(1)) serving.previous = number(1);
  if (!row.is_null(2))
    serving.building = Serving::Building{.number = number(2),
                                         .options = {.batch = static_cast<std::size_t>(number(3)),
                                                     .swap = row.integer(4) != 0,
                                                     .compare = row.integer(5) != 0},
                                         .boot = {}};
  return serving;
}

}  // namespace

std::string space_of_model(const std::string& base, std::uint64_t number) {
  return number == 0 ? base : base + "-m" + std::to_string(number);
}

std::optional<std::uint64_t> model_in_space(std::string_view space, std::string_view base) {
  if (space == base) return 0;
  if (!space.starts_with(base) || !space.substr(base.size()).starts_with("-m")) return std::nullopt;
  const std::string_view digits = space.substr(base.size() + 2);
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failed != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

result<Serving> read_serving(SqlLink& link, const std::string& base) {
  Serving serving;
  STELE_TRY(const bool there, link.has_table(std::string(serving_space), "serving"));
  if (!there) return serving;
  const std::array<SqlValue, 1> values{base};
  STELE_CHECK(link.execute("SELECT serving, previous, building, batch, swaps, compares FROM " +
                               serving_table(link) +
                               " WHERE space = " + (link.dialect() == SqlDialect::postgres ? "$1" : "?"),
                           values, [&](const ServerRow& row) {
                             serving = serving_in_row(row);
                             return false;
                           }));
  return serving;
}

result<void> write_serving(SqlLink& link, const std::string& base, const Serving& serving) {
  STELE_ASSERT(!serving.building || serving.building->number != serving.serving,
               "what serves is not being built", base, serving.serving);
  STELE_CHECK(ensure_serving_table(link));
  const bool postgres = link.dialect() == SqlDialect::postgres;
  const SqlValue building = serving.building ? SqlValue(serving.building->number) : SqlValue(nullptr);
  const RebuildOptions options = serving.building ? serving.building->options : RebuildOptions{};
  const std::array<SqlValue, 7> values{serving.serving,      serving.previous,        building, options.batch,
                                       options.swap ? 1 : 0, options.compare ? 1 : 0, base};
  STELE_TRY(
      const std::int64_t rows,
      link.execute("UPDATE " + serving_table(link) +
                       (postgres ? " SET serving = $1, previous = $2, building = $3, batch = $4, swaps = $5,"
                                   " compares = $6 WHERE space = $7"
                                 : " SET serving = ?, previous = ?, building = ?, batch = ?, swaps = ?,"
                                   " compares = ? WHERE space = ?"),
                   values, nothing_back));
  if (rows == 1) return {};
  STELE_CHECK(link.execute("INSERT INTO " + serving_table(link) +
                               "(serving, previous, building, batch, swaps, compares, space) VALUES" +
                               (postgres ? "($1, $2, $3, $4, $5, $6, $7)" : "(?, ?, ?, ?, ?, ?, ?)"),
                           values, nothing_back));
  return {};
}

}  // namespace stele::targets
