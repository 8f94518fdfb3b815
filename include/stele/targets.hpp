// targets.hpp - read models in PostgreSQL, MariaDB, Redis and Memcached, kept by the same runner as those in
// SQLite (sqlite.hpp). Not a database layer: a projection writes the statements of its database by itself.
//
// What each of them promises, beyond "in order" and "no silence" (projection.hpp)
//
//              an event counts once because          readers see            a batch that fails
//   PostgreSQL the checkpoint commits with the rows  whole batches          leaves nothing
//   MariaDB    the same (InnoDB tables)              whole batches          leaves nothing
//   Redis      one script holds batch and checkpoint whole batches          leaves nothing, unless a command in the
//                                                                           middle is wrong: then all is built anew
//   Memcached  every value carries its position      values, each as it is  leaves what it wrote, which is then skipped
//
// A lost connection is `unavailable`: the runner waits and tries again, and a new connection is made. Where it cannot
// be known whether a batch was committed, the stored checkpoint is read again and says so: nothing is applied twice.
// A server that has forgotten batches it had accepted (Redis without an append-only file, Memcached after a restart)
// is noticed by the checkpoint that went back: `conflict`, and start() goes on from what is there. Two processes that
// project into one model are noticed in the same way: the second to commit gets `conflict`.
//
// In PostgreSQL or MariaDB, a projection is declared as for SQLite, with ServerModel in place of SqliteModel:
//
//   struct Balances {
//     static constexpr std::string_view name = "balances";
//     static constexpr int version = 1;
//     static constexpr std::string_view schema = "CREATE TABLE balance(account TEXT PRIMARY KEY, cents BIGINT)";
//     using Events = stele::events<MoneyDeposited>;
//     static stele::result<void> project(stele::ServerModel& m, const MoneyDeposited& e, const stele::EventView& at) {
//       STELE_CHECK(m.run("INSERT INTO balance VALUES($1, $2) ON CONFLICT(account) DO UPDATE"
//                         " SET cents = balance.cents + excluded.cents", {at.stream, e.amount}));
//       return {};
//     }
//   };
//   STELE_TRY(auto target, stele::ServerTarget::open(stele::PostgresServer{"host=db dbname=shop user=stele"},
//                                                    stele::server_projection<Balances>()));
//   STELE_TRY(stele::Runner* balances, projections.add(target));
//   STELE_TRY(auto now, target->snapshot());
//   STELE_CHECK(now.each("SELECT account, cents FROM balance WHERE cents > $1", {100'000},
//                        [](const stele::ServerRow& row) { ... row.text(0), row.integer(1) ... }));
//
// In Redis and Memcached there are keys in place of tables:
//
//   [](stele::RedisModel& model, const stele::EventView& event) -> stele::result<void> {
//     model.run({"HINCRBY", model.key("times"), event.stream, 1});
//     return {};
//   }
//   [](stele::MemcachedModel& model, const stele::EventView& event) {
//     return model.update(event.stream, [&](auto was) { return std::string(was.value_or("")) + "|"; });
//   }
//
// What a target offers besides (projection.hpp): all four have lease(), so that of several processes one works, and
// parking(), so that one bad event need not stop the others. PostgreSQL and MariaDB have side_by_side(): another model
// is built beside the one that serves, then they are switched. For the other two raise the version: it takes names of
// its own everywhere.
//
// Threading: as projection.hpp says of targets; the reading members are safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stele/projection.hpp"
#include "stele/sqlite.hpp"  // SqlValue

namespace stele {

namespace targets {
class SqlLink;
class RedisBatch;
class MemcachedBatch;
}  // namespace targets

// ---- PostgreSQL and MariaDB: where they are

// The words of libpq, "host=/var/run/postgresql dbname=shop user=stele" or a postgresql:// address; what is not said
// comes from the environment (PGHOST, PGPASSWORD, ...). The role must be allowed to create schemas in the database.
struct PostgresServer {
  std::string connection;
};

// The user must be allowed to create databases. A socket, where given, is taken instead of host and port.
struct MariadbServer {
  std::string host = "127.0.0.1";
  std::uint16_t port = 3306;
  std::string user;
  std::string password;
  std::string socket;
};

enum class SqlDialect : std::uint8_t { postgres, mariadb };

// ---- PostgreSQL and MariaDB: asking and writing

// One row, borrowed during the callback. Columns count from 0; a column that is not there is a mistake in the program
// and ends it, and so is integer() of what is none. NULL is 0 and the empty text.
class ServerRow {
 public:
  using Cells = std::span<const std::optional<std::string_view>>;
  explicit ServerRow(Cells cells) : cells_(cells) {}
  [[nodiscard]] std::int64_t integer(int column) const;
  // As the server writes it: "12.50" of a NUMERIC, "t" of a PostgreSQL boolean.
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  // Of an integer column that holds microseconds since 1970, as SqlValue(Timestamp) writes it.
  [[nodiscard]] Timestamp time(int column) const {
    return Timestamp(std::chrono::microseconds(integer(column)));
  }

 private:
  Cells cells_;
};

// Questions in the server's own SQL; values by `$1` (PostgreSQL) or `?` (MariaDB). Statements are prepared once per
// connection and kept: write them as constants. Values are what SqlValue takes; PostgreSQL refuses a text with a NUL
// byte, both refuse what is not UTF-8. Errors: invalid (wrong SQL, a wrong number of values), conflict (a
// constraint), too_large, denied, busy (deadlocks, locks), disk_full, unavailable (no connection).
class ServerReader {
 public:
  // All rows are fetched before the first is shown, so other questions may be asked meanwhile.
  result<void> each(std::string_view sql, SqlValues values, const std::function<void(const ServerRow&)>& row);
  // For at most one row: whether there was one.
  result<bool> first(std::string_view sql, SqlValues values,
                     const std::function<void(const ServerRow&)>& row);

 protected:
  explicit ServerReader(targets::SqlLink* link) : link_(link) {}
  ~ServerReader() = default;
  targets::SqlLink* link_;
};

// The model while a batch is being applied; what project() gets. It sees its own changes, readers do not before the
// commit. Never begin, commit or roll back in it, and in MariaDB no CREATE or DROP, which commit by themselves.
class ServerModel : public ServerReader {
 public:
  // INSERT, UPDATE, DELETE: the number of rows they touched (MariaDB counts 2 for a row that ON DUPLICATE KEY
  // changed).
  result<std::int64_t> run(std::string_view sql, SqlValues values);
  // A new row by the quick way, for projections that only add rows: kept here and sent in blocks, by COPY in
  // PostgreSQL and as long INSERTs in MariaDB. Every other statement, and the commit, sends them first; so an error of
  // a row may come with a later call. `columns` is a list as in INSERT: "account, at, cents".
  result<void> copy(std::string_view table, std::string_view columns, SqlValues row);
  // Reports a key as changed; listeners of Runner::on_change get it after the commit.
  void changed(std::string_view key);
  [[nodiscard]] SqlDialect dialect() const;

 private:
  friend class ServerTarget;
  ServerModel(targets::SqlLink* link, std::vector<std::string>* keys) : ServerReader(link), keys_(keys) {}
  std::vector<std::string>* keys_;
};

// A consistent look: all questions asked of one snapshot see the same state, and position() says which. It holds a
// connection and an open transaction: keep it for one answer. One thread at a time; must not outlive the target.
class ServerSnapshot : public ServerReader {
 public:
  ServerSnapshot(ServerSnapshot&& other) noexcept;
  ServerSnapshot& operator=(ServerSnapshot&&) = delete;
  ~ServerSnapshot();
  [[nodiscard]] Position position() const { return position_; }

 private:
  friend class ServerTarget;
  ServerSnapshot(targets::SqlLink* link, std::function<void()> give_back)
      : ServerReader(link), give_back_(std::move(give_back)) {}
  Position position_;
  std::function<void()> give_back_;
};

// ---- PostgreSQL and MariaDB: the projection and its place

// As SqliteProjection. The tables live in a schema (PostgreSQL) or database (MariaDB) of their own, <name>-v<version>,
// at most 63 characters, so that versions stand side by side; a model that was built anew beside the first one has
// <name>-v<version>-m<number>. Names in the SQL need no prefix. Keys of text compare byte by byte in both. In MariaDB
// do not use AUTO_INCREMENT for anything shown: its counters survive reset().
struct ServerProjection {
  std::string name;  // a-z, 0-9, '_', '-'
  int version = 1;
  std::string schema;  // CREATE statements of the server's dialect; names starting with "stele_" are ours
  Query events;
  std::function<result<void>(ServerModel&, const EventView&)> project;
};

// From the typed form (projection.hpp), as sqlite_projection<P>().
template <class P>
ServerProjection server_projection() {
  return {.name = std::string(P::name),
          .version = P::version,
          .schema = std::string(P::schema),
          .events = events_of<P>(),
          .project = project_event<P, ServerModel>};
}

class ServerTarget final : public ProjectionTarget {
 public:
  // Makes schema or database when they are missing, and builds anew (note() says so) when the schema's text has
  // changed. Errors: invalid (name, version, the schema's SQL), denied, not_found (the database), unavailable.
  static result<std::shared_ptr<ServerTarget>> open(const PostgresServer& server,
                                                    ServerProjection projection);
  static result<std::shared_ptr<ServerTarget>> open(const MariadbServer& server, ServerProjection projection);
  // Gone with the object, for asking the same questions of the past: temporary tables in PostgreSQL, a database of
  // its own in MariaDB (a killed process leaves it behind: <name>-scratch-...). One thread, one snapshot at a time.
  static result<std::shared_ptr<ServerTarget>> scratch(const PostgresServer& server,
                                                       ServerProjection projection);
  static result<std::shared_ptr<ServerTarget>> scratch(const MariadbServer& server,
                                                       ServerProjection projection);
  ~ServerTarget() override;

  // As SqliteTarget::snapshot(). A model that is being made anew by another process is `unavailable`.
  result<ServerSnapshot> snapshot();

  [[nodiscard]] const std::string& name() const override;
  [[nodiscard]] int version() const override;
  [[nodiscard]] const Query& events() const override;
  [[nodiscard]] std::string note() const override;
  result<Checkpoint> checkpoint() override;
  result<void> reset() override;
  result<void> begin() override;
  result<void> apply(const EventView& event) override;
  result<std::vector<std::string>> commit(const Checkpoint& now) override;
  void rollback() override;
  void passed(Position position) override;
  // A transaction of any length is the server's to hold.
  [[nodiscard]] bool takes_long_batches() const override { return true; }
  [[nodiscard]] ProjectionParking* parking() override;
  [[nodiscard]] ProjectionLease* lease() override;
  [[nodiscard]] SideBySide* side_by_side() override;

 private:
  struct Impl;
  using Connect = std::function<result<std::unique_ptr<targets::SqlLink>>(const std::string& space)>;
  explicit ServerTarget(std::unique_ptr<Impl> impl);
  static result<std::shared_ptr<ServerTarget>> open_by(Connect connect, ServerProjection projection,
                                                       std::optional<std::string> scratch);
  std::unique_ptr<Impl> impl_;
};

// ---- Redis

struct RedisServer {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string user;      // empty: the default user
  std::string password;  // empty: none is sent
  int database = 0;
};

// What Redis answers: nothing, a number, a text, or a list of these.
struct RedisValue {
  std::optional<std::string> text;  // numbers, too, in decimal
  std::vector<RedisValue> list;
  [[nodiscard]] bool is_null() const { return !text && list.empty(); }
  // 0 of nothing and of what is no number.
  [[nodiscard]] std::int64_t integer() const;
};

// The model while a batch is being applied. Commands are kept and sent together at the commit, so none of them is
// answered here: say what changes (HINCRBY, SADD, ZADD, ...), and where the old value matters, say it in Lua.
class RedisModel {
 public:
  // The full name of a key of this model: "{balances-v2}:" and yours. Touch no other keys; names that begin with
  // "stele" are ours.
  [[nodiscard]] std::string key(std::string_view name) const;
  // run({"HINCRBY", model.key("cents"), account, 500}). A command that Redis refuses in the middle of a batch
  // (WRONGTYPE) cannot be taken back there: the commit is `invalid`, the model is of no use, and checkpoint(), which
  // start() calls, empties it.
  void run(std::initializer_list<SqlValue> words);
  // The body of a Lua function of KEYS and ARGV, as for EVAL, run inside the batch.
  void script(std::string_view lua, std::initializer_list<std::string> keys,
              std::initializer_list<SqlValue> arguments);
  void changed(std::string_view key);

 private:
  friend class RedisTarget;
  explicit RedisModel(targets::RedisBatch* batch) : batch_(batch) {}
  targets::RedisBatch* batch_;
};

struct RedisProjection {
  std::string name;  // a-z, 0-9, '_', '-': it becomes part of every key
  int version = 1;
  Query events;
  std::function<result<void>(RedisModel&, const EventView&)> project;
};

// Answers of one moment.
struct RedisLook {
  Position position;  // everything up to here is in the answers; nothing after it is
  std::vector<RedisValue> answers;
};

// Needs Redis 7. One round trip per batch. How durable the model is, is the server's configuration; when it comes back
// older, events are applied again from the checkpoint it comes back with.
class RedisTarget final : public ProjectionTarget {
 public:
  static result<std::shared_ptr<RedisTarget>> open(const RedisServer& server, RedisProjection projection);
  // Under a prefix of its own, deleted with the object.
  static result<std::shared_ptr<RedisTarget>> scratch(const RedisServer& server, RedisProjection projection);
  ~RedisTarget() override;

  // As RedisModel::key.
  [[nodiscard]] std::string key(std::string_view name) const;
  // All commands in one MULTI with the checkpoint: look({{"HGET", key("cents"), account}}). Any thread.
  result<RedisLook> look(std::initializer_list<std::initializer_list<SqlValue>> commands);

  [[nodiscard]] const std::string& name() const override;
  [[nodiscard]] int version() const override;
  [[nodiscard]] const Query& events() const override;
  [[nodiscard]] std::string note() const override;
  result<Checkpoint> checkpoint() override;
  // In one script: other clients wait while it looks through the keys of the database, about a second per million.
  result<void> reset() override;
  result<void> begin() override;
  result<void> apply(const EventView& event) override;
  result<std::vector<std::string>> commit(const Checkpoint& now) override;
  void rollback() override;
  void passed(Position position) override;
  [[nodiscard]] ProjectionParking* parking() override;
  [[nodiscard]] ProjectionLease* lease() override;

 private:
  struct Impl;
  explicit RedisTarget(std::unique_ptr<Impl> impl);
  static result<std::shared_ptr<RedisTarget>> open_at(const RedisServer& server, RedisProjection projection,
                                                      const std::string& space, bool scratch);
  std::unique_ptr<Impl> impl_;
};

// ---- Memcached

struct MemcachedServer {
  std::string host = "127.0.0.1";
  std::uint16_t port = 11211;
};

// The model while a batch is being applied: values by key, each changed by itself.
class MemcachedModel {
 public:
  // What the value was (nothing: there is none) to what it becomes (nothing: it is removed). Called at once, unless
  // the stored value has seen this event already. Keys: up to 180 bytes without blanks and control characters.
  // Errors: invalid (the key), too_large (beyond the server's item size, 1 MiB unless it was started with -I).
  using Change = std::function<std::optional<std::string>(std::optional<std::string_view> was)>;
  result<void> update(std::string_view key, const Change& change);
  void changed(std::string_view key);

 private:
  friend class MemcachedTarget;
  explicit MemcachedModel(targets::MemcachedBatch* batch) : batch_(batch) {}
  targets::MemcachedBatch* batch_;
};

struct MemcachedProjection {
  std::string name;  // a-z, 0-9, '_', '-', at most 40 of them: it becomes part of every key
  int version = 1;
  Query events;
  std::function<result<void>(MemcachedModel&, const EventView&)> project;
};

struct MemcachedValue {
  std::optional<std::string> value;
  Position position;  // of the last event that changed it
};

// A cache, kept warm and exact. There is no transaction: values are compared and swapped one by one, then the
// checkpoint, so a reader may see one value of a batch and not yet another. A server that runs short of memory
// forgets values unless it was started with -M (then it refuses, `disk_full`); note() says which it is. After a
// restart everything is gone, the checkpoint with it, and the model is built again.
class MemcachedTarget final : public ProjectionTarget {
 public:
  static result<std::shared_ptr<MemcachedTarget>> open(const MemcachedServer& server,
                                                       MemcachedProjection projection);
  // Under keys of its own, which expire after an hour.
  static result<std::shared_ptr<MemcachedTarget>> scratch(const MemcachedServer& server,
                                                          MemcachedProjection projection);
  ~MemcachedTarget() override;

  // Any thread.
  result<MemcachedValue> get(std::string_view key);

  [[nodiscard]] const std::string& name() const override;
  [[nodiscard]] int version() const override;
  [[nodiscard]] const Query& events() const override;
  [[nodiscard]] std::string note() const override;
  result<Checkpoint> checkpoint() override;
  // Takes other keys from now on; the old values stay until the server needs their room.
  result<void> reset() override;
  result<void> begin() override;
  result<void> apply(const EventView& event) override;
  result<std::vector<std::string>> commit(const Checkpoint& now) override;
  void rollback() override;
  void passed(Position position) override;
  [[nodiscard]] ProjectionParking* parking() override;
  [[nodiscard]] ProjectionLease* lease() override;

 private:
  struct Impl;
  explicit MemcachedTarget(std::unique_ptr<Impl> impl);
  static result<std::shared_ptr<MemcachedTarget>> open_as(const MemcachedServer& server,
                                                          MemcachedProjection projection,
                                                          const std::string& space, std::int64_t lifetime);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stele
