// stream_api.cpp - what is known of streams, single events by their names, the head of the log.
#include "event/event_json.hpp"
#include "server/api/read_plan.hpp"
#include "server/api/store_api.hpp"
#include "server/app/preconditions.hpp"
#include "server/http/uri.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::string_view forever = "immutable, max-age=31536000";

void append_info(std::string& out, const StreamInfo& info) {
  out += "{\"stream\":";
  append_json_string(out, info.stream);
  out += ",\"version\":" + std::to_string(info.last_revision.value());
  out += ",\"events\":" + std::to_string(info.events);
  out += ",\"first_position\":" + std::to_string(info.first_position.value());
  out += ",\"last_position\":" + std::to_string(info.last_position.value()) + "}";
}

Answer get_stream(EventStore& store, const Request& request) {
  STELE_TRY(const auto info, store.stream_info(request.param("stream")));
  std::string body;
  append_info(body, info);
  return Response::json(200, std::move(body))
      .etag(info.last_revision)
      .read(info.last_revision, info.last_position);
}

// The cursor is the last name of the page before; names sort by their bytes.
Answer list_streams(EventStore& store, const Request& request) {
  const auto text = request.query_value("limit");
  const auto limit = text ? parse_u64(*text) : default_page;
  if (!limit || *limit == 0 || *limit > largest_page) {
    return Error(errc::invalid, "query parameter `limit`: not a count").help("from 1 to 1000");
  }
  const auto prefix = request.query_value("prefix").value_or("");
  const auto after = request.query_value("cursor").value_or("");
  STELE_TRY(auto streams, store.list_streams(prefix, after, *limit + 1));
  const bool more = streams.size() > *limit;
  if (more) streams.pop_back();
  std::string body = "{\"streams\":[";
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (i > 0) body += ',';
    append_info(body, streams[i]);
  }
  body += "],\"next\":" + (more ? json_quoted(streams.back().stream) : "null") + "}";
  auto out = Response::json(200, std::move(body));
  if (!more) return out;
  return std::move(out).header(
      "Link", "</v1/streams?prefix=" + percent_encode(prefix) + "&limit=" + std::to_string(*limit) +
                  "&cursor=" + percent_encode(streams.back().stream) + ">; rel=\"next\"");
}

// Events never change, so a copy is good for ever.
Response one_event(const EventView& event) {
  std::string body;
  append_event_json(body, event);
  return Response::json(200, std::move(body)).header("Cache-Control", std::string(forever));
}

// A missing stream and a missing version are both 404, with different words.
Answer get_version(EventStore& store, const Request& request) {
  const auto version = parse_revision(request.param("version"));
  if (!version)
    return Error(errc::invalid, "`" + std::string(request.param("version")) + "` is not a version");
  const std::string stream(request.param("stream"));
  STELE_TRY(const auto cursor, store.read_stream({.stream = stream, .from = version, .limit = 1}));
  STELE_TRY(const auto batch, cursor->next_batch(1));
  // Behind a beginning that is gone, reading starts later than asked for.
  if (!batch.empty() && batch.front().revision == *version) return one_event(batch.front());
  return Error(errc::not_found, "stream " + stream + " has no version " + std::to_string(version->value()));
}

Answer get_event(EventStore& store, const Request& request) {
  const auto id = parse_uuid(request.param("id"));
  if (!id)
    return Error(errc::invalid, "`" + std::string(request.param("id")) + "` is not an event id (a UUID)");
  STELE_TRY(const auto event, store.find_event(*id));
  std::string body;
  append_event_json(body, event);
  return Response::json(200, std::move(body)).header("Cache-Control", std::string(forever));
}

Answer get_head(EventStore& store, const Request&) {
  const auto head = store.head();
  return Response::json(200, "{\"position\":" + std::to_string(head.position.value()) +
                                 ",\"events\":" + std::to_string(head.events) +
                                 ",\"durable\":" + std::to_string(head.durable.value()) + "}");
}

using StoreRead = Answer (*)(EventStore&, const Request&);

ServedRoute store_route(EventStore& store, std::string pattern, StoreRead read, RouteDoc doc) {
  return {.route = {.method = "GET",
                    .pattern = std::move(pattern),
                    .handler = [&store, read](const Request& request) { return read(store, request); },
                    .doc = std::move(doc)},
          .own = true};
}

}  // namespace

std::vector<ServedRoute> stream_routes(const std::shared_ptr<Core>& core) {
  auto& store = core->store;
  return {
      store_route(store, "/v1/streams", list_streams,
                  {.summary = "Streams by name",
                   .query = {{"prefix", "only names that begin like this"},
                             {"cursor", "`next` of the page before"},
                             {"limit", "1 to 1000, 100 if absent"}}}),
      store_route(store, "/v1/streams/{stream}", get_stream, {.summary = "Version and extent of one stream"}),
      store_route(store, "/v1/streams/{stream}/events/{version}", get_version,
                  {.summary = "One event by stream and version",
                   .response_schema = R"({"$ref":"#/components/schemas/Event"})"}),
      store_route(
          store, "/v1/events/{id}", get_event,
          {.summary = "One event by its id", .response_schema = R"({"$ref":"#/components/schemas/Event"})"}),
      store_route(store, "/v1/log/head", get_head, {.summary = "The end of the log"}),
  };
}

}  // namespace stele::server
