// postgres.cpp - PostgreSQL with the table of the reference schema: one prepared statement and one round trip per
// append, a connection per writer. With STELE_COMPARE_QUEUE=1 a queue stands in front instead, and everything that
// waits goes in one transaction over one connection.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <libpq-fe.h>

#include <cstdlib>

#include "queue.hpp"

namespace stele::compare {
namespace {

constexpr auto schema = R"(
  CREATE TABLE IF NOT EXISTS events(
    global_position BIGSERIAL PRIMARY KEY, event_id UUID NOT NULL, stream_id TEXT NOT NULL,
    stream_position BIGINT NOT NULL, event_type TEXT NOT NULL, data JSONB NOT NULL, metadata JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(), UNIQUE(stream_id, stream_position)))";
// Lists, so that a batch is one statement; the unique key refuses what somebody else has written, and the first
// revision must follow one that is there.
constexpr auto append_sql =
    "INSERT INTO events(event_id, stream_id, stream_position, event_type, data)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::jsonb[])";
constexpr auto load_sql = "SELECT data FROM events WHERE stream_id = $1 ORDER BY stream_position";

// Folded inside the server, so many positions in a transaction, whose commit does not wait for the disk: it is a model.
constexpr std::uint64_t rebuild_positions = 262'144;
constexpr auto balances_schema = R"(
  SET synchronous_commit = off; SET work_mem = '256MB';
  DROP TABLE IF EXISTS balance; DROP TABLE IF EXISTS checkpoint;
  CREATE TABLE balance(account TEXT PRIMARY KEY, cents BIGINT NOT NULL);
  CREATE TABLE checkpoint(position BIGINT NOT NULL); INSERT INTO checkpoint VALUES(0))";
constexpr auto fold_sql =
    "INSERT INTO balance SELECT stream_id, sum(((data->>'amount')::numeric * 100)::bigint) FROM events"
    " WHERE global_position > {0} AND global_position <= {1} GROUP BY stream_id"
    " ON CONFLICT(account) DO UPDATE SET cents = balance.cents + excluded.cents;";
constexpr auto fold_each_sql =
    "DO $$ DECLARE e RECORD; BEGIN FOR e IN SELECT stream_id, data FROM events"
    " WHERE global_position > {0} AND global_position <= {1} ORDER BY global_position LOOP"
    " INSERT INTO balance VALUES(e.stream_id, ((e.data->>'amount')::numeric * 100)::bigint)"
    " ON CONFLICT(account) DO UPDATE SET cents = balance.cents + excluded.cents; END LOOP; END $$;";
constexpr auto balances_sql =
    "SELECT (SELECT count(*) FROM events), (SELECT coalesce(sum(cents), 0) FROM balance),"
    " (SELECT coalesce(max(global_position), 0) FROM events)";

struct ClearResult {
  void operator()(PGresult* answer) const { PQclear(answer); }
};
using Answer = std::unique_ptr<PGresult, ClearResult>;
struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};

// One session with the two statements prepared.
class PgSession {
 public:
  result<void> open(int port, const char* make_schema) {
    const auto address = fmt::format("host=127.0.0.1 port={} dbname=postgres user=postgres", port);
    connection_.reset(PQconnectdb(address.c_str()));
    if (PQstatus(connection_.get()) != CONNECTION_OK) return failed();
    if (make_schema != nullptr) STELE_CHECK(good(Answer(PQexec(connection_.get(), make_schema))));
    STELE_CHECK(good(Answer(PQprepare(connection_.get(), "append", append_sql, 5, nullptr))));
    return good(Answer(PQprepare(connection_.get(), "load", load_sql, 1, nullptr)));
  }

  result<void> append(std::span<const Append> appends) {
    std::array<std::string, 5> lists;
    for (const auto& append : appends) {
      for (std::uint64_t i = 0; i < append.count; ++i) {
        add(lists[0], id_text(fresh_id()));
        add(lists[1], append.stream);
        add(lists[2], fmt::format("{}", append.expected + i));
        add(lists[3], event_type);
        add(lists[4], payload_element());
      }
    }
    std::array<const char*, 5> values{};
    for (std::size_t i = 0; i < lists.size(); ++i) values[i] = lists[i].append("}").c_str();
    return good(Answer(PQexecPrepared(connection_.get(), "append", 5, values.data(), nullptr, nullptr, 0)));
  }

  result<std::uint64_t> load(const std::string& stream) {
    const char* value = stream.c_str();
    const Answer rows(PQexecPrepared(connection_.get(), "load", 1, &value, nullptr, nullptr, 0));
    STELE_CHECK(good(rows));
    return static_cast<std::uint64_t>(PQntuples(rows.get()));
  }

  // Row by row, so that memory does not grow with the log.
  result<std::uint64_t> replay(const OnEvent& event) {
    if (PQsendQuery(connection_.get(), "SELECT stream_id, data FROM events ORDER BY global_position") == 0)
      return failed();
    PQsetSingleRowMode(connection_.get());
    std::uint64_t events = 0;
    while (const Answer row{PQgetResult(connection_.get())}) {
      STELE_CHECK(good(row));
      if (PQntuples(row.get()) == 0) continue;
      event(field(row, 0), field(row, 1));
      ++events;
    }
    return events;
  }

  result<Balances> rebuild(bool each) {
    STELE_CHECK(good(Answer(PQexec(connection_.get(), balances_schema))));
    STELE_TRY(const auto log, numbers(balances_sql));
    for (std::uint64_t after = 0; after < log[2]; after += rebuild_positions) {
      const auto to = after + rebuild_positions;
      const auto fold = fmt::format(fmt::runtime(each ? fold_each_sql : fold_sql), after, to);
      const auto whole = fmt::format("BEGIN; {} UPDATE checkpoint SET position = {}; COMMIT", fold, to);
      STELE_CHECK(good(Answer(PQexec(connection_.get(), whole.c_str()))));
    }
    STELE_TRY(const auto done, numbers(balances_sql));
    return Balances{.events = done[0], .cents = static_cast<std::int64_t>(done[1])};
  }

 private:
  // The three columns of one row.
  result<std::array<std::uint64_t, 3>> numbers(const char* sql) {
    const Answer row(PQexec(connection_.get(), sql));
    STELE_CHECK(good(row));
    std::array<std::uint64_t, 3> found{};
    for (int i = 0; i < 3; ++i)
      found[static_cast<std::size_t>(i)] = std::strtoull(PQgetvalue(row.get(), 0, i), nullptr, 10);
    return found;
  }

  static void add(std::string& list, std::string_view element) {
    list.append(list.empty() ? "{" : ",").append(element);
  }
  // JSON inside an array literal: quoted once more.
  static const std::string& payload_element() {
    static const std::string text = [] {
      std::string quoted = "\"";
      for (const char byte : payload()) quoted.append(byte == '"' ? "\\\"" : std::string(1, byte));
      return quoted + "\"";
    }();
    return text;
  }
  static std::string_view field(const Answer& row, int column) {
    return {PQgetvalue(row.get(), 0, column), static_cast<std::size_t>(PQgetlength(row.get(), 0, column))};
  }
  result<void> good(const Answer& answer) {
    const auto status = PQresultStatus(answer.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE) return {};
    return failed();
  }
  Error failed() {
    return {errc::unavailable, fmt::format("PostgreSQL: {}", PQerrorMessage(connection_.get()))};
  }

  std::unique_ptr<PGconn, Finish> connection_;
};

class PgConnection final : public Connection {
 public:
  explicit PgConnection(PgSession session) : session_(std::move(session)) {}
  result<void> append(const Append& append) override { return session_.append({&append, 1}); }

 private:
  PgSession session_;
};

class Postgres final : public QueuedRival {
 public:
  explicit Postgres(int port) : port_(port), queued_(std::getenv("STELE_COMPARE_QUEUE") != nullptr) {}
  ~Postgres() override { stop_queue(); }

  result<void> open() {
    STELE_CHECK(session_.open(port_, schema));
    return {};
  }

  [[nodiscard]] std::string durability() const override {
    return queued_ ? "fsync, synchronous_commit=on; own queue in front" : "fsync, synchronous_commit=on";
  }
  result<std::unique_ptr<Connection>> connect() override {
    if (queued_) return QueuedRival::connect();
    PgSession session;
    STELE_CHECK(session.open(port_, nullptr));
    return std::make_unique<PgConnection>(std::move(session));
  }
  // Transactions of one session commit one after the other: many in flight is what the queue is for.
  result<std::unique_ptr<Pipeline>> pipeline() override {
    if (!queued_) return no_such_form();
    return QueuedRival::pipeline();
  }
  result<std::uint64_t> replay(const OnEvent& event) override { return session_.replay(event); }
  result<std::uint64_t> load(const std::string& stream) override { return session_.load(stream); }
  result<Balances> rebuild(bool each) override { return session_.rebuild(each); }

 private:
  result<void> commit(std::span<const Append> appends) override { return session_.append(appends); }

  int port_;
  bool queued_;
  PgSession session_;
};

}  // namespace

result<std::unique_ptr<Rival>> open_rival(const Place& place) {
  auto rival = std::make_unique<Postgres>(place.port);
  STELE_CHECK(rival->open());
  return rival;
}

}  // namespace stele::compare
