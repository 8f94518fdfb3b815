// sql_api.cpp - POST /v1/sql and GET /v1/sql?q=: one read-only question in SQL about the log, answered as JSON,
// NDJSON or CSV. What may be asked and what it costs is src/sql; here are the limits of a server that others use,
// too.
#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/json_reader.hpp"
#include "declared/shelf.hpp"
#include "server/api/store_api.hpp"
#include "server/text.hpp"
#include "sql/row_text.hpp"
#include "stele/projection.hpp"

namespace stele::server {
namespace {

constexpr std::uint64_t most_sql_rows = 100'000;
constexpr std::chrono::milliseconds longest_sql_time{60'000};

// Questions hold a worker's thread for seconds: most of the threads stay for everything else.
class SqlSeats {
 public:
  explicit SqlSeats(std::size_t workers)
      : free_(static_cast<std::int64_t>(std::max<std::size_t>(1, workers / 4))) {}
  bool take() {
    if (free_.fetch_sub(1) > 0) return true;
    free_.fetch_add(1);
    return false;
  }
  void give_back() { free_.fetch_add(1); }

 private:
  std::atomic<std::int64_t> free_;
};

class SqlSeat {
 public:
  explicit SqlSeat(SqlSeats& seats) : seats_(seats), taken_(seats.take()) {}
  ~SqlSeat() {
    if (taken_) seats_.give_back();
  }
  SqlSeat(const SqlSeat&) = delete;
  SqlSeat& operator=(const SqlSeat&) = delete;
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  SqlSeats& seats_;
  bool taken_;
};

struct SqlRequest {
  sql::Question question;
  std::optional<Moment> as_of;
};

Error bad_member(std::string_view member, std::string what) {
  return Error(errc::invalid, "`" + std::string(member) + "`: " + std::move(what))
      .with("pointer", json_pointer("", member));
}

// ---- What is asked

result<sql::Parameter> parameter_of(std::string_view name, JsonValue value) {
  switch (value.type()) {
    case JsonType::null:
      return sql::Parameter();
    case JsonType::boolean:
      return sql::Parameter(std::int64_t{*value.as_bool() ? 1 : 0});
    case JsonType::string:
      return sql::Parameter(std::string(*value.as_string()));
    case JsonType::number:
      if (const auto whole = value.as_i64()) return sql::Parameter(*whole);
      if (const auto real = value.as_double()) return sql::Parameter(*real);
      [[fallthrough]];
    default:
      return bad_member("parameters",
                        "the value of `" + std::string(name) + "` is no text, number, truth or null");
  }
}

result<void> read_limit(JsonValue value, std::uint64_t most, std::string_view member, std::uint64_t& into) {
  const auto number = value.as_u64();
  if (!number || *number == 0 || *number > most)
    return bad_member(member, "a whole number from 1 to " + std::to_string(most));
  into = *number;
  return {};
}

result<void> read_member(const JsonMember& member, SqlRequest& into) {
  auto& limits = into.question.limits;
  if (member.key == "sql") {
    if (!member.value.is(JsonType::string)) return bad_member("sql", "the question, as text");
    into.question.sql = *member.value.as_string();
    return {};
  }
  if (member.key == "limit") return read_limit(member.value, most_sql_rows, "limit", limits.rows);
  if (member.key == "timeout_ms") {
    std::uint64_t time = 0;
    STELE_CHECK(
        read_limit(member.value, static_cast<std::uint64_t>(longest_sql_time.count()), "timeout_ms", time));
    limits.time = std::chrono::milliseconds(time);
    return {};
  }
  if (member.key == "as_of") {
    STELE_TRY(into.as_of, parse_moment(member.value.as_string().value_or("")));
    return {};
  }
  if (member.key != "parameters" || !member.value.is(JsonType::object))
    return bad_member(member.key, member.key == "parameters" ? "an object" : "there is no such member")
        .help("members: sql, parameters, limit, timeout_ms, as_of");
  for (const auto [name, value] : member.value.members()) {
    STELE_TRY(auto parameter, parameter_of(name, value));
    into.question.parameters.emplace_back(name, std::move(parameter));
  }
  return {};
}

// A body of SQL alone is what `curl --data-binary @file.sql` sends.
result<SqlRequest> asked_in_body(const Request& request) {
  SqlRequest asked;
  asked.as_of = request.as_of;
  const auto type = request.content_type();
  if (type == "application/sql" || type == "text/plain") {
    asked.question.sql = request.body;
    return asked;
  }
  STELE_TRY(const auto document, JsonDocument::parse(request.body));
  if (!document.root().is(JsonType::object) || !document.root().find("sql"))
    return Error(errc::invalid, "the body is an object with the member `sql`")
        .help(R"(for example {"sql": "SELECT event_type, count(*) FROM events GROUP BY 1"})");
  for (const auto member : document.root().members()) STELE_CHECK(read_member(member, asked));
  return asked;
}

result<SqlRequest> asked_in_address(const Request& request) {
  SqlRequest asked;
  asked.as_of = request.as_of;
  asked.question.sql = request.query_value("q").value_or("");
  if (const auto limit = request.query_value("limit")) {
    const auto number = parse_u64(*limit);
    if (!number || *number == 0 || *number > most_sql_rows)
      return Error(errc::invalid,
                   "query parameter `limit`: a whole number from 1 to " + std::to_string(most_sql_rows));
    asked.question.limits.rows = *number;
  }
  return asked;
}

// ---- The answer

std::string answer_facts(const sql::LogQuery& query, std::chrono::steady_clock::time_point began) {
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  std::string out = "\"count\":" + std::to_string(query.rows());
  out += ",\"truncated\":" + (query.cut_by().empty() ? "null" : json_quoted(query.cut_by()));
  out += ",\"events_read\":" + std::to_string(query.events_read());
  out += ",\"position\":" + std::to_string(query.upto().value());
  out += ",\"milliseconds\":" + std::to_string(took.count()) + ",\"looks\":[";
  for (std::size_t i = 0; i < query.looks().size(); ++i)
    out += (i > 0 ? "," : "") + json_quoted(query.looks()[i]);
  return out + "]";
}

result<std::string> as_json(sql::LogQuery& query, std::chrono::steady_clock::time_point began) {
  std::string out = "{\"columns\":[";
  for (std::size_t i = 0; i < query.columns().size(); ++i)
    out += (i > 0 ? "," : "") + json_quoted(query.columns()[i]);
  out += "],\"rows\":[";
  for (bool first = true;; first = false) {
    STELE_TRY(const bool more, query.next());
    if (!more) break;
    if (!first) out += ',';
    sql::append_row_array(out, query);
  }
  return out + "]," + answer_facts(query, began) + "}";
}

result<std::string> as_ndjson(sql::LogQuery& query, std::chrono::steady_clock::time_point began) {
  std::string out;
  while (true) {
    STELE_TRY(const bool more, query.next());
    if (!more) break;
    sql::append_row_object(out, query);
    out += '\n';
  }
  return out + "{\"$end\":{" + answer_facts(query, began) + "}}\n";
}

result<std::string> as_csv(sql::LogQuery& query) {
  std::string out;
  sql::append_csv_line(out, query.columns());
  while (true) {
    STELE_TRY(const bool more, query.next());
    if (!more) break;
    sql::append_csv_line(out, sql::row_texts(query));
  }
  return out;
}

// Collected before the first byte is sent: what goes wrong in the middle still gets its own status.
Answer answer_question(sql::LogQuery& query, const Request& request) {
  const auto began = std::chrono::steady_clock::now();
  Response out;
  if (request.accepts("text/csv")) {
    STELE_TRY(auto body, as_csv(query));
    out = Response::text(200, std::move(body), "text/csv; charset=utf-8");
  } else if (request.accepts("application/x-ndjson")) {
    STELE_TRY(auto body, as_ndjson(query, began));
    out = Response::text(200, std::move(body), "application/x-ndjson");
  } else {
    STELE_TRY(auto body, as_json(query, began));
    out = Response::json(200, std::move(body));
  }
  if (!query.cut_by().empty()) out = std::move(out).header("Stele-Truncated", query.cut_by());
  out.read_position = query.upto();
  return out;
}

void add_checkpoints(std::vector<sql::ProjectorCheckpoint>& all, const Projections& projections) {
  for (const auto& status : projections.status())
    all.push_back({.projector = status.name,
                   .version = status.version,
                   .position = status.position,
                   .state = std::string(to_string(status.state))});
}

// Of everything that runs here.
std::vector<sql::ProjectorCheckpoint> checkpoints_of(const Core& core) {
  std::vector<sql::ProjectorCheckpoint> all;
  if (core.app)
    for (const auto* projections : core.app->projections()) add_checkpoints(all, *projections);
  if (core.shelf) add_checkpoints(all, core.shelf->projections());
  return all;
}

Answer ask_log(const std::shared_ptr<Core>& core, const Request& request, result<SqlRequest> asked) {
  STELE_CHECK(asked);
  sql::LogSource source{.store = &core->store};
  if (core->app) source.names = sql::TypeNames(core->app->type_names());
  if (asked->as_of) {
    STELE_TRY(source.as_of, position_of(core->store, *asked->as_of));
  }
  source.checkpoints = [core] { return checkpoints_of(*core); };
  asked->question.given_up = [core = core.get()] { return core->stopping.load(); };
  STELE_TRY(auto query, sql::LogQuery::open(std::move(source), std::move(asked->question)));
  auto answer = answer_question(query, request);
  if (answer) core->metrics.events_read("sql", query.events_read());
  return answer;
}

using ReadSqlRequest = result<SqlRequest> (*)(const Request&);

Handler sql_handler(const std::shared_ptr<Core>& core, const std::shared_ptr<SqlSeats>& seats,
                    ReadSqlRequest read) {
  return [weak = std::weak_ptr(core), seats, read](const Request& request) -> Answer {
    const auto live = weak.lock();
    if (!live) return Error(errc::unavailable, "the server is stopping");
    const SqlSeat seat(*seats);
    if (!seat.taken())
      return Error(errc::busy, "too many SQL questions are being answered").help("ask again in a moment");
    return ask_log(live, request, read(request));
  };
}

constexpr std::string_view sql_request_schema =
    R"({"type":"object","required":["sql"],"additionalProperties":false,"properties":{"sql":{"type":"string"},)"
    R"("parameters":{"type":"object"},"limit":{"type":"integer","minimum":1,"maximum":100000},)"
    R"("timeout_ms":{"type":"integer","minimum":1,"maximum":60000},"as_of":{"type":"string"}}})";
constexpr std::string_view sql_description =
    "Tables events, streams, snapshots and projector_checkpoints; nothing can be changed. application/json: "
    "columns "
    "and rows; application/x-ndjson: an object a row, then an end record; text/csv. `truncated` names the "
    "limit that "
    "cut the answer.";

}  // namespace

std::vector<ServedRoute> sql_routes(const std::shared_ptr<Core>& core) {
  const auto seats = std::make_shared<SqlSeats>(core->options.workers);
  return {{.route = {.method = "POST",
                     .pattern = "/v1/sql",
                     .handler = sql_handler(core, seats, asked_in_body),
                     .doc = {.summary = "Ask the log in SQL",
                             .description = std::string(sql_description),
                             .request_schema = std::string(sql_request_schema),
                             .query = {{"as_of", "nothing behind this moment"}}},
                     .scope = Scope::query},
           .own = true},
          {.route = {.method = "GET",
                     .pattern = "/v1/sql",
                     .handler = sql_handler(core, seats, asked_in_address),
                     .doc = {.summary = "Ask the log in SQL, in the address",
                             .description = std::string(sql_description),
                             .query = {{"q", "the question"},
                                       {"limit", "rows, at most 100000; 10000 if absent"},
                                       {"as_of", "nothing behind this moment"}}}},
           .own = true}};
}

}  // namespace stele::server
