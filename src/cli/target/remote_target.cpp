// remote_target.cpp - a server's /v1 as a target: NDJSON for reading, server-sent events for following.
#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/json_reader.hpp"
#include "cli/target/http_client.hpp"
#include "cli/target/owned_view.hpp"
#include "cli/target/plan.hpp"
#include "cli/target/sse_reader.hpp"
#include "cli/target/target.hpp"
#include "cli/target/wire.hpp"
#include "event/event_json.hpp"

namespace stele::cli {
namespace {

constexpr std::chrono::milliseconds shortest_pause{100};
constexpr std::chrono::milliseconds longest_pause{5000};
constexpr std::size_t streams_page = 1000;

void add_parameter(std::string& target, std::string_view name, std::string_view value) {
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += fmt::format("{}={}", name, percent_encoded(value));
}

std::string stream_path(const std::string& stream) { return "/v1/streams/" + percent_encoded(stream); }

// The filters as the server's own query parameters, so that it uses its index.
std::string events_path(const ReadPlan& plan) {
  std::string target = plan.stream.empty() ? "/v1/events" : stream_path(plan.stream) + "/events";
  for (const auto& type : plan.filter.types) add_parameter(target, "type", type);
  for (const auto& tag : plan.filter.tags) add_parameter(target, "tag", tag);
  for (const auto& category : plan.filter.categories) add_parameter(target, "category", category);
  return target;
}

std::optional<std::string> bound_text(std::optional<Revision> revision, std::optional<Position> position) {
  if (position) return fmt::format("p{}", position->value());
  if (revision) return fmt::format("v{}", revision->value());
  return std::nullopt;
}

// What the server can narrow down; the plan's walk checks every event again.
std::string read_path(const ReadPlan& plan) {
  const bool forward = plan.direction == Direction::forward;
  const auto low = bound_text(plan.from_revision, plan.from_position);
  const auto high = bound_text(plan.to_revision, plan.to_position);
  auto target = events_path(plan);
  add_parameter(target, "dir", forward ? "forward" : "backward");
  if (const auto& from = forward ? low : high) add_parameter(target, "from", *from);
  if (plan.limit != no_limit) add_parameter(target, "limit", fmt::format("{}", plan.limit));
  return target;
}

// NDJSON in pieces to events, and what the last line said.
class EventLines {
 public:
  explicit EventLines(PlanWalk& walk) : walk_(walk) {}

  // False: nothing more is wanted, or something went wrong (see outcome()).
  bool take(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      line_ += bytes.substr(0, end);
      if (end == std::string_view::npos) return true;
      bytes.remove_prefix(end + 1);
      const bool more = take_line(line_);
      line_.clear();
      if (!more) return false;
    }
    return true;
  }

  [[nodiscard]] const result<void>& outcome() const { return outcome_; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  bool take_line(std::string_view line) {
    if (line.empty()) return true;
    if (line.starts_with("{\"$end\"") || line.starts_with("{\"$error\"")) return take_last(line);
    const auto event = parse_event_json(line);
    if (!event)
      return fail(
          Error(errc::unavailable, "the server sent a line that is no event: " + event.error().message()));
    const auto more = walk_.take(OwnedView(*event).view());
    if (!more) return fail(more.error());
    return *more;
  }

  bool take_last(std::string_view line) {
    const auto document = JsonDocument::parse(line);
    if (!document) return fail(Error(errc::unavailable, "the server's last line cannot be read"));
    if (const auto problem = document->root().find("$error")) {
      const auto status = problem->find("status");
      return fail(
          error_of_problem(static_cast<int>(status ? status->as_u64().value_or(500) : 500), problem->raw()));
    }
    ended_ = true;
    return false;
  }

  bool fail(Error error) {
    outcome_ = std::move(error);
    return false;
  }

  PlanWalk& walk_;
  std::string line_;
  bool ended_ = false;
  result<void> outcome_;
};

// Waits, but not when a stop is requested.
void pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, time, [] { return false; });
}

// Appends go one at a time: with ids on every event a repeat after a lost answer is harmless.
class RemoteTarget final : public Target {
 public:
  explicit RemoteTarget(HttpClient client) : client_(std::move(client)) {}

  [[nodiscard]] std::string name() const override { return client_.url(); }

  result<AppendResult> append(AppendRequest request) override {
    STELE_TRY(const auto reply, client_.send({.method = "POST",
                                              .target = "/v1/append",
                                              .headers = {"Content-Type: application/json"},
                                              .body = append_body(request)}));
    if (reply.status != 201 && reply.status != 200) return error_of_problem(reply.status, reply.body);
    return read_append_result(reply.body, request);
  }

  // One connection, one request at a time: the order of the calls is the order of the log.
  void append_async(AppendRequest request, AppendCompletion done) override {
    done(append(std::move(request)));
  }
  void drain() override {}

  // NDJSON has no pages: its last line says that this was all of it.
  result<void> read(const ReadPlan& plan, const EventSink& sink) override {
    PlanWalk walk(plan, sink);
    EventLines lines(walk);
    STELE_CHECK(fetch(read_path(plan), lines));
    if (lines.ended() || walk.done()) return {};
    return Error(errc::unavailable, "the server's answer broke off")
        .help("read again from the last event shown");
  }

  result<void> follow(const ReadPlan& plan, Position after, const EventSink& sink,
                      const std::function<void()>& live, std::stop_token stop) override {
    PlanWalk walk(plan, sink);
    Position seen = after;
    auto wait = shortest_pause;
    while (!walk.done() && !stop.stop_requested()) {
      const auto before = seen;
      const auto outcome = follow_once(plan, walk, seen, live, stop);
      if (!outcome && !is_passing(outcome.error())) return outcome;
      wait = seen == before ? std::min(wait * 2, longest_pause) : shortest_pause;
      if (!walk.done()) pause(wait, stop);
    }
    return {};
  }

  result<StreamInfo> stream_info(const std::string& stream) override {
    STELE_TRY(const auto body, get(stream_path(stream)));
    return read_stream_info(body);
  }

  result<std::vector<StreamInfo>> list_streams(const std::string& prefix, const std::string& after,
                                               std::size_t limit) override {
    std::string target = "/v1/streams";
    if (!prefix.empty()) add_parameter(target, "prefix", prefix);
    if (!after.empty()) add_parameter(target, "cursor", after);
    add_parameter(target, "limit", fmt::format("{}", std::min(limit, streams_page)));
    STELE_TRY(const auto body, get(target));
    return read_streams(body);
  }

  result<Head> head() override {
    STELE_TRY(const auto body, get("/v1/log/head"));
    return read_head(body);
  }

  result<Position> position_at(Timestamp time) override {
    std::string target = "/v1/events?dir=backward&limit=1";
    add_parameter(target, "as_of", to_string(time));
    Position found;
    const ReadPlan any;
    const EventSink remember = [&](const EventView& event) -> result<bool> {
      found = event.position;
      return false;
    };
    PlanWalk walk(any, remember);
    EventLines lines(walk);
    STELE_CHECK(fetch(target, lines));
    return found;
  }

  result<RecordedEvent> find_event(const Uuid& id) override {
    STELE_TRY(const auto body, get("/v1/events/" + to_string(id)));
    return parse_event_json(body);
  }
  [[nodiscard]] bool finds_quickly() const override { return false; }

 private:
  // One JSON document, or the refusal as an Error.
  result<std::string> get(const std::string& target) {
    STELE_TRY(auto reply, client_.send({.target = target, .headers = {"Accept: application/json"}}));
    if (reply.status != 200) return error_of_problem(reply.status, reply.body);
    return std::move(reply.body);
  }

  result<void> fetch(const std::string& target, EventLines& lines) {
    const HttpRequest request{.target = target, .headers = {"Accept: application/x-ndjson"}};
    const auto take = [&](std::string_view bytes) { return lines.take(bytes); };
    STELE_TRY(const auto reply, client_.stream(request, take, {}));
    if (reply.status != 200) return error_of_problem(reply.status, reply.body);
    return lines.outcome();
  }

  // What a restart of the server looks like from outside; everything else is told at once.
  static bool is_passing(const Error& error) {
    return error.kind() == errc::unavailable || error.kind() == errc::timeout || error.kind() == errc::busy;
  }

  // One connection's worth of events; `seen` is where the next connection goes on.
  result<void> follow_once(const ReadPlan& plan, PlanWalk& walk, Position& seen,
                           const std::function<void()>& live, const std::stop_token& stop) {
    result<void> outcome;
    SseReader reader([&](const SseMessage& message) {
      if (message.event == "caught-up") live();
      if (message.event != "message") return message.event != "gone";
      const auto event = parse_event_json(message.data);
      if (!event) {
        outcome =
            Error(errc::invalid, "the server sent something that is no event: " + event.error().message());
        return false;
      }
      const auto more = walk.take(OwnedView(*event).view());
      if (!more) outcome = more.error();
      seen = event->position;
      return more && *more;
    });
    // Events of one stream are numbered by their place in the log, too: the log's address serves both.
    auto target = plan.stream.empty() ? events_path(plan) : log_path_of(plan);
    const HttpRequest request{
        .target = std::move(target),
        .headers = {"Accept: text/event-stream", fmt::format("Last-Event-ID: {}", seen.value())}};
    STELE_TRY(const auto reply,
              client_.stream(request, [&](std::string_view bytes) { return reader.take(bytes); }, stop));
    if (reply.status != 200) return error_of_problem(reply.status, reply.body);
    return outcome;
  }

  static std::string log_path_of(const ReadPlan& plan) {
    ReadPlan whole = plan;
    whole.stream.clear();
    auto target = events_path(whole);
    add_parameter(target, "stream", plan.stream);
    return target;
  }

  HttpClient client_;
};

}  // namespace

result<std::unique_ptr<Target>> open_remote_target(const Place& place) {
  STELE_TRY(auto client, HttpClient::make(place.url, place.token));
  return std::make_unique<RemoteTarget>(std::move(client));
}

}  // namespace stele::cli
