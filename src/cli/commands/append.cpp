// append.cpp - `stele append`: one event from the command line, or many from JSON lines on standard input.
#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/base64.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/expectation.hpp"
#include "cli/commands/reading.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/report.hpp"
#include "event/event_json.hpp"
#include "stele/detail/json.hpp"

namespace stele::cli {
namespace {

constexpr std::uint64_t shown_since = 5;

const Shape& append_shape() {
  using enum Column::Kind;
  static const Shape shape{{"stream", "stream", text},       {"version", "version", number},
                           {"position", "position", number}, {"id", "id", text},
                           {"recorded_at", "when", time},    {"duplicate", "", text}};
  return shape;
}

result<Position> parse_after(const std::string& text) {
  if (text.empty()) return Position{};
  const auto moment = parse_moment(text);
  if (moment && std::holds_alternative<Position>(moment->at)) return std::get<Position>(moment->at);
  std::uint64_t position = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, position);
  if (failure == std::errc{} && stop == end) return Position(position);
  return usage_error(fmt::format("--after cannot be '{}'", text)).help("write a position such as p90211");
}

// "type=Booked type=Moved tag=seat:1": words of one kind as in a query item.
result<QueryItem> parse_item(const std::string& text) {
  QueryItem item;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const auto kind = word.substr(0, equals);
    auto* list = kind == "type"       ? &item.types
                 : kind == "tag"      ? &item.tags
                 : kind == "stream"   ? &item.streams
                 : kind == "category" ? &item.categories
                                      : nullptr;
    if (list == nullptr || equals == std::string::npos || equals + 1 == word.size())
      return usage_error(fmt::format("--if-no cannot take '{}'", word))
          .help("write words like type=Booked, tag=seat:1, stream=Seat-1, category=Seat");
    list->push_back(word.substr(equals + 1));
  }
  return item;
}

result<std::optional<AppendCondition>> condition_of(const AppendOptions& options) {
  STELE_TRY(const auto after, parse_after(options.after));
  if (options.if_no.empty()) {
    if (options.after.empty()) return std::optional<AppendCondition>{};
    return usage_error("--after needs --if-no").help("say which events behind it stand in the way");
  }
  AppendCondition condition{{std::vector<QueryItem>{}}, after};
  for (const auto& text : options.if_no) {
    STELE_TRY(auto item, parse_item(text));
    condition.fail_if.items->push_back(std::move(item));
  }
  STELE_CHECK(check_query(condition.fail_if));
  return std::optional(std::move(condition));
}

result<std::string> read_all(std::istream& in, std::string_view name) {
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return Error(errc::unavailable, fmt::format("{} could not be read to its end", name));
  return text;
}

// J, @file or - (standard input), as --data and --meta take it.
result<std::string> bytes_of(const std::string& argument, std::istream& in) {
  if (argument == "-") return read_all(in, "standard input");
  if (!argument.starts_with('@')) return argument;
  const auto path = argument.substr(1);
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(errc::not_found, "cannot read " + path).help("check the path behind the '@'");
  return read_all(file, path);
}

// The store would take any bytes; a typing slip on a command line should not be kept for ever.
result<void> check_json(const NewEvent& event, std::string_view where) {
  if (!is_json_content(event.content_type)) return {};
  auto document = JsonDocument::parse(event.data, {.allow_repeated_keys = true});
  if (document) return {};
  return std::move(document).error().at(where).help(
      "give JSON, or say what the bytes are with --content-type, e.g. application/octet-stream");
}

result<NewEvent> event_of(const AppendOptions& options, std::istream& in) {
  NewEvent event;
  event.type = options.type;
  event.tags = options.tags;
  if (!options.content_type.empty()) event.content_type = options.content_type;
  STELE_TRY(event.data, bytes_of(options.data.empty() ? "{}" : options.data, in));
  STELE_TRY(event.metadata, bytes_of(options.metadata, in));
  event.id = Uuid::random();
  if (!options.id.empty()) {
    const auto id = parse_uuid(options.id);
    if (!id)
      return usage_error(fmt::format("--id '{}' is not a UUID", options.id))
          .help("36 characters, or leave it out");
    event.id = *id;
  }
  STELE_CHECK(check_json(event, "--data"));
  return event;
}

// One line of {"type":…,"data":…} as the server takes them; the payload keeps its bytes.
result<NewEvent> event_of_line(std::string_view line) {
  STELE_TRY(const auto document, JsonDocument::parse(line, {.allow_repeated_keys = true}));
  const auto root = document.root();
  const auto text = [&](std::string_view name) {
    return root.find(name) ? root.find(name)->as_string() : std::nullopt;
  };
  NewEvent event;
  if (!text("type")) return Error(errc::invalid, "'type' is missing or not a string");
  event.type = *text("type");
  event.id = Uuid::random();
  if (root.find("id")) {
    const auto id = parse_uuid(text("id").value_or(""));
    if (!id) return Error(errc::invalid, "'id' is not a UUID");
    event.id = *id;
  }
  if (const auto data = root.find("data")) event.data = data->raw();
  if (const auto metadata = root.find("metadata")) event.metadata = metadata->raw();
  if (const auto type = text("contentType")) event.content_type = *type;
  if (const auto tags = root.find("tags")) {
    for (const JsonValue tag : tags->elements()) event.tags.emplace_back(tag.as_string().value_or(""));
  }
  if (const auto encoded = text("data_base64")) {
    auto bytes = base::from_base64(*encoded);
    if (!bytes) return Error(errc::invalid, "'data_base64' is not standard base64");
    event.data = *std::move(bytes);
  }
  return event;
}

// All lines are read before the first is appended: either everything goes in, or nothing.
result<std::vector<NewEvent>> events_of(const AppendOptions& options, std::istream& in) {
  std::vector<NewEvent> events;
  if (!options.type.empty()) {
    STELE_TRY(auto event, event_of(options, in));
    events.push_back(std::move(event));
    return events;
  }
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto event = event_of_line(line);
    if (!event)
      return std::move(event)
          .error()
          .at(fmt::format("standard input, line {}", number))
          .help(R"(one event a line: {"type":"MoneyDeposited","data":{"amount":5}}; nothing was written)");
    events.push_back(*std::move(event));
  }
  if (!events.empty()) return events;
  return usage_error("there is nothing to append")
      .help("name a TYPE, or pipe JSON lines with type and data in");
}

std::string since_line(const EventView& event) {
  return fmt::format("v{} {}  {}", event.revision.value(), event.type, to_string(event.recorded_at));
}

// What arrived since the version the caller knew: the first thing anyone asks after a conflict.
Error with_events_since(Error error, const StreamWrite& write, Target& target) {
  if (error.kind() != errc::conflict || write.expected.kind() != ExpectedVersion::Kind::exact) return error;
  if (!error.fact("stream")) return error;  // a condition, not a version
  const auto from = write.expected.revision().next();
  const ReadPlan plan{.stream = write.stream,
                      .filter = {},
                      .from_revision = from,
                      .to_revision = {},
                      .from_position = {},
                      .to_position = {},
                      .direction = Direction::forward,
                      .limit = shown_since};
  const auto read = target.read(plan, [&](const EventView& event) -> result<bool> {
    error = std::move(error).with("since then", since_line(event));
    return true;
  });
  if (!read) return error;
  return std::move(error).help(
      fmt::format("stele read {} v{}.. shows them; --expect any appends anyway", write.stream, from.value()));
}

// The answer names the stream's last revision; the events of one write are consecutive, so theirs follow.
std::string append_record(const StreamWrite& write, const AppendResult& appended, std::size_t index) {
  const auto behind = write.events.size() - 1 - index;
  return JsonObject()
      .text("stream", write.stream)
      .number("version", appended.revisions.front().revision.value() - behind)
      .number("position", appended.first.value() + index)
      .text("id", to_string(write.events[index].id))
      .text("recorded_at", to_string(appended.recorded_at))
      .boolean("duplicate", appended.was_duplicate)
      .take();
}

// Checks what can be checked without the store: the expectation cannot.
result<int> dry_run(Session& session, const StreamWrite& write) {
  for (const auto& event : write.events) STELE_CHECK(check_event(event));
  session.err << fmt::format("would append {} event(s) to {}; nothing was written\n", write.events.size(),
                             write.stream);
  return exit_done;
}

}  // namespace

result<int> execute(const AppendOptions& options, Session& session) {
  RecordWriter writer(session, append_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  StreamWrite write;
  write.stream = options.stream;
  STELE_CHECK(check_stream_name(write.stream));
  STELE_TRY(write.expected, parse_expected(options.expect));
  STELE_TRY(write.events, events_of(options, session.in));
  STELE_TRY(auto condition, condition_of(options));
  if (options.dry_run) return dry_run(session, write);
  STELE_TRY(const auto target, open_target(session, Use::writing));
  AppendRequest request;
  request.writes.push_back(write);
  request.condition = std::move(condition);
  const auto appended = target->append(std::move(request));
  if (!appended) return with_events_since(appended.error(), write, *target);
  for (std::size_t i = 0; i < write.events.size(); ++i)
    STELE_CHECK(writer.add(append_record(write, *appended, i)));
  STELE_CHECK(writer.finish());
  return exit_done;
}

}  // namespace stele::cli
