// event_json.cpp - writes the JSON form of an event. Reading it back is event_json_parse.cpp.
#include "event/event_json.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/base64.hpp"
#include "base/json_reader.hpp"
#include "base/json_text.hpp"

namespace stele {
namespace {

void append_number(std::string& out, std::uint64_t number) {
  char digits[std::numeric_limits<std::uint64_t>::digits10 + 1];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

// In well-formed JSON a raw line break can only stand between tokens, so a space says the same.
void append_on_one_line(std::string& out, std::string_view json) {
  const auto begin = out.size();
  out += json;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
      [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

void append_base64_member(std::string& out, std::string_view name, std::string_view bytes) {
  out += ",\"";
  out += name;
  out += "_base64\":\"";
  base::append_base64(out, bytes);
  out += '"';
}

bool is_object(std::string_view json) {
  const auto first = json.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && json[first] == '{';
}

// Blanks around a value do not survive a JSON parser, and line breaks do not survive a line.
bool shows_all_its_bytes(std::string_view json) {
  constexpr std::string_view blanks = " \t\r\n";
  if (blanks.find(json.front()) != std::string_view::npos) return false;
  if (blanks.find(json.back()) != std::string_view::npos) return false;
  return json.find_first_of("\r\n") == std::string_view::npos;
}

// Deep enough to be refused once it stands inside the event's own object? Every level costs a bracket, so
// only texts with many of them need the closer look.
bool fits_inside(std::string_view json) {
  const auto brackets = std::count_if(json.begin(), json.end(), [](char c) { return c == '[' || c == '{'; });
  if (static_cast<std::size_t>(brackets) < json_max_depth) return true;
  return json_check("[" + std::string(json) + "]", {.allow_repeated_keys = true}).has_value();
}

bool is_well_formed(std::string_view json) {
  return json_check(json, {.allow_repeated_keys = true}) && fits_inside(json);
}

void append_bytes_member(std::string& out, std::string_view name, std::string_view bytes, bool as_json) {
  if (!as_json) return append_base64_member(out, name, bytes);
  out += ",\"";
  out += name;
  out += "\":";
  append_on_one_line(out, bytes);
  if (!shows_all_its_bytes(bytes)) append_base64_member(out, name, bytes);
}

void append_data(std::string& out, std::string_view data, std::string_view content_type) {
  const bool json = is_json_content(content_type);
  if (data.empty() && json) {
    out += R"(,"data":null,"data_base64":"")";
    return;
  }
  append_bytes_member(out, "data", data, json && is_well_formed(data));
}

void append_metadata(std::string& out, std::string_view metadata) {
  if (metadata.empty()) {
    out += ",\"metadata\":null";
    return;
  }
  append_bytes_member(out, "metadata", metadata, is_object(metadata) && is_well_formed(metadata));
}

template <class Tags>
void append_tags(std::string& out, const Tags& tags) {
  out += ",\"tags\":[";
  bool first = true;
  for (const std::string_view tag : tags) {
    if (!first) out += ',';
    first = false;
    base::append_json_string(out, tag);
  }
  out += ']';
}

// EventView and RecordedEvent have the same member names; only who owns the bytes differs.
template <class Event>
void append_any(std::string& out, const Event& event) {
  out += "{\"global_position\":";
  append_number(out, event.position.value());
  out += ",\"stream_id\":";
  base::append_json_string(out, event.stream);
  out += ",\"stream_position\":";
  append_number(out, event.revision.value());
  out += ",\"id\":\"";
  out += to_string(event.id);
  out += "\",\"event_type\":";
  base::append_json_string(out, event.type);
  append_data(out, event.data, event.content_type);
  append_metadata(out, event.metadata);
  append_tags(out, event.tags);
  out += ",\"content_type\":";
  base::append_json_string(out, event.content_type);
  out += ",\"created_at\":\"";
  out += to_string(event.recorded_at);
  out += "\"}";
}

}  // namespace

void append_event_json(std::string& out, const EventView& event) { append_any(out, event); }
void append_event_json(std::string& out, const RecordedEvent& event) { append_any(out, event); }

bool is_json_content(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return content_type == json_content || content_type.ends_with("+json");
}

NewEvent to_new_event(RecordedEvent event) {
  return {.id = event.id,
          .type = std::move(event.type),
          .data = std::move(event.data),
          .metadata = std::move(event.metadata),
          .tags = std::move(event.tags),
          .content_type = std::move(event.content_type)};
}

}  // namespace stele
