// wire.cpp - writes by hand, reads with JsonDocument; payload bytes go through unchanged.
#include "cli/target/wire.hpp"

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/json_reader.hpp"
#include "base/json_text.hpp"
#include "cli/output/json_object.hpp"
#include "event/event_json.hpp"

namespace stele::cli {
namespace {

// Shown in part: it may be a proxy's page, and it may be long.
Error strange_answer(std::string_view body) {
  return Error(errc::unavailable, "the server's answer is not what it should be")
      .with("answer", std::string(body.substr(0, 300)))
      .help("is this a stele server, and of this version?");
}

std::string json_text(std::string_view text) { return base::json_string(text); }

template <class Items, class Write>
std::string json_array(const Items& items, const Write& write) {
  std::string json = "[";
  for (const auto& item : items) {
    if (json.size() > 1) json += ',';
    json += write(item);
  }
  return json + ']';
}

// A value inside a document has no space around it: data that begins or ends with some goes another way, to the byte.
bool has_space_around(std::string_view json) {
  constexpr std::string_view space = " \t\r\n";
  return json.empty() || space.contains(json.front()) || space.contains(json.back());
}

// Bytes that are no JSON cannot stand under `data`, whatever the content type claims.
std::string event_json(const NewEvent& event) {
  JsonObject object;
  if (!event.id.is_nil()) object.text("id", to_string(event.id));
  object.text("type", event.type);
  const bool json = is_json_content(event.content_type) && !has_space_around(event.data) &&
                    json_check(event.data, {.allow_repeated_keys = true});
  if (json)
    object.raw("data", event.data);
  else
    object.text("data_base64", base::to_base64(event.data));
  if (!event.metadata.empty()) object.raw("metadata", event.metadata);
  if (!event.tags.empty()) object.raw("tags", json_array(event.tags, json_text));
  return object.text("contentType", event.content_type).take();
}

std::string expected_json(const ExpectedVersion& expected) {
  const auto text = to_string(expected);
  return expected.kind() == ExpectedVersion::Kind::exact ? text : json_text(text);
}

std::optional<std::uint64_t> number_in(JsonValue object, std::string_view name) {
  const auto value = object.find(name);
  return value ? value->as_u64() : std::nullopt;
}

std::string text_in(JsonValue object, std::string_view name) {
  const auto value = object.find(name);
  return value ? std::string(value->as_string().value_or("")) : std::string();
}

// Members of newer servers are skipped; missing ones make the answer strange.
std::optional<StreamInfo> stream_info_in(JsonValue object) {
  const auto last = number_in(object, "version");
  const auto events = number_in(object, "events");
  if (!last || !events || !object.find("stream")) return std::nullopt;
  return StreamInfo{.stream = text_in(object, "stream"),
                    .last_revision = Revision(*last),
                    .events = *events,
                    .first_position = Position(number_in(object, "first_position").value_or(0)),
                    .last_position = Position(number_in(object, "last_position").value_or(0))};
}

// The reverse of the server's table; the problem's text says the rest.
errc kind_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
      return errc::denied;
    case 404:
      return errc::not_found;
    case 409:
    case 412:
      return errc::conflict;
    case 410:
      return errc::gone;
    case 413:
      return errc::too_large;
    case 429:
      return errc::busy;
    case 507:
      return errc::disk_full;
    case 504:
      return errc::timeout;
    default:
      return status >= 500 ? errc::unavailable : errc::invalid;
  }
}

// Members every problem has, or that are said otherwise.
bool is_frame(std::string_view member) {
  return member == "type" || member == "title" || member == "status" || member == "detail" ||
         member == "help" || member == "instance" || member == "request_id";
}

std::string texts_json(const std::vector<std::string>& texts) { return json_array(texts, json_text); }

// Lists that ask for nothing are left out.
std::string query_item_json(const QueryItem& item) {
  JsonObject object;
  if (!item.types.empty()) object.raw("types", texts_json(item.types));
  if (!item.tags.empty()) object.raw("tags", texts_json(item.tags));
  if (!item.streams.empty()) object.raw("streams", texts_json(item.streams));
  if (!item.categories.empty()) object.raw("categories", texts_json(item.categories));
  return object.take();
}

std::string condition_json(const AppendCondition& condition) {
  JsonObject fail_if;
  if (condition.fail_if.items) fail_if.raw("items", json_array(*condition.fail_if.items, query_item_json));
  return JsonObject().raw("fail_if", fail_if.take()).number("after", condition.after.value()).take();
}

}  // namespace

std::string append_body(const AppendRequest& request) {
  JsonObject body;
  body.raw("writes", json_array(request.writes, [](const StreamWrite& write) {
             return JsonObject()
                 .text("stream", write.stream)
                 .raw("expected", expected_json(write.expected))
                 .raw("events", json_array(write.events, event_json))
                 .take();
           }));
  if (!request.also_expect.empty()) {
    body.raw("also_expect", json_array(request.also_expect, [](const StreamCheck& check) {
               return JsonObject()
                   .text("stream", check.stream)
                   .raw("expected", expected_json(check.expected))
                   .take();
             }));
  }
  if (request.condition) body.raw("condition", condition_json(*request.condition));
  if (request.recorded_at) body.text("recorded_at", to_string(*request.recorded_at));
  return body.take();
}

result<AppendResult> read_append_result(std::string_view body, const AppendRequest& request) {
  const auto document = JsonDocument::parse(body);
  if (!document) return strange_answer(body);
  const auto root = document->root();
  const auto first = number_in(root, "first");
  const auto last = number_in(root, "last");
  const auto time = parse_time(text_in(root, "recorded_at"));
  const auto revisions = root.find("revisions");
  if (!first || !last || !time || !revisions) return strange_answer(body);
  AppendResult appended{
      .first = Position(*first), .last = Position(*last), .revisions = {}, .recorded_at = *time};
  for (const auto& write : request.writes) {
    const auto revision = number_in(*revisions, write.stream);
    if (!revision) return strange_answer(body);
    appended.revisions.push_back({write.stream, Revision(*revision)});
  }
  const auto duplicate = root.find("duplicate");
  appended.was_duplicate = duplicate && duplicate->as_bool().value_or(false);
  return appended;
}

result<StreamInfo> read_stream_info(std::string_view body) {
  const auto document = JsonDocument::parse(body);
  if (!document) return strange_answer(body);
  const auto info = stream_info_in(document->root());
  if (!info) return strange_answer(body);
  return *info;
}

result<Head> read_head(std::string_view body) {
  const auto document = JsonDocument::parse(body);
  if (!document) return strange_answer(body);
  const auto position = number_in(document->root(), "position");
  if (!position) return strange_answer(body);
  return Head{.position = Position(*position),
              .events = number_in(document->root(), "events").value_or(*position),
              .durable = Position(number_in(document->root(), "durable").value_or(*position))};
}

result<std::vector<StreamInfo>> read_streams(std::string_view body) {
  const auto document = JsonDocument::parse(body);
  if (!document) return strange_answer(body);
  const auto streams = document->root().find("streams");
  if (!streams) return strange_answer(body);
  std::vector<StreamInfo> infos;
  for (const JsonValue stream : streams->elements()) {
    const auto info = stream_info_in(stream);
    if (!info) return strange_answer(body);
    infos.push_back(*info);
  }
  return infos;
}

Error error_of_problem(int status, std::string_view body) {
  const auto kind = kind_of_status(status);
  const auto document = JsonDocument::parse(body);
  if (!document || !document->root().is(JsonType::object))
    return Error(kind, fmt::format("the server answered {}", status))
        .with("answer", std::string(body.substr(0, 300)));
  const auto root = document->root();
  auto detail = text_in(root, "detail");
  if (detail.empty()) detail = text_in(root, "title");
  Error error(kind, detail.empty() ? fmt::format("the server answered {}", status) : detail);
  for (const auto [name, value] : root.members()) {
    if (is_frame(name)) continue;
    error = std::move(error).with(std::string(name), std::string(value.as_string().value_or(value.raw())));
  }
  return std::move(error).help(text_in(root, "help"));
}

}  // namespace stele::cli
