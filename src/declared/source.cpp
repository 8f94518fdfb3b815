// source.cpp - lines of front matter and headings; everything else is SQL and is left as it stands.
#include "declared/source.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace stele::declared {
namespace {

constexpr std::size_t longest_source = 1u << 20;
constexpr std::string_view source_blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(source_blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(source_blanks) - begin + 1);
}

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, fits) &&
         !(text.front() >= '0' && text.front() <= '9');
}

std::vector<std::string> listed(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (const auto one = trimmed(text.substr(0, comma)); !one.empty()) all.emplace_back(one);
    text.remove_prefix(std::min(text.size(), comma + 1));
  }
  return all;
}

std::optional<int> small_number(std::string_view text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Reads line by line and knows where it is.
class SourceReader {
 public:
  SourceReader(std::string_view text, std::string_view label) : text_(text), label_(label) {}

  result<Source> read() {
    STELE_CHECK(read_front_matter());
    source_.schema = {.text = std::string(body()), .offset = body_};
    while (at_ < text_.size()) STELE_CHECK(read_section());
    if (source_.name.empty()) return wrong(0, "the front matter has no `name`");
    if (source_.reactions.empty())
      return wrong(0, "nothing is done for any event: there is no `@on` section");
    return std::move(source_);
  }

 private:
  [[nodiscard]] Error wrong(std::size_t offset, const std::string& what) const {
    return wrong_at(text_, offset, label_, what);
  }

  // The line that begins at `at_`, which moves behind it.
  std::string_view take_line() {
    const auto end = std::min(text_.find('\n', at_), text_.size());
    const auto line = text_.substr(at_, end - at_);
    line_ = at_;
    at_ = std::min(text_.size(), end + 1);
    return line;
  }

  result<void> read_front_matter() {
    if (trimmed(take_line()) != "---")
      return wrong(0, "the first line is `---`, then name and version, then `---` again");
    while (at_ < text_.size()) {
      const auto line = take_line();
      if (trimmed(line) == "---") return {};
      if (trimmed(line).empty() || trimmed(line).starts_with('#')) continue;
      const auto colon = line.find(':');
      if (colon == std::string_view::npos) return wrong(line_, "a line of the front matter is `key: value`");
      STELE_CHECK(set(std::string(trimmed(line.substr(0, colon))), trimmed(line.substr(colon + 1))));
    }
    return wrong(text_.size(), "the front matter does not end: there is no second `---`");
  }

  result<void> set(const std::string& key, std::string_view value) {
    if (!keys_.insert(key).second) return wrong(line_, "`" + key + "` is given twice");
    if (key == "name") {
      source_.name = value;
    } else if (key == "version") {
      const auto version = small_number(value);
      if (!version || *version < 1) return wrong(line_, "`version` is a whole number from 1 on");
      source_.version = *version;
    } else if (key == "target") {
      if (value != "sqlite") return wrong(line_, "`target` can only be sqlite");
    } else if (key == "category") {
      source_.categories = listed(value);
      if (source_.categories.empty()) return wrong(line_, "`category` names at least one");
    } else if (key == "lineage") {
      if (value != "on" && value != "off") return wrong(line_, "`lineage` is on or off");
      source_.lineage = value == "on";
    } else if (key == "synchronous") {
      if (value != "on" && value != "off") return wrong(line_, "`synchronous` is on or off");
      source_.synchronous = value == "on";
    } else {
      return wrong(
          line_, "there is no `" + key + "`; keys are name, version, target, category, lineage, synchronous");
    }
    return {};
  }

  // Everything up to the next heading.
  std::string_view body() {
    body_ = at_;
    while (at_ < text_.size() && text_[at_] != '@') take_line();
    return text_.substr(body_, at_ - body_);
  }

  result<void> read_section() {
    const auto heading = take_line();
    const auto offset = line_;
    if (heading.starts_with("@on ")) return read_reaction(heading.substr(4), offset);
    if (heading.starts_with("@query ")) return read_query(heading.substr(7), offset + 7);
    return wrong(offset, "a section begins with `@on EVENT` or `@query NAME(...)`");
  }

  result<void> read_reaction(std::string_view types, std::size_t offset) {
    Reaction reaction{.types = listed(types), .sql = {}};
    if (reaction.types.empty()) return wrong(offset, "`@on` names at least one type of event");
    for (const auto& type : reaction.types)
      if (!types_.insert(type).second) return wrong(offset, "there are two `@on` sections for " + type);
    reaction.sql.text = body();
    reaction.sql.offset = body_;
    source_.reactions.push_back(std::move(reaction));
    return {};
  }

  // name(a text, b integer = 1)
  result<void> read_query(std::string_view heading, std::size_t offset) {
    const auto open = heading.find('(');
    const auto close = heading.rfind(')');
    QuerySource query;
    query.name = trimmed(heading.substr(0, open));
    if (!is_name(query.name)) return wrong(offset, "a query has a name of letters, digits and '_'");
    if (!queries_.insert(query.name).second)
      return wrong(offset, "there are two queries called " + query.name);
    if (open != std::string_view::npos) {
      if (close == std::string_view::npos || close < open || !trimmed(heading.substr(close + 1)).empty())
        return wrong(offset, "the parameters of a query stand in one pair of parentheses");
      STELE_CHECK(read_parameters(heading.substr(open + 1, close - open - 1), offset + open + 1, query));
    }
    query.sql.text = body();
    query.sql.offset = body_;
    source_.queries.push_back(std::move(query));
    return {};
  }

  result<void> read_parameters(std::string_view list, std::size_t offset, QuerySource& query) {
    while (!trimmed(list).empty()) {
      const auto comma = std::min(list.find(','), list.size());
      STELE_TRY(auto parameter, read_parameter(list.substr(0, comma), offset));
      for (const auto& other : query.parameters)
        if (other.name == parameter.name)
          return wrong(offset, "the parameter " + parameter.name + " is there twice");
      query.parameters.push_back(std::move(parameter));
      const auto used = std::min(list.size(), comma + 1);
      offset += used;
      list.remove_prefix(used);
    }
    return {};
  }

  // NAME TYPE[?] [= DEFAULT]
  result<QueryParameter> read_parameter(std::string_view text, std::size_t offset) const {
    QueryParameter parameter;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) parameter.otherwise = std::string(trimmed(text.substr(equals + 1)));
    auto words = trimmed(text.substr(0, equals));
    const auto space = std::min(words.find_first_of(source_blanks), words.size());
    parameter.name = words.substr(0, space);
    auto type = trimmed(words.substr(space));
    if (type.ends_with('?')) {
      parameter.optional = true;
      type.remove_suffix(1);
    }
    if (!is_name(parameter.name) || !set_type(parameter, type))
      return wrong(offset, "a parameter is `name type`, type one of text, integer, boolean, time, units(2)");
    if (parameter.name == "as_of" || parameter.name == "after_position" || parameter.name == "limit")
      return wrong(offset, "`" + parameter.name + "` is a parameter of every query already");
    return parameter;
  }

  static bool set_type(QueryParameter& parameter, std::string_view type) {
    for (const auto each : {QueryType::text, QueryType::integer, QueryType::boolean, QueryType::time}) {
      if (type != to_string(each)) continue;
      parameter.type = each;
      return true;
    }
    if (!type.starts_with("units(") || !type.ends_with(')')) return false;
    const auto digits = small_number(type.substr(6, type.size() - 7));
    parameter.type = QueryType::units;
    parameter.digits = digits.value_or(-1);
    return parameter.digits >= 0 && parameter.digits <= 18;
  }

  const std::string_view text_;
  const std::string_view label_;
  Source source_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;  // where the last line began
  std::size_t body_ = 0;
  std::set<std::string> keys_;
  std::set<std::string> types_;
  std::set<std::string> queries_;
};

}  // namespace

std::string_view to_string(QueryType type) {
  switch (type) {
    case QueryType::text:
      return "text";
    case QueryType::integer:
      return "integer";
    case QueryType::boolean:
      return "boolean";
    case QueryType::time:
      return "time";
    case QueryType::units:
      return "units";
  }
  return "unknown";
}

Error wrong_at(std::string_view text, std::size_t offset, std::string_view label, const std::string& what) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = static_cast<std::uint64_t>(std::ranges::count(before, '\n')) + 1;
  const auto begin = before.rfind('\n');
  const std::uint64_t column = before.size() - (begin == std::string_view::npos ? 0 : begin + 1) + 1;
  return Error(errc::invalid, std::string(label) + " line " + std::to_string(line) + " column " +
                                  std::to_string(column) + ": " + what)
      .with("line", line)
      .with("column", column);
}

result<Source> read_source(std::string_view text, std::string_view label) {
  if (text.size() > longest_source)
    return Error(errc::too_large, std::string(label) + ": a projection is at most 1 MiB of text");
  if (text.find('\0') != std::string_view::npos) return wrong_at(text, text.find('\0'), label, "a zero byte");
  return SourceReader(text, label).read();
}

}  // namespace stele::declared
