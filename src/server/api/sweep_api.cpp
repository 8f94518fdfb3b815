// sweep_api.cpp - GET /v1/aggregates/{type}?where=: the first event of each aggregate where a condition holds, as a
// page within the limits of one request, or all of them as lines for as long as the client stays.
#include "event/event_json.hpp"
#include "history/search.hpp"
#include "server/api/history_api.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::uint64_t usual_finds = 100;
constexpr std::uint64_t most_finds = 1'000;
constexpr std::size_t sweep_page_bytes = 8u << 20;
// Of lines: then others may have the thread, and the client is told how far it came; one that has left is noticed.
constexpr std::uint64_t events_per_turn = 20'000;

// The walk looks into the source beside it, so neither moves.
struct OpenSweep {
  OpenSweep(EventStore& store, const history::Fold& fold, history::Expression condition,
            const std::string& after, std::uint64_t most)
      : source(store),
        fold_name(fold.name),
        prefix(fold.category + "-"),
        limit(most),
        walk(source, fold, std::move(condition), fold.category, after.empty() ? "" : prefix + after) {}

  [[nodiscard]] bool finished() const { return walk.ended() || found >= limit; }
  // How far it came, without braces; `next` is the id to go on behind.
  [[nodiscard]] std::string facts() const {
    const auto reached = walk.reached().size() > prefix.size()
                             ? json_quoted(std::string_view(walk.reached()).substr(prefix.size()))
                             : std::string("null");
    return "\"streams\":" + std::to_string(walk.streams()) + ",\"events\":" + std::to_string(walk.events()) +
           ",\"complete\":" + (walk.ended() ? "true" : "false") +
           ",\"next\":" + (walk.ended() ? "null" : reached);
  }

  history::StoreSource source;
  std::string fold_name;
  std::string prefix;
  std::uint64_t limit;
  history::SweepWalk walk;
  std::uint64_t found = 0;
};

// What is wrong with the request is said here, before the first line has left.
result<std::unique_ptr<OpenSweep>> open_sweep(const HistoryDesk& desk, const Request& request) {
  STELE_TRY(const auto* const fold, desk.folds().find(request.param("type")));
  STELE_TRY(auto condition, history::Expression::parse(request.query_value("where").value_or("")));
  auto limit = usual_finds;
  if (const auto text = request.query_value("limit")) {
    const auto asked = parse_u64(*text);
    if (!asked || *asked == 0 || *asked > most_finds)
      return Error(errc::invalid, "query parameter `limit`: from 1 to 1000");
    limit = *asked;
  }
  return std::make_unique<OpenSweep>(desk.store(), *fold, std::move(condition),
                                     std::string(request.query_value("after").value_or("")), limit);
}

// As `stele bisect` shows it, but for the causes: those are asked for one by one.
void append_found(std::string& out, const history::KeptStep& step) {
  out += "{\"stream\":" + json_quoted(step.event.stream) +
         ",\"version\":" + std::to_string(step.event.revision.value()) + ",\"before\":" + step.before +
         ",\"after\":" + step.after + ",\"event\":";
  append_event_json(out, step.event);
  out += '}';
}

std::string unreadable_json(const history::Verdict& verdict) {
  return "{\"stream\":" + json_quoted(verdict.stream) + ",\"why\":" + json_quoted(verdict.unreadable) + "}";
}

// Ends early with whatever is full first: the finds, the events of one request, the bytes of a page. An aggregate that
// was begun when the events were used up is left to the next page.
Answer sweep_page(OpenSweep& sweep) {
  std::string found;
  std::string unreadable;
  auto told = sweep.limit;
  while (!sweep.walk.ended() && told > 0 && sweep.walk.events() < most_folded &&
         found.size() + unreadable.size() < sweep_page_bytes) {
    STELE_TRY(const auto verdict, sweep.walk.next(most_folded - sweep.walk.events()));
    if (!verdict) continue;
    --told;
    auto& list = verdict->found ? found : unreadable;
    if (!list.empty()) list += ',';
    if (verdict->found)
      append_found(list, *verdict->found);
    else
      list += unreadable_json(*verdict);
  }
  if (!sweep.walk.ended() && sweep.walk.streams() == 0)
    return Error(errc::too_large, "the next aggregate has more events than one request may fold")
        .with("limit", most_folded)
        .help("ask for lines: Accept: application/x-ndjson");
  return Response::json(200, "{\"found\":[" + found + "],\"unreadable\":[" + unreadable + "]," +
                                 sweep.facts() + ",\"fold\":" + json_quoted(sweep.fold_name) + "}");
}

// A turn at a time, each with at least one line.
class SweepBody {
 public:
  SweepBody(std::shared_ptr<HistoryDesk> desk, std::unique_ptr<OpenSweep> sweep)
      : desk_(std::move(desk)), sweep_(std::move(sweep)) {}

  bool operator()(std::string& into, std::size_t want) {
    auto& walk = sweep_->walk;
    const auto enough = walk.events() + events_per_turn;
    while (!sweep_->finished() && walk.events() < enough && into.size() < want) {
      const auto verdict = walk.next(enough - walk.events());
      if (!verdict) {
        into += error_line(verdict.error());
        return false;
      }
      if (*verdict) tell(**verdict, into);
    }
    if (!sweep_->finished()) {
      into += "{\"$progress\":{\"streams\":" + std::to_string(walk.streams()) +
              ",\"events\":" + std::to_string(walk.events()) + "}}\n";
      return true;
    }
    into += "{\"$end\":{\"found\":" + std::to_string(sweep_->found) + "," + sweep_->facts() +
            ",\"fold\":" + json_quoted(sweep_->fold_name) + "}}\n";
    return false;
  }

 private:
  void tell(const history::Verdict& verdict, std::string& into) {
    if (verdict.found) {
      ++sweep_->found;
      append_found(into, *verdict.found);
    } else {
      into += "{\"$unreadable\":" + unreadable_json(verdict) + "}";
    }
    into += '\n';
  }

  std::shared_ptr<HistoryDesk> desk_;  // the fold lies there
  std::unique_ptr<OpenSweep> sweep_;
};

Answer sweep_type(const std::shared_ptr<HistoryDesk>& desk, const Request& request) {
  STELE_TRY(auto sweep, open_sweep(*desk, request));
  if (!request.accepts("application/x-ndjson")) return sweep_page(*sweep);
  return Response::stream("application/x-ndjson", SweepBody(desk, std::move(sweep)));
}

constexpr std::string_view sweep_schema =
    R"({"type":"object","properties":{"found":{"type":"array","items":{"type":"object","properties":{)"
    R"("stream":{"type":"string"},"version":{"type":"integer"},"before":{},"after":{},)"
    R"("event":{"$ref":"#/components/schemas/Event"}}}},)"
    R"("unreadable":{"type":"array","items":{"type":"object"}},"streams":{"type":"integer"},)"
    R"("events":{"type":"integer"},"complete":{"type":"boolean"},"next":{"type":["string","null"]},)"
    R"("fold":{"type":"string"}}})";

}  // namespace

ServedRoute sweep_route(const std::shared_ptr<HistoryDesk>& desk) {
  auto out = history_route(
      desk, "GET", "/v1/aggregates/{type}", nullptr,
      {.summary = "The first event of each aggregate of a type where a condition holds",
       .description =
           "In the order of their ids. application/json: a page, within what one request may fold. "
           "application/x-ndjson: a line each, lines of progress, then an end record.",
       .response_schema = std::string(sweep_schema),
       .query = {{"where", "a condition, e.g. `balance < 0`"},
                 {"after", "an id: begin behind it; what `next` of an earlier answer says"},
                 {"limit", "so many aggregates that are found: 1 to 1000, 100 if absent"}}});
  out.route.handler = [desk](const Request& request) { return sweep_type(desk, request); };
  return out;
}

}  // namespace stele::server
