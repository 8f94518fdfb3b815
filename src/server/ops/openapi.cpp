// openapi.cpp - the route table as an OpenAPI 3.1 document.
#include <array>
#include <map>
#include <set>

#include "server/ops/ops_routes.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::string_view own_schemas =
    R"("Event":{"type":"object","required":["global_position","stream_id","stream_position","id","event_type",)"
    R"("metadata","tags","content_type","created_at"],"properties":{"global_position":{"type":"integer"},)"
    R"("stream_id":{"type":"string"},"stream_position":{"type":"integer"},"id":{"type":"string","format":"uuid"},)"
    R"("event_type":{"type":"string"},"data":{},"data_base64":{"type":"string"},"metadata":{"type":["object",)"
    R"("null"]},"tags":{"type":"array","items":{"type":"string"}},"content_type":{"type":"string"},)"
    R"("created_at":{"type":"string","format":"date-time"}}},)"
    R"("EventPage":{"type":"object","required":["events","next","head"],"properties":{"events":{"type":"array",)"
    R"("items":{"$ref":"#/components/schemas/Event"}},"next":{"type":["string","null"]},"head":{"type":)"
    R"("integer"},"version":{"type":"integer"}}},)"
    R"("NewEvent":{"type":"object","required":["type"],"additionalProperties":false,"properties":{"id":{"type":)"
    R"("string","format":"uuid"},"type":{"type":"string"},"data":{},"data_base64":{"type":"string"},"metadata":)"
    R"({"type":["object","null"]},"tags":{"type":"array","items":{"type":"string"}},"contentType":{"type":)"
    R"("string"},"content_type":{"type":"string"}}},)"
    R"("NewEvents":{"oneOf":[{"$ref":"#/components/schemas/NewEvent"},{"type":"array","minItems":1,"items":)"
    R"({"$ref":"#/components/schemas/NewEvent"}}]},)"
    R"("Expected":{"oneOf":[{"enum":["any","no_stream","exists"]},{"type":"integer","minimum":0}]},)"
    R"("Texts":{"type":"array","items":{"type":"string"}},)"
    R"("Condition":{"type":"object","required":["fail_if","after"],"additionalProperties":false,"properties":)"
    R"({"fail_if":{"type":"object","properties":{"items":{"type":"array","minItems":1,"items":{"type":"object",)"
    R"("additionalProperties":false,"minProperties":1,"properties":{"types":{"$ref":"#/components/schemas/Texts"},)"
    R"("tags":{"$ref":"#/components/schemas/Texts"},"streams":{"$ref":"#/components/schemas/Texts"},)"
    R"("categories":{"$ref":"#/components/schemas/Texts"}}}}}},"after":{"type":"integer","minimum":0}}},)"
    R"("AppendRequest":{"type":"object","required":["writes"],"additionalProperties":false,"properties":{"writes":)"
    R"({"type":"array","minItems":1,"items":{"type":"object","required":["stream","events"],"properties":)"
    R"({"stream":{"type":"string"},"expected":{"$ref":"#/components/schemas/Expected"},"events":{"type":"array",)"
    R"("items":{"$ref":"#/components/schemas/NewEvent"}}}}},"also_expect":{"type":"array","items":{"type":)"
    R"("object","required":["stream","expected"],"properties":{"stream":{"type":"string"},"expected":{"$ref":)"
    R"("#/components/schemas/Expected"}}}},"condition":{"$ref":)"
    R"("#/components/schemas/Condition"},"recorded_at":{"type":)"
    R"("string","format":"date-time"}}},)"
    R"("Problem":{"type":"object","required":["type","title","status","detail"],"properties":{"type":{"type":)"
    R"("string"},"title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},"instance":)"
    R"({"type":"string"},"help":{"type":"string"},"errors":{"type":"array","items":{"type":"object","properties":)"
    R"({"pointer":{"type":"string"},"message":{"type":"string"}}}}}})";

std::string lower(std::string text) {
  for (auto& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

std::string parameter(std::string_view place, std::string_view name, std::string_view meaning) {
  std::string out = "{\"name\":" + json_quoted(name) + ",\"in\":" + json_quoted(place);
  if (place == "path") out += ",\"required\":true";
  if (!meaning.empty()) out += ",\"description\":" + json_quoted(meaning);
  return out + ",\"schema\":{\"type\":\"string\"}}";
}

// What the server adds to a route is described with it: waiting, conditions, keys.
std::string parameters_of(const ServedRoute& served) {
  std::string out;
  std::set<std::pair<std::string_view, std::string_view>> seen;
  // The application's own words come first; the same parameter twice would make the document invalid.
  const auto add = [&](std::string_view place, std::string_view name, std::string_view meaning) {
    if (seen.emplace(place, name).second) out += (out.empty() ? "" : ",") + parameter(place, name, meaning);
  };
  for (const std::string_view segment : served.segments) {
    if (segment.starts_with('{')) add("path", segment.substr(1, segment.size() - 2), "");
  }
  for (const auto& [name, meaning] : served.route.doc.query) add("query", name, meaning);
  if (served.route.model) {
    add("query", "after_position", "wait until the read model shows this position");
    if (served.route.stream) add("query", "after_version", "wait until it shows this version");
    add("header", "Prefer", "wait=N seconds; handling=lenient");
  }
  if (served.route.method == "POST") {
    add("header", "Idempotency-Key", "same key and body: the same answer, one effect");
    add("header", "If-Match", "the expected version: \"203\", or *");
    add("header", "If-None-Match", "*: must not exist yet");
  }
  return out;
}

// What our own event routes take and give beside JSON; an application describes its answers in words.
struct OtherMedia {
  std::string_view method;
  std::string_view pattern;
  bool request;  // or its answer
  std::string_view type;
  std::string_view schema;
};

constexpr std::string_view bytes_schema = R"({"type":"string","format":"binary"})";
constexpr std::string_view lines_schema = R"({"type":"string","description":"one JSON object a line"})";
constexpr std::string_view stream_schema = R"({"type":"string","description":"server-sent events"})";
constexpr std::string_view stream_events = "/v1/streams/{stream}/events";

constexpr std::array<OtherMedia, 7> other_media{{
    {"POST", stream_events, true, "application/x-ndjson", lines_schema},
    {"POST", stream_events, true, "application/octet-stream", bytes_schema},
    {"GET", stream_events, false, "application/x-ndjson", lines_schema},
    {"GET", stream_events, false, "text/event-stream", stream_schema},
    {"GET", "/v1/events", false, "application/x-ndjson", lines_schema},
    {"GET", "/v1/events", false, "text/event-stream", stream_schema},
    {"GET", "/v1/aggregates/{type}", false, "application/x-ndjson", lines_schema},
}};

std::string media(const ServedRoute& served, bool request, std::string_view schema) {
  std::string out = "{\"application/json\":{\"schema\":" + std::string(schema) + "}";
  for (const auto& other : other_media) {
    if (other.request != request || other.method != served.route.method) continue;
    if (other.pattern != served.route.pattern) continue;
    out += "," + json_quoted(other.type) + ":{\"schema\":" + std::string(other.schema) + "}";
  }
  return out + "}";
}

std::string operation(const ServedRoute& served) {
  const auto& doc = served.route.doc;
  std::string out = "{\"summary\":" + json_quoted(doc.summary);
  if (!doc.description.empty()) out += ",\"description\":" + json_quoted(doc.description);
  out += ",\"operationId\":" + json_quoted(lower(served.route.method) + served.route.pattern);
  out += ",\"parameters\":[" + parameters_of(served) + "]";
  if (!doc.request_schema.empty()) {
    out += ",\"requestBody\":{\"required\":true,\"content\":" + media(served, true, doc.request_schema) + "}";
  }
  out += ",\"responses\":{\"2XX\":{\"description\":\"Done\"";
  if (!doc.response_schema.empty()) out += ",\"content\":" + media(served, false, doc.response_schema);
  return out +
         "},\"default\":{\"description\":\"A problem\",\"content\":{\"application/problem+json\":{\"schema\":"
         "{\"$ref\":\"#/components/schemas/Problem\"}}}}}}";
}

}  // namespace

// Sorted by path, so that the same routes give the same document.
std::string openapi_document(const std::vector<ServedRoute>& routes, const App* app) {
  std::map<std::string, std::string> paths;
  for (const auto& served : routes) {
    auto& operations = paths[served.route.pattern];
    if (!operations.empty()) operations += ',';
    operations += json_quoted(lower(served.route.method)) + ":" + operation(served);
  }
  std::string out = "{\"openapi\":\"3.1.0\",\"info\":{\"title\":" + json_quoted(app ? app->name() : "stele") +
                    ",\"version\":" + json_quoted(app ? app->version() : STELE_VERSION) + "},\"paths\":{";
  bool first = true;
  for (const auto& [pattern, operations] : paths) {
    if (!std::exchange(first, false)) out += ',';
    out += json_quoted(pattern) + ":{" + operations + "}";
  }
  return out + "},\"components\":{\"schemas\":{" + std::string(own_schemas) + "}}}";
}

}  // namespace stele::server
