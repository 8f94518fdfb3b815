// event_json_parse.cpp - reads the JSON form of an event back, exact to the byte. Writing it is
// event_json.cpp.
#include <fmt/format.h>

#include "base/base64.hpp"
#include "event/event_json.hpp"
#include "stele/detail/json.hpp"

namespace stele {
namespace {

constexpr std::string_view line_help =
    "a line needs stream_id, id, event_type, created_at and data or data_base64, as `stele export` writes "
    "them";

Error bad_member(std::string_view name, std::string_view what) {
  return Error(errc::invalid, fmt::format("{} {}", name, what))
      .with("pointer", fmt::format("/{}", name))
      .help(std::string(line_help));
}

// One member of the line, taken apart by type; every refusal names it.
class Members {
 public:
  explicit Members(JsonValue object) : object_(object) {}

  [[nodiscard]] std::optional<JsonValue> find(std::string_view name) const { return object_.find(name); }

  result<std::string> text(std::string_view name) const {
    const auto value = find(name);
    if (!value) return bad_member(name, "is missing");
    const auto text = value->as_string();
    if (!text) return bad_member(name, "must be a string");
    return std::string(*text);
  }

  result<std::uint64_t> number_or_zero(std::string_view name) const {
    const auto value = find(name);
    if (!value) return std::uint64_t{0};
    const auto number = value->as_u64();
    if (!number) return bad_member(name, "must be a whole number from 0 to 18446744073709551615");
    return *number;
  }

  // The bytes under NAME or, taking precedence, under NAME_base64.
  result<std::optional<std::string>> bytes(std::string_view name) const {
    const auto encoded_name = std::string(name) + "_base64";
    if (find(encoded_name)) {
      STELE_TRY(const auto encoded, text(encoded_name));
      auto decoded = base::from_base64(encoded);
      if (!decoded) return bad_member(encoded_name, "is not standard base64 with padding");
      return decoded;
    }
    const auto value = find(name);
    if (!value) return std::optional<std::string>();
    return std::optional(std::string(value->raw()));
  }

 private:
  JsonValue object_;
};

result<Uuid> read_id(const Members& members) {
  STELE_TRY(const auto text, members.text("id"));
  const auto id = parse_uuid(text);
  if (!id) return bad_member("id", "must be a UUID of 36 characters");
  return *id;
}

result<Timestamp> read_time(const Members& members) {
  STELE_TRY(const auto text, members.text("created_at"));
  const auto time = parse_time(text);
  if (!time) return bad_member("created_at", "must be a time such as 2026-03-01T10:00:00.000000Z");
  return *time;
}

result<std::string> read_data(const Members& members) {
  STELE_TRY(auto data, members.bytes("data"));
  if (!data) return bad_member("data", "is missing (data_base64 would do as well)");
  return *std::move(data);
}

result<std::string> read_metadata(const Members& members) {
  const auto value = members.find("metadata");
  if (value && value->is(JsonType::null) && !members.find("metadata_base64")) return std::string();
  STELE_TRY(auto metadata, members.bytes("metadata"));
  return metadata ? *std::move(metadata) : std::string();
}

result<std::vector<std::string>> read_tags(const Members& members) {
  std::vector<std::string> tags;
  const auto value = members.find("tags");
  if (!value || value->is(JsonType::null)) return tags;
  if (!value->is(JsonType::array)) return bad_member("tags", "must be an array of strings");
  for (const JsonValue tag : value->elements()) {
    const auto text = tag.as_string();
    if (!text) return bad_member("tags", "must be an array of strings");
    tags.emplace_back(*text);
  }
  return tags;
}

result<std::string> read_content_type(const Members& members) {
  if (members.find("content_type")) return members.text("content_type");
  const bool only_bytes = !members.find("data");
  return std::string(only_bytes ? binary_content : json_content);
}

}  // namespace

result<RecordedEvent> parse_event_json(std::string_view line) {
  STELE_TRY(const auto document, JsonDocument::parse(line, {.allow_repeated_keys = true}));
  if (!document.root().is(JsonType::object))
    return Error(errc::invalid, "an event must be a JSON object").help(std::string(line_help));
  const Members members(document.root());
  RecordedEvent event;
  STELE_TRY(const auto position, members.number_or_zero("global_position"));
  STELE_TRY(const auto revision, members.number_or_zero("stream_position"));
  event.position = Position(position);
  event.revision = Revision(revision);
  STELE_TRY(event.recorded_at, read_time(members));
  STELE_TRY(event.id, read_id(members));
  STELE_TRY(event.stream, members.text("stream_id"));
  STELE_TRY(event.type, members.text("event_type"));
  STELE_TRY(event.content_type, read_content_type(members));
  STELE_TRY(event.data, read_data(members));
  STELE_TRY(event.metadata, read_metadata(members));
  STELE_TRY(event.tags, read_tags(members));
  return event;
}

}  // namespace stele
