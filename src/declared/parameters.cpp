// parameters.cpp - a scan over SQL that knows strings, names and comments, and values out of an event.
#include "declared/parameters.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/assert.hpp"

namespace stele::declared {
namespace {

constexpr std::size_t most_parameters = 99;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '$'; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

// Functions that answer with the time of day when they are given nothing.
constexpr std::array<std::string_view, 5> clock_functions{"date", "time", "datetime", "julianday",
                                                          "unixepoch"};

class ParameterScan {
 public:
  ParameterScan(std::string_view sql, bool deterministic) : sql_(sql), deterministic_(deterministic) {}

  std::expected<NumberedSql, NamingFault> run() {
    out_.sql = sql_;
    while (at_ < sql_.size() && !fault_) step();
    if (fault_) return std::unexpected(*fault_);
    return std::move(out_);
  }

 private:
  void step() {
    const char c = sql_[at_];
    if (c == '\'') return string();
    if (c == '"' || c == '`') return skip_behind(sql_.find(c, at_ + 1), 1);
    if (c == '[') return skip_behind(sql_.find(']', at_ + 1), 1);
    if (sql_.substr(at_, 2) == "--") return skip_behind(sql_.find('\n', at_), 1);
    if (sql_.substr(at_, 2) == "/*") return skip_behind(sql_.find("*/", at_ + 2), 2);
    if (c == ':') return parameter();
    if (c == '?' || c == '@' || (c == '$' && (at_ == 0 || !is_word(sql_[at_ - 1]))))
      return wrong("parameters are written :name here");
    if (is_letter(c)) return word();
    ++at_;
  }

  void wrong(std::string what) { fault_ = NamingFault{at_, std::move(what)}; }

  void skip_behind(std::size_t found, std::size_t length) {
    at_ = found == std::string_view::npos ? sql_.size() : found + length;
  }

  // A quote inside is written twice, and so looks like two strings side by side.
  void string() {
    const auto end = std::min(sql_.find('\'', at_ + 1), sql_.size());
    if (deterministic_ && lower(sql_.substr(at_ + 1, end - at_ - 1)) == "now")
      return wrong("'now' would give another model when it is built again; use :time");
    skip_behind(end == sql_.size() ? std::string_view::npos : end, 1);
  }

  void word() {
    const auto begin = at_;
    while (at_ < sql_.size() && is_word(sql_[at_])) ++at_;
    if (!deterministic_) return;
    const auto name = lower(sql_.substr(begin, at_ - begin));
    auto rest = sql_.substr(at_);
    const auto skip = [&rest] {
      rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
    };
    skip();
    if (!rest.starts_with('(')) return;
    rest.remove_prefix(1);
    skip();
    if (!rest.starts_with(')') || std::ranges::find(clock_functions, name) == clock_functions.end()) return;
    at_ = begin;
    wrong(name + "() would give another model when it is built again; use :time");
  }

  // :name(.name)*, and a '?' where the value may be missing.
  void parameter() {
    auto end = at_ + 1;
    if (end >= sql_.size() || !is_letter(sql_[end])) return wrong("a parameter is written :name");
    while (end < sql_.size() &&
           (is_word(sql_[end]) || (sql_[end] == '.' && end + 1 < sql_.size() && is_word(sql_[end + 1]))))
      ++end;
    if (end < sql_.size() && sql_[end] == '?') ++end;
    const auto number = number_of(std::string(sql_.substr(at_ + 1, end - at_ - 1)));
    if (number > most_parameters) return wrong("there are more than 99 parameters");
    std::string text = "?" + std::to_string(number);
    if (text.size() > end - at_)
      return wrong("the name is too short for a statement with so many parameters");
    text.resize(end - at_, ' ');
    out_.sql.replace(at_, end - at_, text);
    at_ = end;
  }

  std::size_t number_of(std::string name) {
    const auto found = std::ranges::find(out_.names, name);
    if (found != out_.names.end()) return static_cast<std::size_t>(found - out_.names.begin()) + 1;
    out_.names.push_back(std::move(name));
    out_.offsets.push_back(at_);
    return out_.names.size();
  }

  const std::string_view sql_;
  const bool deterministic_;
  NumberedSql out_;
  std::size_t at_ = 0;
  std::optional<NamingFault> fault_;
};

using EventSource = EventParameter::Source;
struct NamedSource {
  std::string_view name;
  EventSource source;
};
constexpr std::array<NamedSource, 10> event_sources{{{"stream", EventSource::stream},
                                                     {"key", EventSource::key},
                                                     {"category", EventSource::category},
                                                     {"position", EventSource::position},
                                                     {"revision", EventSource::revision},
                                                     {"id", EventSource::id},
                                                     {"type", EventSource::type},
                                                     {"time", EventSource::time},
                                                     {"data", EventSource::data},
                                                     {"metadata", EventSource::metadata}}};

// "acct-42" of "BankAccount-acct-42".
std::string_view key_of(std::string_view stream) {
  const auto dash = stream.find('-');
  return dash == std::string_view::npos ? stream : stream.substr(dash + 1);
}

std::optional<JsonValue> child_of(JsonValue at, const std::string& name) {
  if (at.is(JsonType::object)) return at.find(name);
  std::size_t index = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (failure != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  for (const JsonValue element : at.elements())
    if (index-- == 0) return element;
  return std::nullopt;
}

std::string dotted(const EventParameter& parameter) {
  std::string name = parameter.source == EventSource::data ? "data" : "metadata";
  for (const auto& step : parameter.path) name += "." + step;
  return name;
}

// Whole numbers as such; everything that 64 bits do not hold exactly stays the text it is.
SqlValue sql_value(JsonValue value) {
  switch (value.type()) {
    case JsonType::null:
      return nullptr;
    case JsonType::boolean:
      return *value.as_bool() ? 1 : 0;
    case JsonType::string:
      return *value.as_string();
    case JsonType::number:
      if (const auto whole = value.as_i64()) return *whole;
      return value.raw();
    default:
      return value.raw();
  }
}

}  // namespace

std::expected<NumberedSql, NamingFault> number_parameters(std::string_view sql, bool deterministic) {
  return ParameterScan(sql, deterministic).run();
}

std::optional<EventParameter> event_parameter(std::string_view name) {
  EventParameter parameter;
  if (name.ends_with('?')) {
    parameter.optional = true;
    name.remove_suffix(1);
  }
  const auto dot = std::min(name.find('.'), name.size());
  const auto* found = std::ranges::find(event_sources, name.substr(0, dot), &NamedSource::name);
  if (found == event_sources.end()) return std::nullopt;
  parameter.source = found->source;
  const bool has_members = parameter.source == EventSource::data || parameter.source == EventSource::metadata;
  if (dot < name.size() && !has_members) return std::nullopt;
  for (auto rest = name.substr(std::min(dot + 1, name.size())); !rest.empty();) {
    const auto end = std::min(rest.find('.'), rest.size());
    parameter.path.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  return parameter;
}

std::string_view EventValues::keep(std::string text) { return kept_.emplace_back(std::move(text)); }

// Parsed by the first statement that asks.
result<JsonValue> EventValues::document(EventSource source) {
  STELE_ASSERT(source == EventSource::data || source == EventSource::metadata, "only these have members");
  auto& document = source == EventSource::data ? data_ : metadata_;
  const auto bytes = source == EventSource::data ? event_.data : event_.metadata;
  if (!document) {
    auto parsed = JsonDocument::parse(bytes.empty() ? "{}" : bytes, {.allow_repeated_keys = true});
    if (!parsed)
      return Error(parsed.error())
          .at(source == EventSource::data ? "the event's data" : "the event's metadata");
    document.emplace(*std::move(parsed));
  }
  return document->root();
}

result<SqlValue> EventValues::value(const EventParameter& parameter) {
  switch (parameter.source) {
    case EventSource::stream:
      return SqlValue(event_.stream);
    case EventSource::key:
      return SqlValue(key_of(event_.stream));
    case EventSource::category:
      return SqlValue(category_of(event_.stream));
    case EventSource::position:
      return SqlValue(event_.position);
    case EventSource::revision:
      return SqlValue(event_.revision);
    case EventSource::id:
      return SqlValue(keep(to_string(event_.id)));
    case EventSource::type:
      return SqlValue(event_.type);
    case EventSource::time:
      return SqlValue(keep(stele::to_string(event_.recorded_at)));
    default:
      break;
  }
  if (parameter.path.empty())
    return SqlValue(parameter.source == EventSource::data ? event_.data : event_.metadata);
  STELE_TRY(const JsonValue root, document(parameter.source));
  std::optional<JsonValue> at = root;
  for (const auto& step : parameter.path)
    if (at) at = child_of(*at, step);
  if (at) return sql_value(*at);
  if (parameter.optional) return SqlValue(nullptr);
  return Error(errc::invalid, "the event has no " + dotted(parameter))
      .with("member", dotted(parameter))
      .help("write :" + dotted(parameter) + "? in the projection if it may be missing");
}

}  // namespace stele::declared
