// question.cpp - a declared query put to a model: its parameters out of an address, its rows as JSON.
#include <algorithm>
#include <chrono>

#include "base/json_reader.hpp"
#include "base/json_text.hpp"
#include "base/sqlite_functions.hpp"
#include "declared/compiled.hpp"

namespace stele::declared {
namespace {

using GivenValue = std::variant<std::monostate, std::int64_t, std::string>;

std::string takes(const QueryParameter& parameter) {
  switch (parameter.type) {
    case QueryType::text:
      return "any text";
    case QueryType::integer:
      return "a whole number";
    case QueryType::boolean:
      return "true or false";
    case QueryType::time:
      return "a time such as 2026-03-01T10:00Z";
    case QueryType::units:
      return "a number with at most " + std::to_string(parameter.digits) + " decimals";
  }
  return {};
}

Error wrong_value(const QueryParameter& parameter, std::string_view text) {
  return Error(errc::invalid,
               "query parameter `" + parameter.name + "`: `" + std::string(text) + "` does not fit")
      .with("parameter", parameter.name)
      .help("give " + takes(parameter));
}

// A time is compared as text, so it is brought into the one form that sorts.
std::optional<GivenValue> read_value(const QueryParameter& parameter, const std::string& text) {
  switch (parameter.type) {
    case QueryType::text:
      return GivenValue(text);
    case QueryType::boolean:
      if (text == "true" || text == "1") return GivenValue(std::int64_t{1});
      if (text == "false" || text == "0") return GivenValue(std::int64_t{0});
      return std::nullopt;
    case QueryType::time:
      if (const auto time = parse_time(text)) return GivenValue(stele::to_string(*time));
      return std::nullopt;
    case QueryType::integer:
    case QueryType::units:
      if (const auto units = sqlite::units_of(text, parameter.digits)) return GivenValue(*units);
      return std::nullopt;
  }
  return std::nullopt;
}

result<GivenValue> value_of(const QueryParameter& parameter,
                            const std::vector<std::pair<std::string, std::string>>& given) {
  const auto found = std::ranges::find(given, parameter.name, [](const auto& one) { return one.first; });
  if (found == given.end() && !parameter.otherwise) {
    if (parameter.optional) return GivenValue();
    return Error(errc::invalid, "query parameter `" + parameter.name + "` is missing")
        .with("parameter", parameter.name)
        .help("give " + takes(parameter));
  }
  const auto& text = found == given.end() ? *parameter.otherwise : found->second;
  auto value = read_value(parameter, text);
  if (!value) return wrong_value(parameter, text);
  return *std::move(value);
}

// A misspelt parameter would otherwise be lost without a word.
result<void> refuse_unknown(const CompiledQuery& query,
                            const std::vector<std::pair<std::string, std::string>>& given) {
  for (const auto& [name, text] : given) {
    if (std::ranges::find(query.parameters, name, &QueryParameter::name) != query.parameters.end()) continue;
    std::string known;
    for (const auto& parameter : query.parameters) known += (known.empty() ? "" : ", ") + parameter.name;
    return Error(errc::invalid, "the query " + query.name + " has no parameter `" + name + "`")
        .with("parameter", name)
        .help(known.empty() ? "it takes none" : "it takes " + known);
  }
  return {};
}

SqlValue bound_value(const GivenValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) return std::string_view(*text);
  return nullptr;
}

// Whoever writes a query may write one that never ends.
constexpr std::chrono::milliseconds longest_answer{10'000};
constexpr std::string_view json_mark = ":json";

// What is no JSON is shown as the text it is, whatever the column is called.
void append_member(std::string& out, const SqlRow& row, int column) {
  auto name = row.name(column);
  const bool marked = name.ends_with(json_mark);
  const bool embedded = marked && !row.is_null(column) && json_check(row.text(column)).has_value();
  if (marked) name.remove_suffix(json_mark.size());
  base::append_json_string(out, name);
  out += ':';
  if (!embedded) {
    out += row.json(column);
    return;
  }
  for (const char c : row.text(column)) out += c == '\n' || c == '\r' ? ' ' : c;
}

void append_row(std::string& out, const SqlRow& row) {
  out += out.empty() ? "{" : ",{";
  for (int i = 0; i < row.columns(); ++i) {
    if (i > 0) out += ',';
    append_member(out, row, i);
  }
  out += '}';
}

}  // namespace

result<QueryRows> run_query(SqliteSnapshot& model, const CompiledQuery& query,
                            const std::vector<std::pair<std::string, std::string>>& given,
                            std::uint64_t most_rows) {
  STELE_CHECK(refuse_unknown(query, given));
  std::vector<GivenValue> values;
  for (const auto& parameter : query.parameters) {
    STELE_TRY(auto value, value_of(parameter, given));
    values.push_back(std::move(value));
  }
  std::vector<SqlValue> bound;
  bound.reserve(query.order.size());
  for (const auto index : query.order) bound.push_back(bound_value(values[index]));
  QueryRows rows;
  model.give_up_after(longest_answer);
  STELE_CHECK(model.each(query.sql, std::span<const SqlValue>(bound), [&](const SqlRow& row) {
    rows.truncated = rows.count == most_rows;
    if (rows.truncated) return false;
    append_row(rows.json, row);
    ++rows.count;
    return true;
  }));
  return rows;
}

}  // namespace stele::declared
