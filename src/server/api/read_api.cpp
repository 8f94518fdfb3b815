// read_api.cpp - GET /v1/events and GET /v1/streams/{stream}/events: as a JSON page, as NDJSON, as an event stream.
#include "event/event_json.hpp"
#include "server/api/read_plan.hpp"
#include "server/api/store_api.hpp"
#include "server/app/preconditions.hpp"
#include "server/http/uri.hpp"
#include "server/live/feed.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

// A page ends early rather than grow beyond this; one event always fits.
constexpr std::size_t page_bytes = 8u << 20;
constexpr std::size_t read_batch = 256;

// The request's own address with another `from`.
std::string link_to(const Request& request, const std::string& from) {
  std::string out = request.target.substr(0, request.target.find('?'));
  char mark = '?';
  for (const auto& [name, value] : request.query) {
    if (name == "from") continue;
    out += mark + percent_encode(name) + "=" + percent_encode(value);
    mark = '&';
  }
  return out + mark + "from=" + from;
}

struct Page {
  std::string events = "[";
  std::uint64_t count = 0;
  std::optional<std::string> next;  // where more is
  bool full = false;
};

// True: the page is complete.
bool add_to_page(const ReadPlan& plan, std::uint64_t limit, const EventView& event, Page& page) {
  const bool behind_as_of = plan.direction == Direction::forward && event.position > plan.upto;
  if (behind_as_of) {
    page.next.reset();
    return true;
  }
  if (page.count == limit || (page.count > 0 && page.events.size() + event.data.size() > page_bytes))
    return true;
  if (page.count++ > 0) page.events += ',';
  append_event_json(page.events, event);
  page.next = next_from(plan, event);
  return false;
}

// One event more than asked for is read: it tells whether there is a next page.
result<Page> read_page(EventStore& store, const ReadPlan& plan, std::uint64_t limit) {
  Page page;
  STELE_TRY(const auto cursor, open_plan(store, plan, limit + 1));
  for (bool complete = false; !complete;) {
    STELE_TRY(const auto batch, cursor->next_batch(read_batch));
    if (batch.empty()) {
      page.next.reset();  // the end was reached: nothing more is visible
      break;
    }
    for (const auto& event : batch) {
      complete = add_to_page(plan, limit, event, page);
      if (complete) break;
    }
  }
  page.events += ']';
  return page;
}

// A stream's version is the ETag of everything read from it.
void add_stream_headers(const ReadPlan& plan, Response& out) {
  if (!plan.info) return;
  out = std::move(out).etag(plan.info->last_revision);
  out.read_version = plan.info->last_revision;
}

// Errors before the first byte have their own status; a page is complete or refused.
Answer json_page(Core& core, const Request& request) {
  STELE_TRY(auto plan, plan_read(core.store, request, true));
  core.add_older_names(plan.query);
  const auto limit = plan.limit.value_or(default_page);
  if (limit > largest_page) {
    return Error(errc::invalid, "query parameter `limit`: a page holds at most 1000 events")
        .help("follow `next`, or read all at once with `Accept: application/x-ndjson`");
  }
  STELE_TRY(auto page, read_page(core.store, plan, limit));
  core.metrics.events_read(plan.stream.empty() ? "log" : "stream", page.count);
  std::string body = "{\"events\":" + page.events +
                     ",\"next\":" + (page.next ? json_quoted(*page.next) : "null") +
                     ",\"head\":" + std::to_string(core.store.head().position.value());
  if (plan.info) body += ",\"version\":" + std::to_string(plan.info->last_revision.value());
  auto out = Response::json(200, body + "}");
  add_stream_headers(plan, out);
  if (page.next) out = std::move(out).header("Link", "<" + link_to(request, *page.next) + ">; rel=\"next\"");
  return out;
}

// Lines for as long as there are events, then the end record: a cut transfer cannot look complete.
class NdjsonBody {
 public:
  NdjsonBody(std::shared_ptr<Core> core, ReadPlan plan, std::unique_ptr<Cursor> cursor)
      : core_(std::move(core)), plan_(std::move(plan)), cursor_(std::move(cursor)) {
    if (plan_.direction == Direction::forward) next_ = "p" + std::to_string(plan_.from.value());
  }

  bool operator()(std::string& into, std::size_t want) {
    while (into.size() < want) {
      const auto batch = cursor_->next_batch(read_batch);
      if (!batch) {
        into += "{\"$error\":" + core_->problems.render(problem_of(batch.error(), false), "", "") + "}\n";
        return false;
      }
      if (!add(*batch, into)) return false;
    }
    return true;
  }

 private:
  bool add(std::span<const EventView> batch, std::string& into) {
    for (const auto& event : batch) {
      if (plan_.direction == Direction::forward && event.position > plan_.upto) return end(into);
      append_event_json(into, event);
      into += '\n';
      next_ = next_from(plan_, event);
      ++count_;
    }
    return batch.empty() ? end(into) : true;
  }

  bool end(std::string& into) {
    core_->metrics.events_read(plan_.stream.empty() ? "log" : "stream", count_);
    into += "{\"$end\":{\"next\":" + (next_ ? json_quoted(*next_) : "null") +
            ",\"events\":" + std::to_string(count_) +
            ",\"head\":" + std::to_string(core_->store.head().position.value()) + "}}\n";
    return false;
  }

  std::shared_ptr<Core> core_;
  ReadPlan plan_;
  std::unique_ptr<Cursor> cursor_;
  std::optional<std::string> next_;
  std::uint64_t count_ = 0;
};

// Opened here and not in the source, so that what is wrong with the request still gets its status.
Answer ndjson_read(const std::shared_ptr<Core>& core, const Request& request) {
  STELE_TRY(auto plan, plan_read(core->store, request, true));
  core->add_older_names(plan.query);
  STELE_TRY(auto cursor, open_plan(core->store, plan, plan.limit.value_or(no_limit)));
  auto out = Response::stream("application/x-ndjson", BodySource());
  add_stream_headers(plan, out);
  out.source = NdjsonBody(core, std::move(plan), std::move(cursor));
  return out;
}

// The header wins over the parameter: it is what a reconnecting browser sends, with the older address. A start
// beyond the head is another log's: waiting for it would pass over what is written until then.
result<Position> live_start(EventStore& store, const Request& request, const ReadPlan& plan) {
  const auto header = request.header("last-event-id");
  const auto query = request.query_value("last_event_id");
  auto after = Position(plan.from.value() - 1);
  if (header || query) {
    const auto text = header ? std::string_view(*header) : *query;
    const auto last = parse_position(text);
    if (!last) return Error(errc::invalid, "Last-Event-ID `" + std::string(text) + "` is not a position");
    after = *last;
  }
  const auto head = store.head().position;
  if (after <= head) return after;
  return Error(errc::invalid, "an event stream cannot begin behind position " +
                                  std::to_string(after.value()) + ": the log ends at " +
                                  std::to_string(head.value()))
      .with("head", std::to_string(head.value()))
      .help("begin at from=head; a position from elsewhere may belong to another log");
}

// A stream that does not exist yet may be followed; its first event will come.
Answer live_read(const std::shared_ptr<Core>& core, const Request& request) {
  for (const auto name : {"as_of", "limit", "dir"}) {
    if (!request.query_value(name)) continue;
    return Error(errc::invalid,
                 "query parameter `" + std::string(name) + "` means nothing for an event stream");
  }
  STELE_TRY(auto plan, plan_read(core->store, request, false));
  core->add_older_names(plan.query);
  STELE_TRY(const auto after, live_start(core->store, request, plan));
  return Response::live([core, query = std::move(plan.query), after](std::shared_ptr<EventStream> stream) {
    std::make_shared<Feed>(core, query, after, std::static_pointer_cast<LiveStream>(std::move(stream)))
        ->start();
  });
}

Answer not_acceptable() {
  return Response::problem(
      Problem(406, "not-acceptable", "none of the accepted media types is offered here")
          .with_json("offered", R"(["application/json","application/x-ndjson","text/event-stream"])"));
}

// The most specific offer the client names wins; a plain client gets a page.
Answer read_events(const std::shared_ptr<Core>& core, const Request& request) {
  if (request.accepts("text/event-stream")) return live_read(core, request);
  if (request.accepts("application/x-ndjson")) return ndjson_read(core, request);
  const bool any = !request.header("accept") || request.accepts("*/*") || request.accepts("application/*");
  if (!any && !request.accepts("application/json")) return not_acceptable();
  return json_page(*core, request);
}

std::vector<Field> read_parameters() {
  return {
      {"from", "where to begin: v204, p90211, a time, -20, start, head; default: the beginning (or the end)"},
      {"dir", "forward (default) or backward"},
      {"limit", "1 to 1000 for JSON, 100 if absent; any for NDJSON, none if absent"},
      {"as_of", "nothing behind this moment"},
      {"type", "only these event types; may be repeated"},
      {"tag", "only events with all of these tags; may be repeated"},
      {"last_event_id", "event streams: go on behind this position (as the Last-Event-ID header)"}};
}

ServedRoute events_route(const std::shared_ptr<Core>& core, std::string pattern, std::string summary,
                         std::vector<Field> query) {
  return {.route = {.method = "GET",
                    .pattern = std::move(pattern),
                    .handler = [weak = std::weak_ptr(core)](const Request& request) -> Answer {
                      const auto live = weak.lock();
                      if (!live) return Error(errc::unavailable, "the server is stopping");
                      return read_events(live, request);
                    },
                    .doc = {.summary = std::move(summary),
                            .description =
                                "application/json: a page. application/x-ndjson: everything, a line each, "
                                "then an end record. text/event-stream: history, then live.",
                            .response_schema = R"({"$ref":"#/components/schemas/EventPage"})",
                            .query = std::move(query)}},
          .own = true};
}

}  // namespace

std::vector<ServedRoute> read_routes(const std::shared_ptr<Core>& core) {
  auto log_query = read_parameters();
  log_query.push_back({"stream", "only these streams; may be repeated"});
  log_query.push_back({"category", "only these categories; may be repeated"});
  return {events_route(core, "/v1/events", "Events of the whole log", std::move(log_query)),
          events_route(core, "/v1/streams/{stream}/events", "Events of one stream", read_parameters())};
}

}  // namespace stele::server
