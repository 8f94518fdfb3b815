// json_schema.cpp - what can be wrong with a recorded event, in words, and the version its metadata names.
#include <limits>
#include <string>

#include "base/json_reader.hpp"
#include "stele/detail/schema.hpp"

namespace stele::detail {
namespace {

Error event_error(const EventPlace& place, std::string why) {
  return Error(errc::corrupt, std::string(place.type) + " in " + std::string(place.stream) + " at revision " +
                                  std::to_string(place.revision.value()) + ": " + std::move(why))
      .with("stream", std::string(place.stream))
      .with("revision", place.revision.value())
      .with("position", place.position.value())
      .with("type", std::string(place.type));
}

}  // namespace

result<int> schema_version(std::string_view metadata) {
  constexpr std::string_view field = "schemaVersion";
  if (!metadata.contains(field)) return 1;  // almost every event: nothing to parse
  STELE_TRY(const JsonDocument document, JsonDocument::parse(metadata, {.allow_repeated_keys = true}));
  const auto named = document.root().find(field);
  if (!named) return 1;
  const auto version = named->as_i64();
  if (!version || *version < 1 || *version > std::numeric_limits<int>::max())
    return Error(errc::invalid,
                 "schemaVersion in its metadata is " + std::string(named->raw()) + ", no version");
  return static_cast<int>(*version);
}

Error unreadable_event(const EventPlace& place, const Error& why) {
  return event_error(place, why.message());
}

Error unknown_version(const EventPlace& place, int version, int newest) {
  return event_error(place,
                     "recorded as version " + std::to_string(version) + ", which this program does not know")
      .with("version", static_cast<std::uint64_t>(version))
      .help(version > newest
                ? "a newer program wrote it: deploy that one here too"
                : "declare the old version with STELE_EVENT and STELE_WAS, and give it an upcast()");
}

Error foreign_type(const EventPlace& place, std::string_view wanted) {
  return event_error(place, "is no " + std::string(wanted) + ", and never was one");
}

Error not_one_event(const EventPlace& place, std::string_view wanted, std::size_t count) {
  return event_error(place, "has become " + std::to_string(count) + " events of type " + std::string(wanted) +
                                ": read it with each_event()");
}

Error no_payload_reader(std::string_view content_type, const Error& why) {
  return Error(errc::invalid,
               "its payload is " + std::string(content_type) + " and not JSON: " + why.message())
      .help("give the struct a read_payload(std::string_view, const Struct*) beside it");
}

Error thrown_error(const std::exception& thrown) {
  return Error(errc::invalid, thrown.what()).with("thrown", "true");
}

}  // namespace stele::detail
