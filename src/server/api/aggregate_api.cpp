// aggregate_api.cpp - GET /v1/aggregates: states at any moment, the steps between them, differences and blame, by the
// deciders that the application has named.
#include "event/event_json.hpp"
#include "history/blame.hpp"
#include "history/change.hpp"
#include "server/api/history_api.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::uint64_t steps_page = 200;
constexpr std::uint64_t largest_steps_page = 1'000;
constexpr std::size_t most_field_changes = 1'000;

std::string revision_json(std::optional<Revision> revision) {
  return revision ? std::to_string(revision->value()) : "null";
}

std::string_view query_text(const Request& request, std::string_view name) {
  return request.query_value(name).value_or("");
}

// `at` knows events as well ("CheckedOut -10m"), which as_of cannot.
result<std::optional<Revision>> moment_asked(OpenHistory& history, const Request& request) {
  const auto at = query_text(request, "at");
  return history.moment(at.empty() ? query_text(request, "as_of") : at, "head");
}

Answer list_types(HistoryDesk& desk, const Request&) {
  std::string body = "{\"aggregates\":[";
  for (const auto& fold : desk.folds().all()) {
    if (body.back() == '}') body += ',';
    body += "{\"type\":" + json_quoted(fold->category) + ",\"fold\":" + json_quoted(fold->name) + "}";
  }
  return Response::json(200, body + "]}");
}

Answer show_state(HistoryDesk& desk, const Request& request) {
  STELE_TRY(const auto history, HistoryLease::take(desk, request));
  STELE_TRY(const auto revision, moment_asked(*history, request));
  STELE_TRY(const auto state, history->timeline->state_at(revision));
  std::string body = "{\"type\":" + json_quoted(request.param("type")) +
                     ",\"id\":" + json_quoted(request.param("id")) +
                     ",\"version\":" + revision_json(revision) +
                     ",\"of\":" + std::to_string(history->info.last_revision.value());
  if (revision) {
    const auto note = [&](const EventView& event) -> result<bool> {
      body += ",\"at\":" + json_quoted(to_string(event.recorded_at));
      return false;
    };
    STELE_CHECK(history->source.read_stream(history->info.stream, *revision, *revision, note));
  }
  body += ",\"state\":" + state + ",\"fold\":" + json_quoted(history->fold->name) + "}";
  auto out = Response::json(200, std::move(body));
  return revision ? std::move(out).etag(*revision) : std::move(out);
}

Answer show_difference(HistoryDesk& desk, const Request& request) {
  STELE_TRY(const auto history, HistoryLease::take(desk, request));
  STELE_TRY(const auto from, history->moment(query_text(request, "from"), "start"));
  STELE_TRY(const auto to, history->moment(query_text(request, "to"), "head"));
  STELE_TRY(const auto before, history->timeline->state_at(from));
  STELE_TRY(const auto after, history->timeline->state_at(to));
  STELE_TRY(const auto changes, history::changes_between(before, after));
  return Response::json(200, "{\"from\":" + revision_json(from) + ",\"to\":" + revision_json(to) +
                                 ",\"changes\":" + history::changes_json(changes) +
                                 ",\"patch\":" + history::json_patch(changes) +
                                 ",\"fold\":" + json_quoted(history->fold->name) + "}");
}

Answer show_blame(HistoryDesk& desk, const Request& request) {
  STELE_TRY(const auto history, HistoryLease::take(desk, request));
  STELE_TRY(const auto revision, moment_asked(*history, request));
  const auto field = query_text(request, "field");
  std::vector<history::Blame> all;
  if (field.empty()) {
    STELE_TRY(all, history::blame_at(*history->timeline, revision));
  } else if (revision) {
    STELE_TRY(all, history::changes_of_field(*history->timeline, field, *revision, most_field_changes));
  }
  std::string body = "{\"version\":" + revision_json(revision) + ",\"fields\":[";
  for (std::size_t i = 0; i < all.size(); ++i) body += (i > 0 ? "," : "") + history::blame_json(all[i]);
  return Response::json(200, body + "],\"fold\":" + json_quoted(history->fold->name) + "}");
}

// One step as a line or an element. The first of an answer carries the state in front of it.
void append_step(std::string& out, const history::Step& step, bool first) {
  const auto changes = history::changes_between(step.before, step.after);
  out += "{\"event\":";
  append_event_json(out, step.event);
  if (first) (out += ",\"before\":") += step.before;
  (out += ",\"patch\":") += changes ? history::json_patch(*changes) : "null";
  (out += ",\"state\":") += step.after;
  out += '}';
}

// Step after step for as long as there is room; the timeline stays, so nothing is folded twice.
class TimelineBody {
 public:
  TimelineBody(std::shared_ptr<HistoryDesk> desk, std::unique_ptr<OpenHistory> history,
               history::RevisionRange range)
      : desk_(std::move(desk)), history_(std::move(history)), range_(range), next_(range.from) {}

  bool operator()(std::string& into, std::size_t want) {
    const auto walked =
        history_->timeline->walk(next_, range_.to, [&](const history::Step& step) -> result<bool> {
          append_step(into, step, step.event.revision == range_.from);
          into += '\n';
          next_ = step.event.revision.next();
          return into.size() < want;
        });
    if (!walked) {
      into += error_line(walked.error());
      return false;
    }
    if (next_ <= range_.to) return true;
    into += "{\"$end\":{\"to\":" + std::to_string(range_.to.value()) + "}}\n";
    return false;
  }

 private:
  std::shared_ptr<HistoryDesk> desk_;  // the fold lies there
  std::unique_ptr<OpenHistory> history_;
  history::RevisionRange range_;
  Revision next_;
};

result<history::RevisionRange> range_asked(OpenHistory& history, const Request& request) {
  const auto text = std::string(query_text(request, "from")) + ".." + std::string(query_text(request, "to"));
  return history::revisions_between(history.source, history.info, text, history_now());
}

Answer timeline_page(OpenHistory& history, const Request& request) {
  const auto limit = parse_u64(query_text(request, "limit").empty() ? "200" : query_text(request, "limit"));
  if (!limit || *limit == 0 || *limit > largest_steps_page)
    return Error(errc::invalid, "query parameter `limit`: from 1 to 1000");
  STELE_TRY(auto range, range_asked(history, request));
  const auto last = range.to;
  if (range.to.value() - range.from.value() >= *limit) range.to = Revision(range.from.value() + *limit - 1);
  std::string body = "{\"steps\":[";
  STELE_CHECK(history.timeline->walk(range.from, range.to, [&](const history::Step& step) -> result<bool> {
    const bool first = step.event.revision == range.from;
    if (!first) body += ',';
    append_step(body, step, first);
    return true;
  }));
  body +=
      "],\"next\":" + (range.to < last ? json_quoted("v" + std::to_string(range.to.value() + 1)) : "null");
  return Response::json(200, body + ",\"of\":" + std::to_string(history.info.last_revision.value()) +
                                 ",\"fold\":" + json_quoted(history.fold->name) + "}");
}

// NDJSON without an end of its own needs the desk to live as long as the answer.
Answer show_timeline(const std::shared_ptr<HistoryDesk>& desk, const Request& request) {
  static_assert(steps_page <= largest_steps_page);
  if (!request.accepts("application/x-ndjson")) {
    STELE_TRY(const auto lease, HistoryLease::take(*desk, request));
    return timeline_page(*lease, request);
  }
  STELE_TRY(auto history, open_history(*desk, request));
  STELE_TRY(const auto range, range_asked(*history, request));
  auto out = Response::stream("application/x-ndjson", BodySource());
  out.source = TimelineBody(desk, std::move(history), range);
  return out;
}

std::vector<Field> moment_parameters() {
  return {{"as_of", "v203, p90211, start, head, -20, -2h or a time; default head"},
          {"at", "the same, or relative to the newest event of a type: `CheckedOut -10m`"}};
}

}  // namespace

std::vector<ServedRoute> aggregate_routes(const std::shared_ptr<HistoryDesk>& desk) {
  const std::string one = "/v1/aggregates/{type}/{id}";
  const auto range = std::vector<Field>{{"from", "a moment, as in as_of"}, {"to", "a moment, included"}};
  auto blame = moment_parameters();
  blame.push_back({"field", "everything that ever changed this one, newest first; at most 1000"});
  auto steps = range;
  steps.push_back({"limit", "of a JSON page: 1 to 1000, 200 if absent"});
  auto timeline =
      history_route(desk, "GET", one + "/timeline", nullptr,
                    {.summary = "Each event with the state behind it",
                     .description = "application/json: a page. application/x-ndjson: all of it, a line "
                                    "each, then an end record.",
                     .query = std::move(steps)});
  timeline.route.handler = [desk](const Request& request) { return show_timeline(desk, request); };
  return {
      history_route(desk, "GET", "/v1/aggregates", list_types,
                    {.summary = "Whose states can be shown, and who folds them"}),
      history_route(desk, "GET", one, show_state,
                    {.summary = "An aggregate's state, now or at any moment", .query = moment_parameters()}),
      std::move(timeline),
      history_route(
          desk, "GET", one + "/diff", show_difference,
          {.summary = "What differs between two moments, also as a JSON Patch (RFC 6902)", .query = range}),
      history_route(desk, "GET", one + "/blame", show_blame,
                    {.summary = "Which event set each field", .query = std::move(blame)}),
  };
}

}  // namespace stele::server
