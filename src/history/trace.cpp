// trace.cpp - the known members of metadata.
#include "history/trace.hpp"

#include "base/json_text.hpp"
#include "stele/detail/json.hpp"

namespace stele::history {

// Metadata of other programs may be anything, also no JSON: then nothing is known, which is no error.
Trace trace_of(std::string_view metadata) {
  Trace out;
  if (metadata.empty()) return out;
  const auto document = JsonDocument::parse(metadata, {.allow_repeated_keys = true});
  if (!document) return out;
  const auto text = [&](std::string_view name) {
    const auto member = document->root().find(name);
    return std::string(member ? member->as_string().value_or("") : "");
  };
  return {text("userId"), text("correlationId"), text("causationId"), text("command")};
}

std::string event_members(const EventView& event) {
  const auto trace = trace_of(event.metadata);
  std::string out = "{\"version\":" + std::to_string(event.revision.value()) +
                    ",\"position\":" + std::to_string(event.position.value());
  const auto text = [&](std::string_view name, std::string_view value) {
    ((out += ",\"") += name) += "\":";
    base::append_json_string(out, value);
  };
  text("type", event.type);
  text("at", to_string(event.recorded_at));
  text("id", to_string(event.id));
  text("user", trace.user);
  text("correlation", trace.correlation);
  return out;
}

}  // namespace stele::history
