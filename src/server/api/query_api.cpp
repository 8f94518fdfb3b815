// query_api.cpp - projections that are declared in SQL, over HTTP: created, asked (now, or as of any moment), traced
// to the events behind a row, dropped. Everything else about a projection (pause, rebuild, ...) is the same for all
// kinds of them and stands elsewhere.
#include <algorithm>

#include "base/json_text.hpp"
#include "declared/shelf.hpp"
#include "event/event_json.hpp"
#include "server/api/store_api.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::uint64_t most_answer_rows = 10'000;
constexpr std::uint64_t most_changes = 1'000;

using declared::Placed;
using DeclaredCall = Answer (*)(Core&, declared::Shelf&, const Request&);

Error no_shelf() {
  return Error(errc::not_found, "this server keeps no projections that are declared in SQL")
      .help("`stele serve --dir DIRECTORY` does");
}

Handler on_shelf(const std::shared_ptr<Core>& core, DeclaredCall call) {
  return [weak = std::weak_ptr(core), call](const Request& request) -> Answer {
    const auto live = weak.lock();
    if (!live) return Error(errc::unavailable, "the server is stopping");
    if (!live->shelf) return no_shelf();
    return call(*live, *live->shelf, request);
  };
}

result<std::shared_ptr<const Placed>> placed_in(const declared::Shelf& shelf, const Request& request) {
  const auto name = request.param("projection");
  auto placed = shelf.find(name);
  if (placed) return placed;
  return Error(errc::not_found,
               "no projection that was declared in SQL is called `" + std::string(name) + "`")
      .with("projection", std::string(name))
      .help("GET /v1/projections lists them");
}

// ---- Creating and dropping

std::string parameter_form(const declared::QueryParameter& parameter) {
  std::string type(to_string(parameter.type));
  if (parameter.type == declared::QueryType::units) type += "(" + std::to_string(parameter.digits) + ")";
  std::string out = "{\"name\":" + json_quoted(parameter.name) + ",\"type\":" + json_quoted(type);
  out += ",\"required\":" + std::string(parameter.optional || parameter.otherwise ? "false" : "true");
  if (parameter.otherwise) out += ",\"default\":" + json_quoted(*parameter.otherwise);
  return out + "}";
}

std::string queries_json(const Placed& placed) {
  const auto& name = placed.compiled.projection.name;
  std::string out = "[";
  for (const auto& query : placed.compiled.queries) {
    if (out.size() > 1) out += ',';
    out += "{\"name\":" + json_quoted(query.name) +
           ",\"address\":" + json_quoted("/v1/projections/" + name + "/queries/" + query.name) +
           ",\"parameters\":[";
    for (std::size_t i = 0; i < query.parameters.size(); ++i)
      out += (i > 0 ? "," : "") + parameter_form(query.parameters[i]);
    out += "]}";
  }
  return out + "]";
}

Answer create_projection(Core&, declared::Shelf& shelf, const Request& request) {
  const auto type = request.content_type();
  if (type == "application/json")
    return Response::problem(
        Problem(415, "unsupported-media-type", "a projection is declared in SQL, not in JSON")
            .with_json("offered", R"(["application/sql","text/plain"])"));
  STELE_TRY(const auto creation, shelf.create(request.body));
  const auto& placed = *creation.placed;
  const auto& projection = placed.compiled.projection;
  using enum declared::Shelf::Creation::Outcome;
  std::string body = "{\"name\":" + json_quoted(projection.name) +
                     ",\"version\":" + std::to_string(projection.version) +
                     ",\"created\":" + (creation.outcome == created ? "true" : "false");
  if (creation.outcome == updated) body += ",\"updated\":true";
  if (creation.outcome == building) body += ",\"building\":true";
  body += ",\"queries\":" + queries_json(placed) + "}";
  const int status = creation.outcome == created ? 201 : creation.outcome == building ? 202 : 200;
  return Response::json(status, std::move(body)).header("Location", "/v1/projections/" + projection.name);
}

Answer drop_projection(Core&, declared::Shelf& shelf, const Request& request) {
  STELE_CHECK(shelf.drop(request.param("projection")));
  return Response::json(200, "{\"name\":" + json_quoted(request.param("projection")) + ",\"dropped\":true}");
}

Answer show_source(Core&, declared::Shelf& shelf, const Request& request) {
  STELE_TRY(const auto placed, placed_in(shelf, request));
  return Response::text(200, placed->compiled.text, "application/sql; charset=utf-8");
}

Answer list_queries(Core&, declared::Shelf& shelf, const Request& request) {
  STELE_TRY(const auto placed, placed_in(shelf, request));
  return Response::json(200, "{\"projection\":" + json_quoted(placed->compiled.projection.name) +
                                 ",\"queries\":" + queries_json(*placed) + "}");
}

// ---- Asking

// The one that is asked for is named in the address; `as_of` and its like belong to every query.
std::vector<std::pair<std::string, std::string>> given_parameters(const Request& request) {
  std::vector<std::pair<std::string, std::string>> given;
  for (const auto& [name, value] : request.query)
    if (name != "as_of" && name != "after_position" && name != "stream") given.emplace_back(name, value);
  return given;
}

// Nothing: now. A moment such as v17 is one of the stream that is named beside it.
result<std::optional<Position>> moment_asked(Core& core, const Request& request) {
  if (!request.as_of) return std::optional<Position>();
  auto position = position_of(core.store, *request.as_of, request.query_value("stream").value_or(""));
  if (!position) return std::move(position).error().at("query parameter `as_of`");
  return std::optional(*position);
}

// Nothing: the model has come far enough, or the client takes what there is.
result<std::optional<Response>> wait_until_seen(const Placed& placed, const Request& request) {
  if (!request.after_position) return std::optional<Response>();
  const auto reached = placed.runner->wait(*request.after_position, request.prefer.wait);
  if (reached || request.prefer.lenient) return std::optional<Response>();
  if (reached.error().kind() != errc::timeout) return reached.error();
  const auto current = placed.runner->position().value();
  const auto wanted = request.after_position->value();
  return std::optional(Response::problem(Problem(503, "read-model-behind", reached.error().message())
                                             .with("wanted", wanted)
                                             .with("current", current)
                                             .with("behind_events", wanted > current ? wanted - current : 0)
                                             .retry_after(std::chrono::seconds(1))));
}

Answer answer_query(Core& core, declared::Shelf& shelf, const Request& request) {
  STELE_TRY(const auto placed, placed_in(shelf, request));
  const auto* query = placed->compiled.query(request.param("query"));
  if (!query)
    return Error(errc::not_found, placed->compiled.projection.name + " has no query `" +
                                      std::string(request.param("query")) + "`")
        .help("GET /v1/projections/" + placed->compiled.projection.name + "/queries lists them");
  STELE_TRY(const auto as_of, moment_asked(core, request));
  STELE_TRY(auto behind, wait_until_seen(*placed, request));
  if (behind) return *std::move(behind);
  STELE_TRY(const auto asked,
            declared::ask(*placed, *query, given_parameters(request), as_of, most_answer_rows));
  auto out = Response::json(200, "{\"rows\":[" + asked.rows.json +
                                     "],\"count\":" + std::to_string(asked.rows.count) +
                                     ",\"truncated\":" + (asked.rows.truncated ? "true" : "false") +
                                     ",\"position\":" + std::to_string(asked.position.value()) + "}");
  if (as_of) return out;
  out.read_position = asked.position;
  const bool stale = request.after_position && asked.position < *request.after_position;
  return stale ? std::move(out).header("Stele-Stale", "true") : std::move(out);
}

// ---- Lineage

// What is behind a position, if it is still there.
std::string event_behind(Core& core, Position position) {
  const auto cursor = core.store.read({.query = Query::all(), .from = position, .limit = 1});
  if (!cursor) return "null";
  const auto events = (*cursor)->next_batch(1);
  if (!events || events->empty() || events->front().position != position) return "null";
  std::string out;
  append_event_json(out, events->front());
  return out;
}

std::string changes_json(Core& core, const std::vector<LineageChange>& changes) {
  std::string out = "{\"changes\":[";
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto& change = changes[i];
    out += (i > 0 ? ",{" : "{");
    out +=
        "\"position\":" + std::to_string(change.position.value()) + ",\"table\":" + json_quoted(change.table);
    out += ",\"key\":" + change.key + ",\"before\":" + change.before.value_or("null");
    out += ",\"after\":" + change.after.value_or("null") +
           ",\"event\":" + event_behind(core, change.position) + "}";
  }
  return out + "],\"truncated\":" + (changes.size() == most_changes ? "true" : "false") + "}";
}

// As the model writes keys: ?key=acct-42&key=7 is ["acct-42",7] where the column holds numbers.
std::vector<std::string> possible_keys(const Request& request) {
  std::string texts = "[";
  std::string numbers = "[";
  for (const auto& [name, value] : request.query) {
    if (name != "key") continue;
    texts += (texts.size() > 1 ? "," : "") + json_quoted(value);
    numbers += (numbers.size() > 1 ? "," : "") + (parse_u64(value) ? value : json_quoted(value));
  }
  return {texts + "]", numbers + "]"};
}

Answer show_lineage(Core& core, declared::Shelf& shelf, const Request& request) {
  STELE_TRY(const auto placed, placed_in(shelf, request));
  if (!placed->compiled.lineage)
    return Error(errc::invalid,
                 placed->compiled.projection.name + " does not write down where its rows come from")
        .help("put `lineage: on` into its front matter");
  STELE_TRY(auto model, placed->target->snapshot());
  std::vector<LineageChange> changes;
  if (const auto text = request.query_value("position")) {
    const auto position = parse_u64(*text);
    if (!position) return Error(errc::invalid, "query parameter `position`: a position of the log");
    STELE_TRY(changes, lineage_of_event(model, Position(*position), most_changes));
  } else {
    const auto table = request.query_value("table");
    if (!table) return Error(errc::invalid, "name a row by `table` and `key`, or an event by `position`");
    for (const auto& key : possible_keys(request)) {
      if (!changes.empty()) break;
      STELE_TRY(changes, lineage_of_row(model, *table, key, most_changes));
    }
  }
  auto out = Response::json(200, changes_json(core, changes));
  out.read_position = model.position();
  return out;
}

ServedRoute declared_route(std::string method, std::string pattern, Handler handler, RouteDoc doc,
                           bool strict = true) {
  const bool reads = method == "GET";
  return {.route = {.method = std::move(method),
                    .pattern = std::move(pattern),
                    .handler = std::move(handler),
                    .doc = std::move(doc),
                    .scope = reads ? Scope::query : Scope::admin},
          .own = strict};
}

}  // namespace

std::vector<ServedRoute> query_routes(const std::shared_ptr<Core>& core) {
  const std::string one = "/v1/projections/{projection}";
  return {
      declared_route(
          "POST", "/v1/projections", on_shelf(core, create_projection),
          {.summary = "Create a projection that is declared in SQL",
           .description =
               "The body is its text, application/sql. What is wrong is told with line and column."}),
      declared_route("DELETE", one, on_shelf(core, drop_projection),
                     {.summary = "Drop a projection that was declared in SQL, and its model"}),
      declared_route("GET", one + "/source", on_shelf(core, show_source),
                     {.summary = "The text it was declared by"}),
      declared_route("GET", one + "/queries", on_shelf(core, list_queries),
                     {.summary = "The queries of a projection that was declared in SQL, and what they take"}),
      declared_route("GET", one + "/queries/{query}", on_shelf(core, answer_query),
                     {.summary = "Ask a projection, now or as of any moment",
                      .description = "The query's own parameters stand beside these.",
                      .query = {{"as_of", "the model as it was: p90211, -2h, a time; v17 with `stream`"},
                                {"stream", "whose version `as_of` names"},
                                {"after_position", "wait until the model has come here"}}},
                     false),
      declared_route("GET", one + "/lineage", on_shelf(core, show_lineage),
                     {.summary = "The events that made a row, or the rows that an event changed",
                      .query = {{"table", "with `key`: a row"},
                                {"key", "its primary key; repeated for keys of several columns"},
                                {"position", "an event"}}}),
  };
}

}  // namespace stele::server
