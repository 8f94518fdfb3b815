// history_api.cpp - searches over HTTP: the first event where a condition holds, what led to what, where something is;
// and histories that did not happen. Each with a limit on what one request may look at.
#include "server/api/history_api.hpp"
#include "event/event_json.hpp"
#include "history/causes.hpp"
#include "history/fork.hpp"
#include "history/retelling.hpp"
#include "history/search.hpp"
#include "server/text.hpp"
#include "stele/detail/json.hpp"

namespace stele::server {
namespace {

constexpr std::uint64_t most_found = 1'000;
constexpr std::uint64_t most_forked = 100'000;
constexpr std::size_t most_edits = 1'000;

std::string_view query_word(const Request& request, std::string_view name) {
  return request.query_value(name).value_or("");
}

Answer first_where(HistoryDesk& desk, const Request& request) {
  STELE_TRY(const auto condition, history::Expression::parse(query_word(request, "where")));
  STELE_TRY(const auto history, HistoryLease::take(desk, request));
  const auto& extent = history->timeline->extent();
  STELE_TRY(const auto found, history::first_where(*history->timeline, condition, extent.first, extent.last));
  std::string body = "{\"searched\":{\"from\":" + std::to_string(extent.first.value()) + ",\"to\":" +
                     std::to_string(found ? found->event.revision.value() : extent.last.value()) +
                     ",\"complete\":true},\"found\":" + (found ? "true" : "false");
  if (found) {
    body += ",\"version\":" + std::to_string(found->event.revision.value()) + ",\"before\":" + found->before +
            ",\"after\":" + found->after + ",\"event\":";
    append_event_json(body, found->event);
  }
  return Response::json(200, body + ",\"fold\":" + json_quoted(history->fold->name) + "}");
}

// The edits of one member, in the words of the command line.
result<void> read_edits(const JsonValue& body, std::string_view member,
                        result<history::Edit> (*parse)(std::string_view), std::vector<history::Edit>& out) {
  const auto list = body.find(member);
  if (!list) return {};
  if (!list->is(JsonType::array))
    return Error(errc::invalid, "`" + std::string(member) + "` is a list of texts");
  for (const JsonValue each : list->elements()) {
    const auto text = each.as_string();
    if (!text) return Error(errc::invalid, "`" + std::string(member) + "` is a list of texts");
    STELE_TRY(auto edit, parse(*text));
    out.push_back(std::move(edit));
    if (out.size() > most_edits)
      return Error(errc::too_large, "more than 1000 edits").with("limit", most_edits);
  }
  return {};
}

Answer what_if(HistoryDesk& desk, const Request& request) {
  STELE_TRY(const auto body, JsonDocument::parse(request.body));
  std::vector<history::Edit> edits;
  STELE_CHECK(read_edits(body.root(), "drop", history::parse_drop, edits));
  STELE_CHECK(read_edits(body.root(), "set", history::parse_set, edits));
  STELE_CHECK(read_edits(body.root(), "insert", history::parse_insert, edits));
  if (edits.empty())
    return Error(errc::invalid, "nothing to change was given")
        .help(R"(send for example {"drop":["v203"],"set":["v202.amount=\"5.00\""],"insert":["v203 T {}"]})");
  STELE_TRY(const auto history, HistoryLease::take(desk, request));
  STELE_TRY(const auto forked, history::fork_history(history->source, *history->fold, history->info,
                                                     std::move(edits), {.events = most_forked}));
  return Response::json(200, history::forked_json(forked));
}

Answer as_test(HistoryDesk& desk, const Request& request) {
  STELE_TRY(const auto history, HistoryLease::take(desk, request));
  STELE_TRY(const auto revision, history->moment(query_word(request, "at"), "head"));
  if (!revision) return Error(errc::invalid, "nothing had happened then");
  STELE_TRY(auto test, history::retold_as_test(history->source, *history->fold, history->info, *revision));
  return Response::text(200, std::move(test));
}

Answer show_causes(HistoryDesk& desk, const Request& request) {
  const auto id = parse_uuid(request.param("id"));
  if (!id)
    return Error(errc::invalid, "`" + std::string(request.param("id")) + "` is not an event id (a UUID)");
  history::StoreSource source(desk.store());
  STELE_TRY(const auto causes,
            history::causes_of(source, *id, {.events = most_found, .looked_at = most_searched}));
  std::string body = "{\"tree\":[";
  for (std::size_t i = 0; i < causes.tree.size(); ++i)
    body += (i > 0 ? "," : "") + history::cause_json(causes.tree[i]);
  return Response::json(200, body + "],\"searched\":" + history::searched_json(causes.searched) + "}");
}

result<Position> bound_of(EventStore& store, std::string_view text, Position otherwise, bool low) {
  if (text.empty()) return otherwise;
  STELE_TRY(const auto moment, parse_moment(text));
  if (const auto* position = std::get_if<Position>(&moment.at)) return *position;
  if (const auto* time = std::get_if<Timestamp>(&moment.at)) {
    STELE_TRY(const auto at, store.position_at(low ? *time - std::chrono::microseconds(1) : *time));
    return low ? at.next() : at;
  }
  if (const auto* ago = std::get_if<Moment::Ago>(&moment.at)) {
    STELE_TRY(const auto at, store.position_at(history_now() - ago->age));
    return low ? at.next() : at;
  }
  if (std::holds_alternative<Moment::Start>(moment.at)) return Position(1);
  if (std::holds_alternative<Moment::Head>(moment.at)) return store.head().position;
  return Error(errc::invalid, "`" + std::string(text) + "` is no place in the whole log")
      .help("write pN, a time or an age");
}

result<history::Search> search_asked(EventStore& store, const Request& request) {
  history::Search search{.text = std::string(query_word(request, "text")),
                         .correlation = std::string(query_word(request, "correlation")),
                         .actor = std::string(query_word(request, "actor")),
                         .limit = 100,
                         .looked_at = most_searched};
  if (const auto where = query_word(request, "where"); !where.empty()) {
    STELE_TRY(search.where, history::Expression::parse(where));
    if (search.where->needs().after || search.where->needs().before)
      return Error(errc::invalid,
                   "a search sees events, not states: begin places with data, metadata, type, ...");
  }
  QueryItem item;
  for (const auto& [name, value] : request.query) {
    if (name == "type") item.types.push_back(value);
    if (name == "category") item.categories.push_back(value);
  }
  if (!item.types.empty() || !item.categories.empty()) search.query = Query::of(std::move(item));
  if (const auto text = query_word(request, "limit"); !text.empty()) {
    const auto limit = parse_u64(text);
    if (!limit || *limit == 0 || *limit > most_found)
      return Error(errc::invalid, "query parameter `limit`: from 1 to 1000");
    search.limit = *limit;
  }
  STELE_TRY(search.from, bound_of(store, query_word(request, "from"), Position(1), true));
  STELE_TRY(search.to, bound_of(store, query_word(request, "to"), store.head().position, false));
  return search;
}

// `next` is where to go on when it is not complete.
Answer search_events(HistoryDesk& desk, const Request& request) {
  STELE_TRY(const auto search, search_asked(desk.store(), request));
  history::StoreSource source(desk.store());
  std::string body = "{\"events\":[";
  STELE_TRY(const auto searched,
            history::find_events(source, search, [&](const EventView& event) -> result<void> {
              if (body.back() == '}') body += ',';
              append_event_json(body, event);
              return {};
            }));
  const auto next = "\"p" + std::to_string(searched.to.value() + 1) + "\"";
  return Response::json(200, body + "],\"searched\":" + history::searched_json(searched) +
                                 ",\"next\":" + (searched.complete ? "null" : next) + "}");
}

}  // namespace

std::vector<ServedRoute> history_routes(const std::shared_ptr<Core>& core) {
  const auto desk = std::make_shared<HistoryDesk>(core);
  const std::string one = "/v1/aggregates/{type}/{id}";
  auto forking = history_route(
      desk, "POST", one + "/what-if", what_if,
      {.summary = "Another history of this aggregate, in memory: what would differ",
       .description = "Lists of edits in the words of `stele whatif`: drop, set, insert. Writes nothing.",
       .request_schema =
           R"({"type":"object","properties":{"drop":{"type":"array","items":{"type":"string"}},)"
           R"("set":{"type":"array","items":{"type":"string"}},)"
           R"("insert":{"type":"array","items":{"type":"string"}}}})"});
  forking.route.scope = Scope::query;  // it only asks
  auto routes = aggregate_routes(desk);
  std::vector<ServedRoute> searches{
      std::move(forking),
      sweep_route(desk),
      history_route(desk, "GET", one + "/first", first_where,
                    {.summary = "The first event where a condition holds, with the states around it",
                     .query = {{"where", "a condition, e.g. `balance < 0`"}}}),
      history_route(desk, "GET", one + "/test", as_test,
                    {.summary = "A moment of the history as a given/when/then test in C++",
                     .query = {{"at", "the event that is decided again; a moment, default head"}}}),
      history_route(desk, "GET", "/v1/events/{id}/causes", show_causes,
                    {.summary = "What led to an event, and what it led to"}),
      history_route(
          desk, "GET", "/v1/search", search_events,
          {.summary = "Events by text, transaction, actor, time and condition; says what was searched",
           .query = {{"text", "in data or metadata, as it is written there"},
                     {"correlation", "of this transaction"},
                     {"actor", "by this user"},
                     {"where", "a condition, e.g. `data.amount > 1000`"},
                     {"type", "only these event types; may be repeated"},
                     {"category", "only these categories; may be repeated"},
                     {"from", "pN, a time or an age"},
                     {"to", "the same, included"},
                     {"limit", "1 to 1000, 100 if absent"}}}),
  };
  routes.insert(routes.end(), std::make_move_iterator(searches.begin()),
                std::make_move_iterator(searches.end()));
  return routes;
}

}  // namespace stele::server
