// mariadb_link.cpp - Connector/C behind SqlLink: binary prepared statements, rows as text; a database per model, and
// what follows from DDL that cannot be rolled back. The only place that sees mysql.h.
#include <mariadb/errmsg.h>
#include <mariadb/mysql.h>
#include <mariadb/mysqld_error.h>

#include <array>
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

struct CloseMariadb {
  void operator()(MYSQL* connection) const { mysql_close(connection); }
};
struct CloseStatement {
  void operator()(MYSQL_STMT* statement) const { mysql_stmt_close(statement); }
};
using MariadbStatement = std::unique_ptr<MYSQL_STMT, CloseStatement>;

constexpr unsigned wait_seconds = 10;

constexpr std::string_view mariadb_checkpoint_table =
    "CREATE TABLE stele_checkpoint(one INT PRIMARY KEY CHECK(one = 1), position BIGINT NOT NULL,"
    " last_event BIGINT NOT NULL, last_event_id CHAR(36) NOT NULL, `schema` LONGTEXT NOT NULL) ENGINE = "
    "InnoDB";

bool connection_is_lost(unsigned code) {
  switch (code) {
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_SERVER_LOST_EXTENDED:
    case ER_SERVER_SHUTDOWN:
    case ER_CONNECTION_KILLED:
      return true;
    default:
      return false;
  }
}

errc kind_of_code(unsigned code) {
  if (connection_is_lost(code)) return errc::unavailable;
  switch (code) {
    case ER_DUP_ENTRY:
    case ER_DUP_KEY:
    case ER_ROW_IS_REFERENCED_2:
    case ER_NO_REFERENCED_ROW_2:
    case ER_BAD_NULL_ERROR:
    case ER_CONSTRAINT_FAILED:
      return errc::conflict;
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_CON_COUNT_ERROR:
    case ER_TABLE_DEF_CHANGED:
    case ER_QUERY_INTERRUPTED:
      return errc::busy;
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
      return errc::disk_full;
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
      return errc::denied;
    case ER_NET_PACKET_TOO_LARGE:
    case ER_DATA_TOO_LONG:
      return errc::too_large;
    default:
      return errc::invalid;
  }
}

std::string backticked(std::string_view name) {
  std::string text = "`";
  for (const char c : name) text += c == '`' ? "``" : std::string(1, c);
  return text + '`';
}

// The values of a statement, bound in place: numbers are copied, texts are borrowed.
class MariadbParameters {
 public:
  explicit MariadbParameters(std::span<const SqlValue> values)
      : numbers_(values.size()), lengths_(values.size()), binds_(values.size()) {
    for (std::size_t i = 0; i < values.size(); ++i) bind(i, values[i]);
  }
  [[nodiscard]] MYSQL_BIND* data() { return binds_.data(); }

 private:
  void bind(std::size_t i, const SqlValue& value) {
    MYSQL_BIND& bind = binds_[i];
    if (const auto* number = std::get_if<std::int64_t>(&value.get())) {
      numbers_[i] = *number;
      bind.buffer_type = MYSQL_TYPE_LONGLONG;
      bind.buffer = &numbers_[i];
    } else if (const auto* text = std::get_if<std::string_view>(&value.get())) {
      lengths_[i] = text->size();
      bind.buffer_type = MYSQL_TYPE_STRING;
      bind.buffer = const_cast<char*>(text->data() ? text->data() : "");  // read only, whatever the type says
      bind.buffer_length = text->size();
      bind.length = &lengths_[i];
    } else {
      bind.buffer_type = MYSQL_TYPE_NULL;
    }
  }
  std::vector<long long> numbers_;
  std::vector<unsigned long> lengths_;
  std::vector<MYSQL_BIND> binds_;
};

// One row at a time, every column as text. Its length is known only when the row is there, so it is fetched twice.
class MariadbRows {
 public:
  MariadbRows(MYSQL_STMT* statement, std::size_t columns)
      : statement_(statement),
        lengths_(columns),
        nulls_(columns),
        texts_(columns),
        binds_(columns),
        cells_(columns) {
    for (std::size_t i = 0; i < columns; ++i) {
      binds_[i].buffer_type = MYSQL_TYPE_STRING;
      binds_[i].length = &lengths_[i];
      binds_[i].is_null = &nulls_[i];
    }
  }
  // Not before the statement has run: only then the library knows its columns.
  bool bind() { return mysql_stmt_bind_result(statement_, binds_.data()) == 0; }
  // 0: a row. Otherwise as mysql_stmt_fetch.
  int next() {
    const int fetched = mysql_stmt_fetch(statement_);
    if (fetched != 0 && fetched != MYSQL_DATA_TRUNCATED) return fetched;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      cells_[i].reset();
      if (nulls_[i] != 0) continue;
      texts_[i].resize(lengths_[i]);
      MYSQL_BIND one{};
      one.buffer_type = MYSQL_TYPE_STRING;
      one.buffer = texts_[i].data();
      one.buffer_length = texts_[i].size();
      one.length = &lengths_[i];
      if (lengths_[i] > 0 && mysql_stmt_fetch_column(statement_, &one, static_cast<unsigned>(i), 0) != 0)
        return 1;
      cells_[i] = texts_[i];
    }
    return 0;
  }
  [[nodiscard]] ServerRow row() const { return ServerRow(cells_); }

 private:
  MYSQL_STMT* statement_;
  std::vector<unsigned long> lengths_;
  std::vector<my_bool> nulls_;
  std::vector<std::string> texts_;
  std::vector<MYSQL_BIND> binds_;
  std::vector<std::optional<std::string_view>> cells_;
};

class MariadbLink final : public SqlLink {
 public:
  static result<std::unique_ptr<SqlLink>> connect(const MariadbServer& server, const std::string& space);

  [[nodiscard]] SqlDialect dialect() const override { return SqlDialect::mariadb; }
  [[nodiscard]] bool broken() const override { return lost_; }
  result<void> begin() override { return command("START TRANSACTION"); }
  result<void> begin_read() override {
    return command("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
  }
  result<void> commit() override { return command("COMMIT"); }
  result<std::optional<Checkpoint>> read_checkpoint() override;
  result<bool> write_checkpoint(const Checkpoint& was, const Checkpoint& now) override;
  result<std::string> schema_text() override;
  result<void> make_empty(const std::string& schema, bool schema_changed) override;
  result<void> command(const std::string& sql) override;
  [[nodiscard]] std::string quoted(std::string_view name) const override { return backticked(name); }
  result<bool> has_table(const std::string& space, const std::string& table) override;
  result<void> enter(const std::string& space) override;
  result<std::vector<std::string>> spaces_beginning_with(const std::string& name) override;
  result<void> drop_space(const std::string& space) override;
  result<void> tune_for_building() override { return {}; }  // the server has one rule for all
  result<std::optional<std::string>> take_lock(const std::string& name) override;
  [[nodiscard]] std::string session() const override {
    return "server connection " + std::to_string(mysql_thread_id(connection_.get()));
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
  explicit MariadbLink(MYSQL* connection) : connection_(connection) {}
  Error failed(unsigned code, const char* text);
  Error failed() { return failed(mysql_errno(connection_.get()), mysql_error(connection_.get())); }
  Error failed(MYSQL_STMT* statement) {
    return failed(mysql_stmt_errno(statement), mysql_stmt_error(statement));
  }
  result<MariadbStatement> prepared(std::string_view sql);
  result<std::int64_t> run_prepared(MYSQL_STMT* statement, std::string_view sql,
                                    std::span<const SqlValue> values, const Row& row);
  result<void> each_row(MYSQL_STMT* statement, const Row& row);
  result<std::string> one_text(std::string_view sql, std::span<const SqlValue> values);
  result<bool> is_there() { return has_table(space_, "stele_checkpoint"); }
  result<void> delete_rows();
  result<void> make_tables(const std::string& schema);
  result<void> fresh_row(const std::string& schema);

  std::unique_ptr<MYSQL, CloseMariadb> connection_;
  std::string space_;
  bool lost_ = false;
  std::map<std::string, MariadbStatement, std::less<>> statements_;  // after the connection: closed first
};

// ---- Connecting

// Rows that an UPDATE found count, changed or not: the checkpoint's condition depends on it. Strict mode, so that
// nothing is cut or turned into zero; times and comparisons as everywhere else in stele. The space itself is made with
// the model.
result<std::unique_ptr<SqlLink>> MariadbLink::connect(const MariadbServer& server, const std::string& space) {
  MYSQL* const made = mysql_init(nullptr);
  STELE_ASSERT(made != nullptr, "there is memory for a connection", server.host);
  std::unique_ptr<MariadbLink> link(new MariadbLink(made));
  mysql_options(made, MYSQL_OPT_CONNECT_TIMEOUT, &wait_seconds);
  mysql_options(made, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const char* const socket = server.socket.empty() ? nullptr : server.socket.c_str();
  if (mysql_real_connect(made, socket ? nullptr : server.host.c_str(), server.user.c_str(),
                         server.password.c_str(), nullptr, server.port, socket,
                         CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS) == nullptr)
    return link->failed().help("is the server running, and are address, user and password right?");
  STELE_CHECK(link->command(
      "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
      "NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', default_storage_engine = InnoDB;"
      "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
  const auto entered = link->enter(space);
  const bool not_yet = !entered && entered.error().fact("mariadb") == std::to_string(ER_BAD_DB_ERROR);
  if (!entered && !not_yet) return entered.error();  // what is not there is made later
  return link;
}

Error MariadbLink::failed(unsigned code, const char* text) {
  lost_ = lost_ || connection_is_lost(code);
  Error why(kind_of_code(code),
            std::string(lost_ ? "MariaDB: the connection is lost: " : "MariaDB: ") + text);
  return std::move(why).with("mariadb", std::uint64_t{code});
}

// All answers have to be taken before the next command may be sent.
result<void> MariadbLink::command(const std::string& sql) {
  if (mysql_real_query(connection_.get(), sql.data(), sql.size()) != 0) return failed();
  while (true) {
    if (MYSQL_RES* const rows = mysql_store_result(connection_.get())) mysql_free_result(rows);
    const int more = mysql_next_result(connection_.get());
    if (more < 0) return {};
    if (more > 0) return failed();
  }
}

void MariadbLink::roll_back() {
  if (!lost_) (void)command("ROLLBACK").has_value();
}

// ---- Statements

// Taken from those that are kept while it runs: the same question asked inside its own rows gets another statement.
result<MariadbStatement> MariadbLink::prepared(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end())
    return std::move(statements_.extract(found).mapped());
  MariadbStatement made(mysql_stmt_init(connection_.get()));
  STELE_ASSERT(made != nullptr, "there is memory for a statement", sql);
  if (mysql_stmt_prepare(made.get(), sql.data(), sql.size()) == 0) return made;
  return failed(made.get()).with("sql", std::string(sql));
}

result<std::int64_t> MariadbLink::run_statement(std::string_view sql, std::span<const SqlValue> values,
                                                const Row& row) {
  STELE_TRY(MariadbStatement statement, prepared(sql));
  auto done = run_prepared(statement.get(), sql, values, row);
  if (!lost_) statements_.emplace(std::string(sql), std::move(statement));
  return done;
}

result<std::int64_t> MariadbLink::run_prepared(MYSQL_STMT* statement, std::string_view sql,
                                               std::span<const SqlValue> values, const Row& row) {
  if (const auto takes = mysql_stmt_param_count(statement); takes != values.size())
    return Error(errc::invalid, "the statement takes " + std::to_string(takes) + " values, " +
                                    std::to_string(values.size()) + " were given")
        .with("sql", std::string(sql));
  MariadbParameters parameters(values);
  const bool run = (values.empty() || mysql_stmt_bind_param(statement, parameters.data()) == 0) &&
                   mysql_stmt_execute(statement) == 0;
  if (!run) return failed(statement).with("sql", std::string(sql));
  if (mysql_stmt_field_count(statement) == 0)
    return static_cast<std::int64_t>(mysql_stmt_affected_rows(statement));
  STELE_CHECK(each_row(statement, row));
  return 0;
}

// The rows are fetched to this side first.
result<void> MariadbLink::each_row(MYSQL_STMT* statement, const Row& row) {
  MariadbRows rows(statement, mysql_stmt_field_count(statement));
  if (mysql_stmt_store_result(statement) != 0 || !rows.bind()) return failed(statement);
  int fetched = rows.next();
  while (fetched == 0 && row(rows.row())) fetched = rows.next();
  result<void> done;
  if (fetched == 1) done = failed(statement);
  mysql_stmt_free_result(statement);
  return done;
}

// ---- Rows in blocks

// "(1,'text',NULL),": a list for one long INSERT.
result<void> MariadbLink::encode_row(std::string& block, std::span<const SqlValue> row) {
  block += block.empty() ? "(" : ",(";
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) block += ',';
    const auto& value = row[i].get();
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      block += std::to_string(*number);
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      const std::size_t at = block.size();
      block.resize(at + 2 * text->size() + 1);
      const auto escaped =
          mysql_real_escape_string(connection_.get(), block.data() + at, text->data(), text->size());
      block.resize(at + escaped);
      block.insert(at, 1, '\'');
      block += '\'';
    } else {
      block += "NULL";
    }
  }
  block += ')';
  return {};
}

result<void> MariadbLink::send_block(const std::string& table, const std::string& columns,
                                     const std::string& block) {
  const std::string sql = "INSERT INTO " + table + '(' + columns + ") VALUES ";
  auto sent = command(sql + block);
  if (!sent) return Error(sent.error()).with("sql", sql + "...");
  return {};
}

// ---- The model's own table

result<std::string> MariadbLink::one_text(std::string_view sql, std::span<const SqlValue> values) {
  std::string text;
  STELE_CHECK(run_statement(sql, values, [&](const ServerRow& row) {
    text = row.text(0);
    return false;
  }));
  return text;
}

result<std::optional<Checkpoint>> MariadbLink::read_checkpoint() {
  std::optional<Checkpoint> found;
  auto asked = run_statement("SELECT position, last_event, last_event_id FROM stele_checkpoint", {},
                             [&](const ServerRow& row) {
                               found = targets::checkpoint_of(row);
                               return false;
                             });
  const auto code = asked ? std::optional<std::string>{} : asked.error().fact("mariadb");
  const bool no_table = code == std::to_string(ER_NO_SUCH_TABLE) || code == std::to_string(ER_NO_DB_ERROR) ||
                        code == std::to_string(ER_BAD_DB_ERROR);
  if (!asked && !no_table) return asked.error();
  return found;
}

result<bool> MariadbLink::write_checkpoint(const Checkpoint& was, const Checkpoint& now) {
  const std::string id = to_string(now.last_event_id);
  const std::string id_before = to_string(was.last_event_id);
  const std::array<SqlValue, 5> values{now.position, now.last_event, id, was.position, id_before};
  STELE_TRY(const std::int64_t rows,
            run_statement("UPDATE stele_checkpoint SET position = ?, last_event = ?, last_event_id = ?"
                          " WHERE one = 1 AND position = ? AND last_event_id = ?",
                          values, [](const ServerRow&) { return true; }));
  return rows == 1;
}

result<std::string> MariadbLink::schema_text() {
  STELE_TRY(const bool there, is_there());
  return there ? one_text("SELECT `schema` FROM stele_checkpoint", {}) : result<std::string>(std::string{});
}

// With the schema as it was, the rows go in one transaction, so readers see the old model or the empty one. Tables
// cannot be made in a transaction here: the checkpoint goes first and comes back last, and a model without one is none.
result<void> MariadbLink::make_empty(const std::string& schema, bool schema_changed) {
  if (schema_changed) {
    STELE_CHECK(make_tables(schema));
    return fresh_row(schema);
  }
  STELE_CHECK(begin());
  auto emptied = delete_rows();
  if (emptied) emptied = fresh_row(schema);
  if (emptied) emptied = commit();
  if (!emptied) roll_back();
  return emptied;
}

result<void> MariadbLink::delete_rows() {
  const std::array<SqlValue, 1> values{space_};
  std::vector<std::string> tables;
  STELE_CHECK(
      run_statement("SELECT table_name FROM information_schema.tables WHERE table_schema = ?"
                    " AND table_type = 'BASE TABLE'",
                    values, [&](const ServerRow& row) {
                      tables.emplace_back(row.text(0));
                      return true;
                    }));
  STELE_CHECK(command("SET SESSION foreign_key_checks = 0"));
  result<void> done;
  for (const std::string& table : tables)
    if (done) done = command("DELETE FROM " + backticked(table));
  STELE_CHECK(command("SET SESSION foreign_key_checks = 1"));
  return done;
}

result<void> MariadbLink::make_tables(const std::string& schema) {
  STELE_TRY(const bool there, is_there());
  if (there) STELE_CHECK(command("DELETE FROM stele_checkpoint"));
  statements_.clear();
  const std::string name = backticked(space_);
  STELE_CHECK(command("DROP DATABASE IF EXISTS " + name + "; CREATE DATABASE " + name +
                      " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin; USE " + name));
  STELE_CHECK(command(std::string(mariadb_checkpoint_table)));
  STELE_CHECK(command(targets::parked_table_of(dialect())));
  if (auto made = command(schema); !made) return Error(made.error()).at("the projection's schema");
  return {};
}

result<void> MariadbLink::fresh_row(const std::string& schema) {
  const std::string nobody = to_string(Uuid{});
  const std::array<SqlValue, 2> values{nobody, schema};
  STELE_CHECK(run_statement("INSERT INTO stele_checkpoint VALUES(1, 0, 0, ?, ?)", values,
                            [](const ServerRow&) { return true; }));
  return {};
}

// ---- Spaces

result<bool> MariadbLink::has_table(const std::string& space, const std::string& table) {
  const std::array<SqlValue, 2> values{space, table};
  STELE_TRY(const std::string found, one_text("SELECT 1 FROM information_schema.tables WHERE table_schema = ?"
                                              " AND table_name = ?",
                                              values));
  return !found.empty();
}

// Kept statements mean the tables of the space they were prepared in.
result<void> MariadbLink::enter(const std::string& space) {
  statements_.clear();
  space_ = space;
  return command("USE " + backticked(space));
}

result<std::vector<std::string>> MariadbLink::spaces_beginning_with(const std::string& name) {
  const std::array<SqlValue, 2> values{name, name};
  std::vector<std::string> found;
  STELE_CHECK(
      run_statement("SELECT schema_name FROM information_schema.schemata"
                    " WHERE left(schema_name, char_length(?)) = ?",
                    values, [&](const ServerRow& row) {
                      found.emplace_back(row.text(0));
                      return true;
                    }));
  return found;
}

// Somebody may still be reading there. They are not waited for long: whoever drops holds up the projection.
result<void> MariadbLink::drop_space(const std::string& space) {
  STELE_CHECK(command("SET SESSION lock_wait_timeout = 1"));
  auto dropped = command("DROP DATABASE IF EXISTS " + backticked(space));
  STELE_CHECK(command("SET SESSION lock_wait_timeout = DEFAULT"));
  return dropped;
}

// ---- The lease

result<std::optional<std::string>> MariadbLink::take_lock(const std::string& name) {
  const std::array<SqlValue, 1> values{name};
  STELE_TRY(const std::string taken, one_text("SELECT GET_LOCK(concat('stele ', md5(?)), 0)", values));
  if (targets::integer_in(taken) == 1) return std::optional<std::string>{};
  STELE_TRY(
      const std::string holder,
      one_text("SELECT coalesce(concat('server connection ', IS_USED_LOCK(concat('stele ', md5(?)))), '')",
               values));
  return std::optional(holder);
}

void MariadbLink::release_lock(const std::string& name) {
  const std::array<SqlValue, 1> values{name};
  (void)one_text("SELECT RELEASE_LOCK(concat('stele ', md5(?)))", values).has_value();
}

}  // namespace

result<std::shared_ptr<ServerTarget>> ServerTarget::open(const MariadbServer& server,
                                                         ServerProjection projection) {
  const auto connect = [server](const std::string& space) { return MariadbLink::connect(server, space); };
  return open_by(connect, std::move(projection), std::nullopt);
}

result<std::shared_ptr<ServerTarget>> ServerTarget::scratch(const MariadbServer& server,
                                                            ServerProjection projection) {
  const auto connect = [server](const std::string& space) { return MariadbLink::connect(server, space); };
  const std::string space = targets::scratch_space_of(projection.name);
  return open_by(connect, std::move(projection), space);
}

}  // namespace stele
