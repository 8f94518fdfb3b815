// append_body.cpp - reads events and append requests from JSON, NDJSON and bytes.
#include "server/api/append_body.hpp"

#include "base/base64.hpp"
#include "base/json_reader.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

// What is wrong with a body, each with its place, and how much of it is only size: that has a status of its own.
class Violations {
 public:
  void add(std::string pointer, std::string message) {
    list_.push_back({std::move(pointer), std::move(message)});
  }
  void add(std::string pointer, const Error& error) {
    if (error.kind() == errc::too_large) ++too_large_;
    add(std::move(pointer), error.message());
  }
  [[nodiscard]] bool only_size() const { return too_large_ > 0 && too_large_ == list_.size(); }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] std::size_t size() const { return list_.size(); }
  [[nodiscard]] const std::vector<Problem::Violation>& list() const { return list_; }

 private:
  std::vector<Problem::Violation> list_;
  std::size_t too_large_ = 0;
};

// One object of the body: knows where it stands and collects what is wrong with it.
class ObjectReader {
 public:
  ObjectReader(JsonValue value, std::string pointer, Violations& out)
      : value_(value), pointer_(std::move(pointer)), out_(out) {
    if (!value_.is(JsonType::object))
      wrong({}, "must be an object, not " + std::string(to_string(value_.type())));
  }

  [[nodiscard]] bool usable() const { return value_.is(JsonType::object); }
  [[nodiscard]] std::string at(std::string_view name) const { return json_pointer(pointer_, name); }
  [[nodiscard]] std::optional<JsonValue> find(std::string_view name) const { return value_.find(name); }
  Violations& violations() { return out_; }

  void wrong(std::string_view name, std::string message) {
    out_.add(name.empty() ? pointer_ : at(name), std::move(message));
  }

  std::optional<JsonValue> required(std::string_view name) {
    auto found = find(name);
    if (!found && usable()) wrong(name, "is missing");
    return found;
  }

  std::string text(std::string_view name, std::optional<JsonValue> value) {
    if (!value) return {};
    if (const auto text = value->as_string()) return std::string(*text);
    wrong(name, "must be a string, not " + std::string(to_string(value->type())));
    return {};
  }

  // An array of strings; nothing when absent.
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    const auto list = array(name);
    if (!list) return out;
    std::size_t index = 0;
    for (const JsonValue item : list->elements()) {
      if (const auto text = item.as_string()) {
        out.emplace_back(*text);
      } else {
        out_.add(json_pointer(at(name), index), "must be a string");
      }
      ++index;
    }
    return out;
  }

  std::optional<JsonValue> array(std::string_view name) {
    auto found = find(name);
    if (found && !found->is(JsonType::array)) {
      wrong(name, "must be an array, not " + std::string(to_string(found->type())));
      return std::nullopt;
    }
    return found;
  }

  // A member nobody knows is more likely a typing error than meant to be ignored.
  void refuse_others(std::initializer_list<std::string_view> known) {
    if (!usable()) return;
    for (const auto& [key, value] : value_.members()) {
      bool found = false;
      for (const auto name : known) found |= name == key;
      if (!found) wrong(key, "is not a member of this object");
    }
  }

 private:
  JsonValue value_;
  std::string pointer_;
  Violations& out_;
};

// JSON data is the slice of the body it stands in: no number, blank or escape is touched.
void read_data(ObjectReader& object, NewEvent& event) {
  const auto plain = object.find("data");
  const auto coded = object.find("data_base64");
  if (plain && coded) return object.wrong("data_base64", "cannot stand beside data");
  if (plain) {
    event.data = plain->raw();
  } else if (coded) {
    const auto text = object.text("data_base64", coded);
    auto bytes = base::from_base64(text);
    if (!bytes) return object.wrong("data_base64", "is not base64");
    event.data = *std::move(bytes);
    if (!object.find("contentType") && !object.find("content_type")) event.content_type = binary_content;
  } else if (object.usable()) {
    object.wrong("data", "is missing");
  }
}

// Null and absent are the same: no metadata.
void read_metadata(ObjectReader& object, NewEvent& event) {
  const auto found = object.find("metadata");
  if (!found || found->is(JsonType::null)) return;
  if (!found->is(JsonType::object)) return object.wrong("metadata", "must be an object");
  event.metadata = found->raw();
}

// The nil id means "give me one" inside; from outside it is more likely a mistake.
void read_id(ObjectReader& object, NewEvent& event) {
  const auto found = object.find("id");
  if (!found) return;
  const auto id = parse_uuid(object.text("id", found));
  if (!id || id->is_nil()) return object.wrong("id", "must be a UUID, not the nil one");
  event.id = *id;
}

// The rules every store enforces are checked only when the form is right: their messages would repeat it.
NewEvent read_event(JsonValue value, const std::string& pointer, Violations& out) {
  NewEvent event;
  const auto before = out.size();
  ObjectReader object(value, pointer, out);
  read_id(object, event);
  event.type = object.text("type", object.required("type"));
  read_data(object, event);
  read_metadata(object, event);
  event.tags = object.texts("tags");
  for (const auto name : {"contentType", "content_type"}) {
    if (const auto found = object.find(name)) event.content_type = object.text(name, found);
  }
  object.refuse_others(
      {"id", "type", "data", "data_base64", "metadata", "tags", "contentType", "content_type"});
  if (out.size() != before) return event;
  if (const auto ok = check_event(event); !ok) out.add(pointer, ok.error());
  return event;
}

std::vector<NewEvent> read_event_list(JsonValue list, const std::string& pointer, Violations& out) {
  std::vector<NewEvent> events;
  std::size_t index = 0;
  for (const JsonValue item : list.elements())
    events.push_back(read_event(item, json_pointer(pointer, index++), out));
  if (events.empty()) out.add(pointer, "must hold at least one event");
  return events;
}

// All at once: whoever writes a client corrects a body once, not once per mistake.
std::unexpected<Problem> body_errors(const Violations& violations) {
  const auto count = violations.size();
  const std::string detail =
      count == 1 ? "the body has a problem" : "the body has " + std::to_string(count) + " problems";
  Problem out(400, "invalid-request", detail);
  if (violations.only_size())
    out = Problem(413, "too-large", count == 1 ? violations.list().front().message : detail);
  for (const auto& v : violations.list()) out = std::move(out).at(v.pointer, v.message);
  return std::unexpected(std::move(out));
}

// Text that is not JSON at all: where, from the reader's own words.
std::unexpected<Problem> not_json(const Error& error, const std::string& prefix = {}) {
  Problem out(400, "invalid-request", "the body is not valid JSON: " + error.message());
  if (error.kind() == errc::too_large) out = Problem(413, "too-large", error.message());
  for (const auto& fact : error.facts()) {
    if (fact.name != "pointer") out = std::move(out).with(fact.name, fact.value);
  }
  return std::unexpected(
      std::move(out).at(prefix + std::string(error.fact("pointer").value_or("")), error.message()));
}

// An object is one event, an array several; anything else is refused as an event that is no object.
OrProblem<std::vector<NewEvent>> parse_json_events(std::string_view body) {
  const auto document = JsonDocument::parse(body);
  if (!document) return not_json(document.error());
  Violations violations;
  std::vector<NewEvent> events;
  if (document->root().is(JsonType::array)) {
    events = read_event_list(document->root(), "", violations);
  } else {
    events.push_back(read_event(document->root(), "", violations));
  }
  if (!violations.empty()) return body_errors(violations);
  return events;
}

// One event a line; empty lines are skipped and count.
OrProblem<std::vector<NewEvent>> parse_ndjson_events(std::string_view body) {
  Violations violations;
  std::vector<NewEvent> events;
  for (std::size_t line = 0; !body.empty(); ++line) {
    const auto end = body.find('\n');
    const auto text = body.substr(0, end);
    body = end == std::string_view::npos ? std::string_view{} : body.substr(end + 1);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto pointer = json_pointer("", line);
    const auto document = JsonDocument::parse(text);
    if (!document) return not_json(document.error(), pointer);
    events.push_back(read_event(document->root(), pointer, violations));
  }
  if (events.empty()) violations.add("", "must hold at least one event");
  if (!violations.empty()) return body_errors(violations);
  return events;
}

// The query parameter wins over the header; data may be empty.
OrProblem<std::vector<NewEvent>> parse_binary_event(const Request& request) {
  NewEvent event;
  const auto header = request.header("stele-event-type");
  event.type = request.query_value("type").value_or(header ? std::string_view(*header) : std::string_view());
  if (event.type.empty()) {
    return std::unexpected(Problem(400, "invalid-request", "a binary event needs a type")
                               .help("add ?type=... or the header Stele-Event-Type"));
  }
  event.data = request.body;
  event.content_type = binary_content;
  Violations violations;
  if (const auto ok = check_event(event); !ok) violations.add("", ok.error());
  if (!violations.empty()) return body_errors(violations);
  return std::vector{std::move(event)};
}

// A write may leave it out (any), a check may not: it would check nothing.
ExpectedVersion read_expected_member(ObjectReader& object, bool needed) {
  const auto found = needed ? object.required("expected") : object.find("expected");
  if (!found) return ExpectedVersion::any();
  if (const auto number = found->as_u64()) return ExpectedVersion::exact(Revision(*number));
  const auto word = found->as_string().value_or("");
  if (word == "any") return ExpectedVersion::any();
  if (word == "no_stream") return ExpectedVersion::no_stream();
  if (word == "exists") return ExpectedVersion::exists();
  object.wrong("expected", R"(must be "any", "no_stream", "exists" or a version from 0 on)");
  return ExpectedVersion::any();
}

// An empty name is reported once, by whoever found it empty.
std::string read_stream_member(ObjectReader& object) {
  auto name = object.text("stream", object.required("stream"));
  if (name.empty()) return name;
  if (const auto ok = check_stream_name(name); !ok) object.violations().add(object.at("stream"), ok.error());
  return name;
}

StreamWrite read_write(JsonValue value, const std::string& pointer, Violations& out) {
  ObjectReader object(value, pointer, out);
  StreamWrite write;
  write.stream = read_stream_member(object);
  write.expected = read_expected_member(object, false);
  if (object.required("events")) {
    if (const auto list = object.array("events"))
      write.events = read_event_list(*list, object.at("events"), out);
  }
  object.refuse_others({"stream", "expected", "events"});
  return write;
}

StreamCheck read_check(JsonValue value, const std::string& pointer, Violations& out) {
  ObjectReader object(value, pointer, out);
  StreamCheck check;
  check.stream = read_stream_member(object);
  check.expected = read_expected_member(object, true);
  object.refuse_others({"stream", "expected"});
  return check;
}

QueryItem read_query_item(JsonValue value, const std::string& pointer, Violations& out) {
  ObjectReader object(value, pointer, out);
  QueryItem item;
  item.types = object.texts("types");
  item.tags = object.texts("tags");
  item.streams = object.texts("streams");
  item.categories = object.texts("categories");
  object.refuse_others({"types", "tags", "streams", "categories"});
  return item;
}

// No `items` at all means every event, as in the contract.
Query read_query(ObjectReader& parent, Violations& out) {
  Query query;
  const auto found = parent.required("fail_if");
  if (!found) return query;
  ObjectReader object(*found, parent.at("fail_if"), out);
  object.refuse_others({"items"});
  const auto items = object.array("items");
  if (!items) return query;
  query.items.emplace();
  std::size_t index = 0;
  for (const JsonValue item : items->elements()) {
    query.items->push_back(read_query_item(item, json_pointer(object.at("items"), index++), out));
  }
  if (const auto ok = check_query(query); !ok) object.wrong({}, ok.error().message());
  return query;
}

// Only the form is judged here; whether it can be checked is the store's to say.
AppendCondition read_condition(JsonValue value, const std::string& pointer, Violations& out) {
  ObjectReader object(value, pointer, out);
  AppendCondition condition;
  condition.fail_if = read_query(object, out);
  if (const auto after = object.required("after")) {
    const auto number = after->as_u64();
    if (!number) object.wrong("after", "must be a position: a whole number from 0 on");
    condition.after = Position(number.value_or(0));
  }
  object.refuse_others({"fail_if", "after"});
  return condition;
}

// For imports. A time to come is refused: recorded times never go back, so the log's would stand still until then.
std::optional<Timestamp> read_recorded_at(ObjectReader& object) {
  const auto found = object.find("recorded_at");
  if (!found) return std::nullopt;
  const auto time = parse_time(object.text("recorded_at", found));
  if (!time) {
    object.wrong("recorded_at", "must be a time such as 2026-03-01T10:00:00.000000Z");
  } else if (*time > std::chrono::system_clock::now()) {
    object.wrong("recorded_at", "lies in the future");
  }
  return time;
}

}  // namespace

OrProblem<std::vector<NewEvent>> parse_events(const Request& request) {
  const auto type = request.content_type();
  if (type == "application/octet-stream") return parse_binary_event(request);
  if (type == "application/x-ndjson") return parse_ndjson_events(request.body);
  if (type.empty() || type == "application/json") return parse_json_events(request.body);
  return std::unexpected(
      Problem(415, "unsupported-media-type", "`" + type + "` is not taken here")
          .with_json("offered", R"(["application/json","application/x-ndjson","application/octet-stream"])")
          .help("set the Content-Type header"));
}

OrProblem<AppendRequest> parse_append(std::string_view body) {
  const auto document = JsonDocument::parse(body);
  if (!document) return not_json(document.error());
  Violations violations;
  AppendRequest out;
  ObjectReader object(document->root(), "", violations);
  std::size_t index = 0;
  if (object.required("writes")) {
    if (const auto writes = object.array("writes")) {
      for (const JsonValue write : writes->elements()) {
        out.writes.push_back(read_write(write, json_pointer("/writes", index++), violations));
      }
      if (out.writes.empty()) object.wrong("writes", "must hold at least one write");
    }
  }
  index = 0;
  if (const auto checks = object.array("also_expect")) {
    for (const JsonValue check : checks->elements()) {
      out.also_expect.push_back(read_check(check, json_pointer("/also_expect", index++), violations));
    }
  }
  if (const auto found = object.find("condition"); found && !found->is(JsonType::null)) {
    out.condition = read_condition(*found, "/condition", violations);
  }
  out.recorded_at = read_recorded_at(object);
  object.refuse_others({"writes", "also_expect", "condition", "recorded_at"});
  if (!violations.empty()) return body_errors(violations);
  return out;
}

}  // namespace stele::server
