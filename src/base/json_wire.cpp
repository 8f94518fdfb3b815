// json_wire.cpp - the part of the wire form that is not a template: leaves, places, and the texts of
// problems.
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string>

#include "base/json_reader.hpp"
#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "stele/detail/wire_forms.hpp"

namespace stele {
namespace {

constexpr std::size_t most_problems = 50;
constexpr std::size_t most_shown = 40;

template <class T>
void write_number(std::string& out, T value) {
  char digits[32];
  const auto written = std::to_chars(std::begin(digits), std::end(digits), value);
  out.append(digits, written.ptr);
}

// "$.items[1]", and "$['odd key']" for what would not read as a name.
void append_path_key(std::string& path, std::string_view key) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  bool name = !key.empty();
  for (char c : key) name = name && plain(c);
  if (name)
    (path += '.') += key;
  else
    ((path += "['") += key) += "']";
}

std::string found_text(const JsonValue& found) {
  switch (found.type()) {
    case JsonType::array:
      return "an array";
    case JsonType::object:
      return "an object";
    default:
      break;
  }
  const std::string_view raw = found.raw();
  if (raw.size() <= most_shown) return std::string(raw);
  return "a " + std::string(to_string(found.type())) + " of " + std::to_string(raw.size()) + " bytes";
}

}  // namespace

void WireReading::problem(std::string what) {
  if (problems_.size() == most_problems) {
    ++dropped_;
    return;
  }
  std::string path = "$";
  std::string pointer;
  for (const PathStep& step : path_) {
    if (step.key) {
      append_path_key(path, *step.key);
      pointer = json_pointer(pointer, *step.key);
    } else {
      path += "[" + std::to_string(step.index) + "]";
      pointer = json_pointer(pointer, step.index);
    }
  }
  problems_.push_back({std::move(path), std::move(pointer), std::move(what)});
}

void WireReading::expected(std::string_view what, const JsonValue& found) {
  problem("expected " + std::string(what) + ", found " + found_text(found));
}

void WireReading::missing(std::string_view field) {
  Step step(*this, field);
  problem("missing");
}

void WireReading::unknown(std::string_view field) {
  if (unknown_ == UnknownFields::skip) return;
  Step step(*this, field);
  problem("unknown field");
}

Error WireReading::error() const {
  const std::size_t others = problems_.size() - 1 + dropped_;
  std::string message = problems_.front().path + ": " + problems_.front().what;
  if (others > 0) message += " (and " + std::to_string(others) + " more)";
  Error error(errc::invalid, std::move(message));
  for (const Problem& each : problems_)
    error = std::move(error).with("pointer", each.pointer).with("problem", each.what);
  return error;
}

namespace detail {

void write_text(std::string& out, std::string_view text) {
  if (!base::is_utf8(text)) throw std::invalid_argument("text that is not UTF-8 has no JSON form");
  base::append_json_string(out, text);
}

void write_double(std::string& out, double value) {
  if (!std::isfinite(value)) throw std::invalid_argument("NaN and infinities have no JSON form");
  write_number(out, value);
}

void write_unsigned(std::string& out, std::uint64_t value) { write_number(out, value); }
void write_signed(std::string& out, std::int64_t value) { write_number(out, value); }

void refuse_unnamed_enumerator(std::string_view type, std::uint64_t value) {
  throw std::invalid_argument("the value " + std::to_string(value) + " of " + std::string(type) +
                              " has no name");
}

void read_time(WireReading& in, const JsonValue& value, Timestamp& out) {
  const auto text = value.as_string();
  const auto time = text ? parse_time(*text) : std::nullopt;
  if (time)
    out = *time;
  else
    in.expected("a time like 2026-03-01T10:00:00Z", value);
}

void read_uuid(WireReading& in, const JsonValue& value, Uuid& out) {
  const auto text = value.as_string();
  const auto id = text ? parse_uuid(*text) : std::nullopt;
  if (id)
    out = *id;
  else
    in.expected("a UUID", value);
}

void expected_integer(WireReading& in, const JsonValue& value, std::string_view lowest,
                      std::string_view highest) {
  const auto number = value.number_text();
  const bool whole = number && number->find_first_of(".eE") == std::string_view::npos;
  if (!whole) return in.expected("an integer", value);
  in.expected("an integer from " + std::string(lowest) + " to " + std::string(highest), value);
}

void expected_one_of(WireReading& in, const JsonValue& value, const std::string& names) {
  in.expected("one of " + names, value);
}

}  // namespace detail
}  // namespace stele
