// retention_api.cpp - what a stream keeps, over HTTP: PATCH /v1/streams/{stream} changes it, DELETE ends the stream.
// Handlers that return their answer may block: these wait for the disk.
#include "base/json_reader.hpp"
#include "event/retention.hpp"
#include "server/api/store_api.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

Error bad_body(std::string_view member, std::string_view what) {
  return Error(errc::invalid, "`" + std::string(member) + "` is not " + std::string(what))
      .help("send any of truncate_before, max_count and max_age (seconds); null removes one");
}

// A member that is there changes the value: null takes it away, anything but a whole number is refused.
template <class Value, class Make>
result<void> patch_member(const JsonValue& body, std::string_view name, std::optional<Value>& value,
                          Make make) {
  const auto member = body.find(name);
  if (!member) return {};
  value.reset();
  if (member->is(JsonType::null)) return {};
  const auto number = member->as_u64();
  if (!number || *number > truncate_all.value()) return bad_body(name, "a whole number");
  value = make(*number);
  return {};
}

result<Retention> patched(Retention keep, std::string_view text) {
  STELE_TRY(const auto document, JsonDocument::parse(text));
  const auto body = document.root();
  if (!body.is(JsonType::object)) return bad_body("body", "a JSON object");
  for (const auto& [key, value] : body.members()) {
    if (key != "truncate_before" && key != "max_count" && key != "max_age")
      return bad_body(key, "something a stream keeps");
  }
  STELE_CHECK(patch_member(body, "truncate_before", keep.truncate_before,
                           [](std::uint64_t n) { return Revision(n); }));
  STELE_CHECK(patch_member(body, "max_count", keep.max_count, [](std::uint64_t n) { return n; }));
  STELE_CHECK(
      patch_member(body, "max_age", keep.max_age, [](std::uint64_t n) { return std::chrono::seconds(n); }));
  return keep;
}

std::string number_or_null(bool there, std::uint64_t value) {
  return there ? std::to_string(value) : std::string("null");
}

std::string retention_json(std::string_view stream, const Retention& keep) {
  const auto age = keep.max_age.value_or(std::chrono::seconds{}).count();
  return "{\"stream\":" + json_quoted(stream) + ",\"truncate_before\":" +
         number_or_null(keep.truncate_before.has_value(), keep.truncate_before.value_or(Revision{}).value()) +
         ",\"max_count\":" + number_or_null(keep.max_count.has_value(), keep.max_count.value_or(0)) +
         ",\"max_age\":" + number_or_null(keep.max_age.has_value(), static_cast<std::uint64_t>(age)) + "}";
}

Answer get_retention(EventStore& store, const Request& request) {
  STELE_TRY(const auto keep, retention(store, request.param("stream")));
  return Response::json(200, retention_json(request.param("stream"), keep));
}

Answer patch_stream(EventStore& store, const Request& request) {
  const auto stream = request.param("stream");
  Retention keep;
  const auto patch = [&](const SeenMetadata& seen) -> result<Retention> {
    STELE_TRY(const auto present, parse_retention(seen.data.empty() ? "{}" : seen.data));
    STELE_TRY(keep, patched(present, request.body));
    return keep;
  };
  STELE_TRY(const auto done, change_retention(store, stream, patch, request.expected));
  return Response::json(200, retention_json(stream, keep)).position(done.last);
}

Answer delete_one(EventStore& store, const Request& request) {
  const auto mode = request.query_value("mode").value_or("soft");
  const auto stream = request.param("stream");
  if (mode != "soft" && mode != "tombstone") {
    return Error(errc::invalid, "query parameter `mode`: not a way to delete a stream")
        .help("soft (it may be written again) or tombstone (for ever)");
  }
  STELE_TRY(const auto done, mode == "soft" ? delete_stream(store, stream, request.expected)
                                            : tombstone_stream(store, stream, request.expected));
  return Response::json(200, "{\"stream\":" + json_quoted(stream) + ",\"mode\":" + json_quoted(mode) +
                                 ",\"position\":" + std::to_string(done.last.value()) + "}")
      .position(done.last);
}

using StoreCall = Answer (*)(EventStore&, const Request&);

ServedRoute retention_route(EventStore& store, std::string method, std::string pattern, StoreCall call,
                            RouteDoc doc) {
  const auto scope = method == "GET" ? Scope::query : Scope::admin;
  return {.route = {.method = std::move(method),
                    .pattern = std::move(pattern),
                    .handler = [&store, call](const Request& request) { return call(store, request); },
                    .doc = std::move(doc),
                    .scope = scope},
          .own = true};
}

constexpr std::string_view retention_schema =
    R"({"type":"object","properties":{"stream":{"type":"string"},"truncate_before":{"type":["integer","null"]},)"
    R"("max_count":{"type":["integer","null"]},"max_age":{"type":["integer","null"]}}})";

}  // namespace

std::vector<ServedRoute> retention_routes(const std::shared_ptr<Core>& core) {
  auto& store = core->store;
  return {
      retention_route(store, "GET", "/v1/streams/{stream}/retention", get_retention,
                      {.summary = "What a stream keeps", .response_schema = std::string(retention_schema)}),
      retention_route(
          store, "PATCH", "/v1/streams/{stream}", patch_stream,
          {.summary = "Change what a stream keeps",
           .description = "Members that are absent stay as they are, null removes one. If-Match is "
                          "about the version of the stream's metadata.",
           .request_schema = std::string(retention_schema),
           .response_schema = std::string(retention_schema)}),
      retention_route(
          store, "DELETE", "/v1/streams/{stream}", delete_one,
          {.summary = "Delete a stream",
           .description = "Its events are gone from its readers at once, and from the log when it is "
                          "compacted. If-Match gives the expected version.",
           .query = {{"mode", "soft (default): it may be written again; tombstone: never again"}}}),
  };
}

}  // namespace stele::server
