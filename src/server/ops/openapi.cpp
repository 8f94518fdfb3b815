// openapi.cpp - the route table as an OpenAPI 3.1 document.
#include <map>

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
    R"("AppendRequest":{"type":"object","required":["writes"],"additionalProperties":false,"properties":{"writes":)"
    R"({"type":"array","minItems":1,"items":{"type":"object","required":["stream","events"],"properties":)"
    R"({"stream":{"type":"string"},"expected":{"$ref":"#/components/schemas/Expected"},"events":{"type":"array",)"
    R"("items":{"$ref":"#/components/schemas/NewEvent"}}}}},"also_expect":{"type":"array","items":{"type":)"
    R"("object","required":["stream","expected"],"properties":{"stream":{"type":"string"},"expected":{"$ref":)"
    R"("#/components/schemas/Expected"}}}},"condition":{"type":"object"},"recorded_at":{"type":)"
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
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : ",") + text; };
  for (const std::string_view segment : served.segments) {
    if (segment.starts_with('{')) add(parameter("path", segment.substr(1, segment.size() - 2), ""));
  }
  for (const auto& [name, meaning] : served.route.doc.query) add(parameter("query", name, meaning));
  if (served.route.model) {
    add(parameter("query", "after_position", "wait until the read model shows this position"));
    if (served.route.stream) add(parameter("query", "after_version", "wait until it shows this version"));
    add(parameter("header", "Prefer", "wait=N seconds; handling=lenient"));
  }
  if (served.route.method == "POST") {
    add(parameter("header", "Idempotency-Key", "same key and body: the same answer, one effect"));
    add(parameter("header", "If-Match", "the expected version: \"203\", or *"));
    add(parameter("header", "If-None-Match", "*: must not exist yet"));
  }
  return out;
}

std::string media(std::string_view schema) {
  return "{\"application/json\":{\"schema\":" + std::string(schema) + "}}";
}

std::string operation(const ServedRoute& served) {
  const auto& doc = served.route.doc;
  std::string out = "{\"summary\":" + json_quoted(doc.summary);
  if (!doc.description.empty()) out += ",\"description\":" + json_quoted(doc.description);
  out += ",\"operationId\":" + json_quoted(lower(served.route.method) + served.route.pattern);
  out += ",\"parameters\":[" + parameters_of(served) + "]";
  if (!doc.request_schema.empty()) {
    out += ",\"requestBody\":{\"required\":true,\"content\":" + media(doc.request_schema) + "}";
  }
  out += ",\"responses\":{\"2XX\":{\"description\":\"Done\"";
  if (!doc.response_schema.empty()) out += ",\"content\":" + media(doc.response_schema);
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
