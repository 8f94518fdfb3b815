// pg_link.cpp - libpq behind SqlLink: parameters as text, prepared statements, COPY; schemas, temporary tables and
// advisory locks. The only place that sees libpq-fe.h.
#include <libpq-fe.h>

#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "targets/server/parked_rows.hpp"
#include "targets/server/sql_link.hpp"
#include "targets/shared/standing.hpp"

namespace stele {
namespace {

using targets::SqlLink;

struct ClearAnswer {
  void operator()(PGresult* answer) const { PQclear(answer); }
};
using Answer = std::unique_ptr<PGresult, ClearAnswer>;

struct CloseConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};

constexpr std::string_view pg_checkpoint_table =
    "CREATE TABLE stele_checkpoint(one INTEGER PRIMARY KEY CHECK(one = 1), position BIGINT NOT NULL,"
    " last_event BIGINT NOT NULL, last_event_id TEXT NOT NULL, schema TEXT NOT NULL)";

// SQLSTATE classes and codes, as far as they change what the caller can do.
errc kind_of_state(std::string_view state) {
  struct Rule {
    std::string_view begins;
    errc kind;
  };
  static constexpr std::array<Rule, 14> rules{{{"23", errc::conflict},
                                               {"40", errc::busy},
                                               {"55P03", errc::busy},
                                               {"57014", errc::busy},
                                               {"53100", errc::disk_full},
                                               {"53", errc::busy},
                                               {"57P", errc::unavailable},
                                               {"08", errc::unavailable},
                                               {"28", errc::denied},
                                               {"42501", errc::denied},
                                               {"3D000", errc::not_found},
                                               {"54", errc::too_large},
                                               {"58", errc::unavailable},
                                               {"XX001", errc::corrupt}}};
  for (const auto& [begins, kind] : rules)
    if (state.starts_with(begins)) return kind;
  return errc::invalid;
}

// A connection that was refused has no SQLSTATE, only words.
errc kind_of_refusal(std::string_view why) {
  if (why.find("does not exist") != std::string_view::npos) return errc::not_found;
  if (why.find("authentication failed") != std::string_view::npos) return errc::denied;
  return why.find("no password supplied") != std::string_view::npos ? errc::denied : errc::unavailable;
}

std::string without_newline(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string quoted_name(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + '"';
}

std::string path_to(const std::string& space) { return space.empty() ? "pg_temp" : quoted_name(space); }

// Decimal digits of a value, kept alive beside the borrowed texts.
class PgParameters {
 public:
  result<void> take(std::span<const SqlValue> values) {
    texts_.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto& value = values[i].get();
      if (const auto* number = std::get_if<std::int64_t>(&value))
        texts_[i] = std::to_string(*number);
      else if (const auto* text = std::get_if<std::string_view>(&value))
        texts_[i] = std::string(*text);
      else
        continue;
      if (texts_[i].find('\0') != std::string::npos)
        return Error(errc::invalid, "PostgreSQL keeps no text with a NUL byte")
            .help("store it encoded, e.g. as hex");
    }
    for (std::size_t i = 0; i < values.size(); ++i)
      pointers_.push_back(std::holds_alternative<std::monostate>(values[i].get()) ? nullptr
                                                                                  : texts_[i].c_str());
    return {};
  }
  [[nodiscard]] const char* const* data() const { return pointers_.data(); }

 private:
  std::vector<std::string> texts_;
  std::vector<const char*> pointers_;
};

class PgLink final : public SqlLink {
 public:
  // An empty space: temporary tables.
  static result<std::unique_ptr<SqlLink>> connect(const std::string& words, const std::string& space);

  [[nodiscard]] SqlDialect dialect() const override { return SqlDialect::postgres; }
  [[nodiscard]] bool broken() const override { return PQstatus(connection_.get()) != CONNECTION_OK; }
  result<void> begin() override { return command("BEGIN"); }
  result<void> begin_read() override { return command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); }
  result<void> commit() override;
  result<std::optional<Checkpoint>> read_checkpoint() override;
  result<bool> write_checkpoint(const Checkpoint& was, const Checkpoint& now) override;
  result<std::string> schema_text() override;
  result<void> make_empty(const std::string& schema, bool schema_changed) override;
  result<void> command(const std::string& sql) override;
  [[nodiscard]] std::string quoted(std::string_view name) const override { return quoted_name(name); }
  result<bool> has_table(const std::string& space, const std::string& table) override;
  result<void> enter(const std::string& space) override;
  result<std::vector<std::string>> spaces_beginning_with(const std::string& name) override;
  result<void> drop_space(const std::string& space) override;
  result<void> tune_for_building() override { return command("SET synchronous_commit TO off"); }
  result<std::optional<std::string>> take_lock(const std::string& name) override;
  [[nodiscard]] std::string session() const override {
    return "server process " + std::to_string(PQbackendPID(connection_.get()));
  }
  void release_lock(const std::string& name) override;

 protected:
  result<std::int64_t> run_statement(std::string_view sql, std::span<const SqlValue> values,
                                     const Row& row) override;
  void roll_back() override;
  result<void> encode_row(std::string& block, std::span<const SqlValue> row) override;
  result<void> send_block(const std::string& table, const std::string& columns,
                          const std::string& block) override;

 private:
  struct Prepared {
    std::string name;
    std::size_t parameters;
  };
  explicit PgLink(PGconn* connection) : connection_(connection) {}
  Error failed(const PGresult* answer) const;
  result<const Prepared*> prepared(std::string_view sql);
  result<bool> is_there() { return has_table(space_, "stele_checkpoint"); }
  result<void> forget_statements();
  result<void> run_schema(const std::string& schema);
  [[nodiscard]] static std::string lock_key(const std::string& name) {
    return "hashtextextended('stele " + name + "', 0)";
  }

  std::unique_ptr<PGconn, CloseConnection> connection_;
  std::string space_;
  std::map<std::string, Prepared, std::less<>> statements_;
};

// ---- Connecting

// The environment's and the caller's words win over ours: those before them are only defaults.
result<std::unique_ptr<SqlLink>> PgLink::connect(const std::string& words, const std::string& space) {
  const std::array names{"connect_timeout", "application_name", "dbname", static_cast<const char*>(nullptr)};
  const std::array values{"10", "stele", words.c_str(), static_cast<const char*>(nullptr)};
  std::unique_ptr<PgLink> link(new PgLink(PQconnectdbParams(names.data(), values.data(), 1)));
  if (link->broken()) {
    const std::string why = without_newline(PQerrorMessage(link->connection_.get()));
    return Error(kind_of_refusal(why), "PostgreSQL: " + why)
        .help("is the server running, and are the words of the connection right?");
  }
  STELE_CHECK(
      link->command("SET client_encoding TO 'UTF8'; SET client_min_messages TO warning;"
                    "SET datestyle TO ISO; SET timezone TO 'UTC'; SET search_path TO " +
                    path_to(space)));
  link->space_ = space;
  return link;
}

Error PgLink::failed(const PGresult* answer) const {
  const char* state = answer ? PQresultErrorField(answer, PG_DIAG_SQLSTATE) : nullptr;
  const char* said = answer ? PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
  const std::string text = without_newline(said ? said : PQerrorMessage(connection_.get()));
  if (broken() || state == nullptr)
    return Error(errc::unavailable, "PostgreSQL: the connection is lost: " + text)
        .help("a new one is made with the next try");
  return Error(kind_of_state(state), "PostgreSQL: " + text).with("sqlstate", state);
}

result<void> PgLink::command(const std::string& sql) {
  const Answer answer(PQexec(connection_.get(), sql.c_str()));
  const auto status = PQresultStatus(answer.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return {};
  return failed(answer.get());
}

// A COMMIT of a transaction that an error had ended answers ROLLBACK, not an error.
result<void> PgLink::commit() {
  const Answer answer(PQexec(connection_.get(), "COMMIT"));
  if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) return failed(answer.get());
  if (std::string_view(PQcmdStatus(answer.get())) == "COMMIT") return {};
  return Error(errc::invalid, "PostgreSQL: an earlier error of this batch was passed over")
      .help("give every error of run() back to the caller");
}

void PgLink::roll_back() {
  if (!broken() && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE)
    (void)command("ROLLBACK").has_value();
}

// ---- Statements

// The number of values is checked here, because the server calls a wrong one a broken protocol.
result<const PgLink::Prepared*> PgLink::prepared(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return &found->second;
  Prepared made{"s" + std::to_string(statements_.size()), 0};
  const std::string text(sql);
  const Answer parsed(PQprepare(connection_.get(), made.name.c_str(), text.c_str(), 0, nullptr));
  if (PQresultStatus(parsed.get()) != PGRES_COMMAND_OK) return failed(parsed.get()).with("sql", text);
  const Answer described(PQdescribePrepared(connection_.get(), made.name.c_str()));
  if (PQresultStatus(described.get()) != PGRES_COMMAND_OK) return failed(described.get()).with("sql", text);
  made.parameters = static_cast<std::size_t>(PQnparams(described.get()));
  return &statements_.emplace(text, std::move(made)).first->second;
}

result<std::int64_t> PgLink::run_statement(std::string_view sql, std::span<const SqlValue> values,
                                           const Row& row) {
  STELE_TRY(const Prepared* statement, prepared(sql));
  if (statement->parameters != values.size())
    return Error(errc::invalid, "the statement takes " + std::to_string(statement->parameters) + " values, " +
                                    std::to_string(values.size()) + " were given")
        .with("sql", std::string(sql));
  PgParameters parameters;
  STELE_CHECK(parameters.take(values));
  const Answer answer(PQexecPrepared(connection_.get(), statement->name.c_str(),
                                     static_cast<int>(values.size()), parameters.data(), nullptr, nullptr,
                                     0));
  const auto status = PQresultStatus(answer.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    return failed(answer.get()).with("sql", std::string(sql));
  const int columns = PQnfields(answer.get());
  std::vector<std::optional<std::string_view>> cells(static_cast<std::size_t>(columns));
  for (int r = 0; r < PQntuples(answer.get()); ++r) {
    for (int c = 0; c < columns; ++c) {
      auto& cell = cells[static_cast<std::size_t>(c)];
      cell.reset();
      if (PQgetisnull(answer.get(), r, c) == 0)
        cell.emplace(PQgetvalue(answer.get(), r, c),
                     static_cast<std::size_t>(PQgetlength(answer.get(), r, c)));
    }
    if (!row(ServerRow(cells))) break;
  }
  return targets::integer_in(PQcmdTuples(answer.get())).value_or(0);
}

// ---- COPY

// The text format: tabs between, a backslash before what would be taken for something else, \N for NULL.
result<void> PgLink::encode_row(std::string& block, std::span<const SqlValue> row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) block += '\t';
    const auto& value = row[i].get();
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      block += std::to_string(*number);
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      if (text->find('\0') != std::string_view::npos)
        return Error(errc::invalid, "PostgreSQL keeps no text with a NUL byte")
            .help("store it encoded, e.g. as hex");
      for (const char c : *text) {
        if (c == '\\' || c == '\t' || c == '\n' || c == '\r') block += '\\';
        block += c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : c;
      }
    } else {
      block += "\\N";
    }
  }
  block += '\n';
  return {};
}

result<void> PgLink::send_block(const std::string& table, const std::string& columns,
                                const std::string& block) {
  const std::string sql = "COPY " + table + '(' + columns + ") FROM STDIN";
  const Answer opened(PQexec(connection_.get(), sql.c_str()));
  if (PQresultStatus(opened.get()) != PGRES_COPY_IN) return failed(opened.get()).with("sql", sql);
  const bool sent = PQputCopyData(connection_.get(), block.data(), static_cast<int>(block.size())) == 1 &&
                    PQputCopyEnd(connection_.get(), nullptr) == 1;
  if (!sent) return failed(nullptr);
  result<void> done;
  while (const Answer answer{PQgetResult(connection_.get())})
    if (done && PQresultStatus(answer.get()) != PGRES_COMMAND_OK)
      done = failed(answer.get()).with("sql", sql);
  return done;
}

// ---- The model's own table

result<std::optional<Checkpoint>> PgLink::read_checkpoint() {
  STELE_TRY(const bool there, is_there());
  std::optional<Checkpoint> found;
  if (!there) return found;
  STELE_CHECK(run_statement("SELECT position, last_event, last_event_id FROM stele_checkpoint", {},
                            [&](const ServerRow& row) {
                              found = targets::checkpoint_of(row);
                              return false;
                            }));
  return found;
}

result<bool> PgLink::write_checkpoint(const Checkpoint& was, const Checkpoint& now) {
  const std::string id = to_string(now.last_event_id);
  const std::string id_before = to_string(was.last_event_id);
  const std::array<SqlValue, 5> values{now.position, now.last_event, id, was.position, id_before};
  STELE_TRY(const std::int64_t rows,
            run_statement("UPDATE stele_checkpoint SET position = $1, last_event = $2, last_event_id = $3"
                          " WHERE one = 1 AND position = $4 AND last_event_id = $5",
                          values, [](const ServerRow&) { return true; }));
  return rows == 1;
}

result<std::string> PgLink::schema_text() {
  STELE_TRY(const bool there, is_there());
  std::string text;
  if (!there) return text;
  STELE_CHECK(run_statement("SELECT schema FROM stele_checkpoint", {}, [&](const ServerRow& row) {
    text = row.text(0);
    return false;
  }));
  return text;
}

result<void> PgLink::run_schema(const std::string& schema) {
  STELE_CHECK(command(std::string(pg_checkpoint_table)));
  STELE_CHECK(command(targets::parked_table_of(dialect())));
  const std::string nobody = to_string(Uuid{});
  const std::array<SqlValue, 2> values{nobody, schema};
  STELE_CHECK(run_statement("INSERT INTO stele_checkpoint VALUES(1, 0, 0, $1, $2)", values,
                            [](const ServerRow&) { return true; }));
  if (auto made = command(schema); !made) return Error(made.error()).at("the projection's schema");
  return {};
}

// Everything in one transaction: readers see the old model or the new one. Theirs hold the checkpoint's table first of
// all, so taking that one first waits for them without a deadlock. Two programs that start at once take turns by the
// lock. Kept statements may speak of tables that are gone.
result<void> PgLink::make_empty(const std::string& schema, bool) {
  STELE_CHECK(command("BEGIN"));
  auto made = command("SELECT pg_advisory_xact_lock(" + lock_key(space_) + " + 1)");
  const auto there = made ? is_there() : result<bool>(made.error());
  if (!there) made = there.error();
  if (made && *there) made = command("LOCK TABLE stele_checkpoint IN ACCESS EXCLUSIVE MODE");
  const std::string name = quoted_name(space_);
  if (made) {
    made = space_.empty() ? command("DISCARD TEMP")
                          : command("DROP SCHEMA IF EXISTS " + name + " CASCADE; CREATE SCHEMA " + name);
  }
  if (made) made = run_schema(schema);
  if (made) made = commit();
  if (!made) roll_back();
  STELE_CHECK(forget_statements());
  return made;
}

result<void> PgLink::forget_statements() {
  statements_.clear();
  return command("DEALLOCATE ALL");
}

// ---- Spaces

result<bool> PgLink::has_table(const std::string& space, const std::string& table) {
  const std::string name = space.empty() ? table : quoted_name(space) + '.' + quoted_name(table);
  const std::array<SqlValue, 1> values{name};
  bool there = false;
  STELE_CHECK(run_statement("SELECT to_regclass($1)", values, [&](const ServerRow& row) {
    there = !row.is_null(0);
    return false;
  }));
  return there;
}

result<void> PgLink::enter(const std::string& space) {
  STELE_CHECK(command("SET search_path TO " + path_to(space)));
  space_ = space;
  return forget_statements();
}

result<std::vector<std::string>> PgLink::spaces_beginning_with(const std::string& name) {
  const std::array<SqlValue, 1> values{name};
  std::vector<std::string> found;
  STELE_CHECK(run_statement("SELECT nspname FROM pg_namespace WHERE starts_with(nspname::text, $1)", values,
                            [&](const ServerRow& row) {
                              found.emplace_back(row.text(0));
                              return true;
                            }));
  return found;
}

// Somebody may still be reading there. They are not waited for long: whoever drops holds up the projection.
result<void> PgLink::drop_space(const std::string& space) {
  if (space.empty()) return {};
  STELE_CHECK(command("SET lock_timeout TO '1s'"));
  auto dropped = command("DROP SCHEMA IF EXISTS " + quoted_name(space) + " CASCADE");
  STELE_CHECK(command("RESET lock_timeout"));
  return dropped;
}

// ---- The lease

result<std::optional<std::string>> PgLink::take_lock(const std::string& name) {
  bool taken = false;
  const std::string take = "SELECT pg_try_advisory_lock(" + lock_key(name) + ")";
  STELE_CHECK(run_statement(take, {}, [&](const ServerRow& row) {
    taken = row.text(0) == "t";
    return false;
  }));
  if (taken) return std::optional<std::string>{};
  std::string holder;
  const std::string ask =
      "SELECT 'server process ' || pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
      " AND (classid::bigint << 32 | objid::bigint) = " +
      lock_key(name);
  STELE_CHECK(run_statement(ask, {}, [&](const ServerRow& row) {
    holder = row.text(0);
    return false;
  }));
  return std::optional(holder);
}

void PgLink::release_lock(const std::string& name) {
  (void)command("SELECT pg_advisory_unlock(" + lock_key(name) + ")").has_value();
}

}  // namespace

result<std::shared_ptr<ServerTarget>> ServerTarget::open(const PostgresServer& server,
                                                         ServerProjection projection) {
  const auto connect = [words = server.connection](const std::string& space) {
    return PgLink::connect(words, space);
  };
  return open_by(connect, std::move(projection), std::nullopt);
}

result<std::shared_ptr<ServerTarget>> ServerTarget::scratch(const PostgresServer& server,
                                                            ServerProjection projection) {
  const auto connect = [words = server.connection](const std::string& space) {
    return PgLink::connect(words, space);
  };
  return open_by(connect, std::move(projection), std::string{});
}

}  // namespace stele
