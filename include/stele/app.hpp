// app.hpp - what an application needs to be a server: routes, requests, answers, live streams, waiting for a
// read model. One App is handed to Server::start() beside the store; the store's own API (/v1), health,
// metrics and the OpenAPI page come with it. Nothing here knows sockets, and no network header is included.
//
//   stele::App app("bank", "1.0");
//   app.route({.method = "POST", .pattern = "/api/accounts/{id}/deposit",
//              .handler = [&](const stele::Request& r) -> stele::result<stele::Response> {
//                return stele::Response::json(200, "{\"version\":204}").etag(stele::Revision(204));
//              },
//              .doc = {.summary = "Deposit money"}});
//   STELE_TRY(auto server, stele::Server::start(*store, &app, {}));
//
// What every route gets without asking: limits, percent-decoding, Idempotency-Key on POST (same key and body:
// the stored answer, also after a restart), If-Match / If-None-Match / Prefer / as_of / after_version parsed
// and refused with 400 where they are malformed, metrics by route pattern, one log line per request,
// problem+json.
//
// Threading: an App is filled before Server::start() and not changed afterwards. Handlers run on many threads
// at once. Everything a handler captures must outlive the Server.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/store.hpp"

namespace stele {

class Projections;  // projection.hpp
class SagaRunner;   // saga.hpp

struct Aggregates;  // history.hpp

// A header, a path parameter, a query parameter.
struct Field {
  std::string name;
  std::string value;
  bool operator==(const Field&) const = default;
};

// ---- Requests

// What the server understood of `Prefer` (RFC 7240). Preferences that were honoured are answered with
// `Preference-Applied` by the server itself.
struct Prefer {
  std::chrono::seconds wait{5};  // patience with a read model: `wait=N`, at most 60
  bool lenient = false;          // `handling=lenient`: rather a stale answer than none
};

// One request, complete: the body has been read. Text is decoded UTF-8 except `target` and `body`.
struct Request {
  std::string
      method;  // upper case; a HEAD request arrives at a GET route as "HEAD", its body is dropped later
  std::string target;          // as sent: "/api/accounts/a%20b/summary?as_of=v3"
  std::string path;            // the part before '?', decoded
  std::vector<Field> params;   // the {names} of the pattern, decoded
  std::vector<Field> query;    // decoded, in order, `+` is a space
  std::vector<Field> headers;  // names in lower case
  std::string body;
  std::string id;           // names this request in logs and problem documents
  std::string traceparent;  // W3C trace context; empty when absent or malformed
  std::string token;        // the name of the access token it came with; empty when the server wants none
  // From Idempotency-Key (POST only). Hand it to the command handler, so that a repeat after a crash is found
  // too.
  std::optional<std::string> idempotency_key;
  // POST, PUT, PATCH, DELETE: If-Match: "203" -> exact, If-Match: * -> exists, If-None-Match: * -> no_stream,
  // neither -> any. A conflict the handler returns becomes 412 when this is not `any`, 409 when it is.
  ExpectedVersion expected;
  std::optional<Moment> as_of;
  std::optional<Revision> after_version;
  std::optional<Position> after_position;
  Prefer prefer;
  // The wait for the read model ended too early and the client prefers a stale answer (`Stele-Stale: true`).
  bool stale = false;

  // The value of a {name} of the pattern. The name must be in the pattern.
  [[nodiscard]] std::string_view param(std::string_view name) const;
  // The first query parameter of that name.
  [[nodiscard]] std::optional<std::string_view> query_value(std::string_view name) const;
  // All headers of that name (lower case), joined by ", "; nothing when there is none.
  [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
  // The media type without parameters, lower case: "application/json". Empty when absent.
  [[nodiscard]] std::string content_type() const;
  // True when the Accept header names this media type (wildcards do not count).
  [[nodiscard]] bool accepts(std::string_view media_type) const;
};

// ---- Problem documents (RFC 9457)

// A refusal as application/problem+json. `slug` is one of the table behind GET /problems/{slug}, or declared
// by App::problem(); the title comes from there, so that one slug never has two titles. Facts become members.
//
//   Problem(422, "business-rule", "the balance does not cover the withdrawal")
//       .with("rule", "InsufficientFunds").with("balance", "20.00")
class Problem {
 public:
  Problem(int status, std::string slug, std::string detail);
  Problem with(std::string name, std::string_view text) &&;
  Problem with(std::string name, std::uint64_t number) &&;
  // `json` must be valid JSON; it is inserted as it is.
  Problem with_json(std::string name, std::string json) &&;
  // One more thing wrong with the body: a JSON Pointer (RFC 6901) and what is wrong there ("errors" member).
  Problem at(std::string pointer, std::string message) &&;
  Problem help(std::string what_to_do) &&;
  Problem retry_after(std::chrono::seconds pause) &&;

  struct Violation {
    std::string pointer;
    std::string message;
  };
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& slug() const { return slug_; }
  [[nodiscard]] const std::string& detail() const { return detail_; }
  [[nodiscard]] const std::string& help() const { return help_; }
  [[nodiscard]] const std::vector<Field>& members() const { return members_; }  // value: JSON text
  [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
  [[nodiscard]] std::chrono::seconds retry_after() const { return retry_after_; }

 private:
  int status_;
  std::string slug_;
  std::string detail_;
  std::string help_;
  std::vector<Field> members_;
  std::vector<Violation> violations_;
  std::chrono::seconds retry_after_{0};
};

// The usual refusals. `rule` is the refusal's type name, facts are what it was decided on.
[[nodiscard]] Problem business_rule(std::string_view rule, std::string detail, std::vector<Field> facts = {});
[[nodiscard]] Problem invalid_command(std::string detail, std::vector<Problem::Violation> violations);
[[nodiscard]] Problem not_found(std::string detail);

// ---- Live answers (server-sent events)

struct LiveMessage {
  std::string data{};   // may hold line feeds
  std::string event{};  // empty: the default, "message"
  std::string id{};     // what the client sends back as Last-Event-ID
};

// One client's open event stream. Bounded: nothing a slow client does makes it grow or blocks a sender. The
// server sends the heartbeats. Safe from any thread; calls after the client has left do nothing.
class EventStream {
 public:
  virtual ~EventStream() = default;
  // Queues a message. False: it was not queued, because the buffer is full or the client is gone; on_room()
  // tells when to go on (by reading again what was missed).
  virtual bool send(const LiveMessage& message) = 0;
  // For "the newest state is all that counts": replaces the message of an earlier call that has not left yet.
  virtual void send_latest(LiveMessage message) = 0;
  // Runs (on a thread of the server) when a full buffer has emptied.
  virtual void on_room(std::function<void()> room) = 0;
  // Runs once when the client is gone or the server stops; at once when it already is.
  virtual void on_close(std::function<void()> closed) = 0;
  virtual void close() = 0;
  [[nodiscard]] virtual bool open() const = 0;
};

// ---- Answers

// Appends about `want` bytes of the body to `into`; false: that was the end. Runs on a worker thread,
// whenever the client has room.
using BodySource = std::move_only_function<bool(std::string& into, std::size_t want)>;
using StreamOpened = std::move_only_function<void(std::shared_ptr<EventStream>)>;

struct Response {
  int status = 200;
  std::string content_type;  // empty: no body
  std::vector<Field> headers;
  std::string body;
  BodySource source;    // set: the body is streamed (chunked) instead of `body`
  StreamOpened opened;  // set: the answer is an event stream
  // What the answer reflects; become Stele-Position (writes), Stele-Read-Version and Stele-Behind-Events
  // (reads).
  std::optional<Position> written_position;
  std::optional<Revision> read_version;
  std::optional<Position> read_position;
  std::optional<Problem> refusal;  // rendered by the server, which knows the request

  // `body` must be valid JSON text.
  [[nodiscard]] static Response json(int status, std::string body);
  [[nodiscard]] static Response text(int status, std::string body,
                                     std::string content_type = "text/plain; charset=utf-8");
  [[nodiscard]] static Response problem(Problem why);
  [[nodiscard]] static Response stream(std::string content_type, BodySource source);
  [[nodiscard]] static Response live(StreamOpened opened);

  // To be chained: Response::json(...).etag(version).position(last).
  Response header(std::string name, std::string value) &&;
  Response etag(Revision version) &&;
  Response position(Position last_written) &&;
  Response read(Revision version, Position model_position) &&;
};

// An Error answered by a handler is rendered with everything the server knows: conflict -> 412 under If-Match
// (with the events since), else 409; invalid -> 400; not_found -> 404; too_large -> 413; busy -> 429;
// disk_full -> 507; timeout, unavailable, read_only -> 503; denied -> 403; gone -> 410; corrupt -> 500.
using Answer = result<Response>;

// Answers one request, exactly once, from any thread; destroyed without an answer it sends 500 and logs that.
class Responder {
 public:
  using Send = std::move_only_function<void(Answer)>;
  explicit Responder(Send send) : send_(std::move(send)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) = delete;
  ~Responder();
  void operator()(Answer answer);

 private:
  Send send_;
};

// On a worker thread; may block (read a model, append and wait). Exceptions become 500 and are logged.
using Handler = std::function<Answer(const Request&)>;
// On a network thread; must return at once. The request lives until the answer was given.
using AsyncHandler = std::function<void(std::shared_ptr<const Request>, Responder)>;

// ---- Waiting for a read model

// How the server learns that a model has caught up, without holding a thread. A projection's runner is
// wrapped in one of these.
class ReadModel {
 public:
  virtual ~ReadModel() = default;
  // Everything up to here is visible to queries.
  [[nodiscard]] virtual Position position() const = 0;
  // Runs `reached` once, from any thread, as soon as position() >= `wanted` - before this returns, if it
  // already is. The ticket is for cancel(); after cancel() returned, `reached` does not run any more.
  virtual std::uint64_t notify_at(Position wanted, std::function<void()> reached) = 0;
  virtual void cancel(std::uint64_t ticket) = 0;
};

// ---- Who may do what

// What a token is good for. A token with several may do each of them; none includes another.
enum class Scope : std::uint8_t {
  query,    // reading: GET, HEAD, and what is asked by POST without changing anything
  command,  // changing what the log says: appends, an application's commands
  admin,    // changing how it is kept or run: retention, sagas, projections
};
[[nodiscard]] std::string_view to_string(Scope scope);

// A bearer token (RFC 6750), known by its hash only: whoever reads the list cannot use it.
struct AccessToken {
  std::string name;    // whose it is, for logs and for `Request::token`
  std::string sha256;  // of the token's text, lower-case hexadecimal
  std::vector<Scope> scopes;
  std::optional<Timestamp> expires{};  // from then on it is unknown
};

// A file of tokens: a line each, "NAME SCOPE[,SCOPE...] SHA256 [EXPIRES]", empty lines and #-comments between;
// `stele token` writes it. Errors: not_found, invalid (the line and what is wrong with it).
[[nodiscard]] result<std::vector<AccessToken>> read_tokens(const std::filesystem::path& file);

// ---- Routes

// What the OpenAPI page says. Schemas are JSON Schema texts; empty: not described.
struct RouteDoc {
  std::string summary{};
  std::string description{};
  std::string request_schema{};
  std::string response_schema{};
  std::vector<Field> query{};  // name and meaning of each query parameter
};

// Give exactly one of `handler` and `async`.
struct Route {
  std::string method{};   // "GET" also answers HEAD
  std::string pattern{};  // "/api/accounts/{id}/summary": a {name} is one whole segment
  Handler handler{};
  AsyncHandler async{};
  RouteDoc doc{};
  // Reads: the model behind the answer. With it `after_position` and `after_version` wait (see Prefer); too
  // late is 503 read-model-behind, or a stale answer for lenient clients. `after_version` needs `stream` as
  // well.
  ReadModel* model = nullptr;
  std::function<std::string(const Request&)> stream{};
  // Which tokens may come here, where the server wants one. Without it: `query` for GET, otherwise `command`.
  std::optional<Scope> scope{};
};

struct Metric {
  std::string name{};  // stele_..., base units, `_total` for counters
  std::string help{};
  std::string type{};  // "gauge" or "counter"
  std::vector<Field> labels{};
  double value = 0;
};

// The application: a plain list of what the server shall serve.
class App {
 public:
  App(std::string name, std::string version);
  // A method and pattern may be declared once, and not under /v1 or another path of the server:
  // Server::start() refuses what is wrong with a route and names it.
  App& route(Route route);
  App& problem(std::string slug, std::string title, std::string meaning);
  // One line of /readyz; an error makes the server not ready.
  App& check(std::string name, std::function<result<void>()> ready);
  // Called for each scrape of /metrics.
  App& metrics(std::function<std::vector<Metric>()> collect);
  // Shows it under /v1/sagas, where stuck instances can be retried. The runner must outlive the server.
  App& saga(SagaRunner& runner);
  // Shows them under /v1/projections, where they can be paused, rebuilt and so on; those that are added later too.
  // They must outlive the server.
  App& projections(Projections& projections);
  // Types with what they were called before, as stele::type_names (evolution.hpp) knows them: whoever asks /v1 for
  // the first name of a list gets events of all its names, in reads, live streams and append conditions.
  App& type_names(std::vector<std::vector<std::string>> names);
  // Shows what stele::aggregates<...>() (history.hpp) names under /v1/aggregates, as it is and as it was.
  App& aggregates(std::shared_ptr<const Aggregates> aggregates);

  struct ProblemType {
    std::string slug, title, meaning;
  };
  struct Check {
    std::string name;
    std::function<result<void>()> ready;
  };
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }
  [[nodiscard]] const std::vector<ProblemType>& problems() const { return problems_; }
  [[nodiscard]] const std::vector<Check>& checks() const { return checks_; }
  [[nodiscard]] const std::vector<std::function<std::vector<Metric>()>>& collectors() const {
    return collectors_;
  }
  [[nodiscard]] const std::vector<SagaRunner*>& sagas() const { return sagas_; }
  [[nodiscard]] const std::vector<Projections*>& projections() const { return projections_; }
  [[nodiscard]] const std::vector<std::vector<std::string>>& type_names() const { return type_names_; }
  [[nodiscard]] const std::vector<std::shared_ptr<const Aggregates>>& aggregates() const {
    return aggregates_;
  }

 private:
  std::string name_;
  std::string version_;
  std::vector<Route> routes_;
  std::vector<ProblemType> problems_;
  std::vector<Check> checks_;
  std::vector<std::function<std::vector<Metric>()>> collectors_;
  std::vector<SagaRunner*> sagas_;
  std::vector<Projections*> projections_;
  std::vector<std::vector<std::string>> type_names_;
  std::vector<std::shared_ptr<const Aggregates>> aggregates_;
};

// ---- The server

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 2113;    // 0: any free one, see Server::port()
  bool allow_insecure = false;  // listen on an address others can reach, without TLS and users
  std::size_t header_bytes = 64u << 10;
  std::size_t body_bytes = 64u << 20;
  std::size_t connections = 10'000;
  std::size_t io_threads = 2;
  std::size_t workers = 16;                         // threads for blocking handlers
  std::size_t live_buffer_bytes = 256u << 10;       // per client of an event stream
  std::chrono::milliseconds read_timeout{30'000};   // for one request to arrive, from its first byte
  std::chrono::milliseconds idle_timeout{120'000};  // between requests
  std::chrono::milliseconds write_timeout{60'000};  // without the client taking a byte
  std::chrono::milliseconds heartbeat{15'000};      // comment lines on a quiet event stream
  std::chrono::milliseconds grace{10'000};          // for running requests when stopping
  std::chrono::hours idempotency_window{24};
  // With any, every request needs one (401, 403) but /livez, /readyz and /problems; without, none is asked for.
  std::vector<AccessToken> tokens{};
  // Where projections that are declared in SQL keep their models, and a folder with some of them in .sql files; without
  // the first there are none.
  std::filesystem::path models{};
  std::filesystem::path projections{};
  bool log_requests = false;  // every request; failures (5xx) and slow ones are always logged
};

// Serves until stopped or destroyed. SIGKILL at any moment is safe: what was answered is durable.
class Server {
 public:
  // `app` may be null: the store's API alone. Errors: invalid (options, routes), denied (a public address
  // without allow_insecure), busy (address in use), unavailable.
  [[nodiscard]] static result<std::unique_ptr<Server>> start(EventStore& store, const App* app,
                                                             ServerOptions options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  // No new connections; requests that run get the grace period, event streams a last `gone` message. Returns
  // when the last thread has ended. A second call does nothing.
  void stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stele
