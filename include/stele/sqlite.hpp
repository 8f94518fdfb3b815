// sqlite.hpp - read models in SQLite: one file per projection and version, tables of your own, plain SQL. The
// embedded default; not a query builder, and no header of SQLite's is needed.
//
// The file is <models>/<name>-v<version>.db in write-ahead mode: readers never block the projection and never
// see half a batch. It is synced lazily (synchronous=NORMAL): a power cut may take back the last commits,
// always model and checkpoint together, and the events are in the log, so they are simply applied again.
// Paying for a sync per batch would buy nothing.
//
// A rebuild makes <name>-v<version>.1.db, .2.db, ... beside it; <name>-v<version>.serving names the one that
// serves. Which process writes them is settled by a lock of the kernel on <name>-v<version>.lock, which ends with
// the process.
//
// A file that is damaged, or whose schema text differs from the declared one, is emptied and built anew;
// note() says so. Files of older versions are left alone: going back to the old program finds its model
// again.
//
//   auto target = stele::SqliteTarget::open("data/models", stele::sqlite_projection<Balances>());
//   ...                                                        // a Runner keeps it up to date (projection.hpp)
//   STELE_TRY(auto now, (*target)->snapshot());
//   STELE_CHECK(now.each("SELECT account, cents FROM balance WHERE cents > ?", {Money::from_units(100'000)},
//                        [](const stele::SqlRow& row) { ... row.text(0), row.integer(1) ... }));
//   now.position()                                             // what these rows reflect
//
// There is no floating point here, on purpose: money and other exact numbers are stored as integer units
// (anything with units() binds as such), and declaring tables STRICT makes SQLite refuse anything else.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "stele/projection.hpp"

namespace stele {

namespace targets {
struct Model;
class Sums;
}  // namespace targets

// ---- Values in and out

// A parameter of a statement: nothing, an integer, or text. What a program has in its hands converts by itself:
// integers and positions, times (as microseconds since 1970), exact decimals (as their units: 12.50 is stored as
// 1250), optionals (empty is NULL), texts of all kinds. There is no way from a double to here. An unsigned number
// above 2^63 wraps, as SQLite knows signed integers only. Text is borrowed until the call returns.
// NOLINTBEGIN(google-explicit-constructor): values are written in braces, {account, amount, at.revision}
class SqlValue {
 public:
  SqlValue(std::nullptr_t) {}
  template <std::integral T>
  SqlValue(T number) : value_(static_cast<std::int64_t>(number)) {}
  SqlValue(std::string_view text) : value_(text) {}
  SqlValue(const std::string& text) : value_(std::string_view(text)) {}
  SqlValue(const char* text) : value_(std::string_view(text)) {}
  SqlValue(Position at) : SqlValue(at.value()) {}
  SqlValue(Revision at) : SqlValue(at.value()) {}
  SqlValue(Timestamp at) : SqlValue(at.time_since_epoch().count()) {}
  template <class T>
    requires requires(const T& exact) {
      { exact.units() } -> std::convertible_to<std::int64_t>;
    }
  SqlValue(const T& exact) : SqlValue(static_cast<std::int64_t>(exact.units())) {}
  template <class T>
  SqlValue(const std::optional<T>& maybe) {
    if (maybe) *this = SqlValue(*maybe);
  }

  // Empty: NULL.
  [[nodiscard]] const std::variant<std::monostate, std::int64_t, std::string_view>& get() const {
    return value_;
  }

 private:
  std::variant<std::monostate, std::int64_t, std::string_view> value_;
};
// NOLINTEND(google-explicit-constructor)
using SqlValues = std::initializer_list<SqlValue>;

// One row, borrowed during the callback: keep copies, not views. Columns count from 0, in the order of the SELECT; a
// column that is not there is a mistake in the program and ends it. integer() of a NULL is 0, text() of one is
// empty: ask is_null() where that is a difference.
class SqlRow {
 public:
  // Exact 64 bits; money is kept as its units, so Money::from_units(row.integer(2)).
  [[nodiscard]] std::int64_t integer(int column) const;
  // Also of a blob: any bytes, valid during the callback only.
  [[nodiscard]] std::string_view text(int column) const;
  // For rows whose columns are not known to the program: how many, what they are called, and each as JSON text
  // (whole numbers digit for digit, blobs as {"base64":"..."}).
  [[nodiscard]] int columns() const;
  [[nodiscard]] std::string_view name(int column) const;
  [[nodiscard]] std::string json(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  // Of an integer column that holds microseconds since 1970, as SqlValue(Timestamp) writes it. Not of a text
  // column: parse that with parse_time() (types.hpp).
  [[nodiscard]] Timestamp time(int column) const {
    return Timestamp(std::chrono::microseconds(integer(column)));
  }

 private:
  friend class SqlReader;
  explicit SqlRow(const void* statement) : statement_(statement) {}
  const void* statement_;
};

// Asking questions in SQL, values by `?` in order or by number (`?1`). Statements are prepared once per
// connection and kept, so write them as constants and pass values as values: a text put together from values is
// slow, fills the memory and is how injections happen. Errors: invalid (wrong SQL, a wrong number of values, a
// statement that changes something), busy (the same statement asked inside its own callback), corrupt,
// unavailable.
class SqlReader {
 public:
  // Calls `row` for every row, in the order of the query.
  result<void> each(std::string_view sql, SqlValues values, const std::function<void(const SqlRow&)>& row);
  // The same with values whose number is not known to the program, until `row` says that it is enough (false).
  result<void> each(std::string_view sql, std::span<const SqlValue> values,
                    const std::function<bool(const SqlRow&)>& row);
  // For at most one row: whether there was one.
  result<bool> first(std::string_view sql, SqlValues values, const std::function<void(const SqlRow&)>& row);

 protected:
  explicit SqlReader(void* connection, targets::Sums* sums = nullptr)
      : connection_(connection), sums_(sums) {}
  ~SqlReader() = default;
  SqlReader(SqlReader&&) noexcept = default;
  SqlReader& operator=(SqlReader&&) noexcept = default;
  result<void> execute(std::string_view sql, std::span<const SqlValue> values, bool only_reads,
                       const std::function<bool(const SqlRow&)>& go_on);
  void* connection_;
  targets::Sums* sums_;  // of a model; null elsewhere
};

// The model while a batch is being applied; what project() gets. It sees its own changes, queries do not
// before the commit. Never begin, commit or roll back in it.
class SqliteModel : public SqlReader {
 public:
  // INSERT, UPDATE, DELETE: the number of rows they touched. Errors: conflict (a constraint of the schema), invalid,
  // disk_full. Pass them on: the batch is rolled back and tried again.
  result<std::int64_t> run(std::string_view sql, SqlValues values);
  result<std::int64_t> run(std::string_view sql, std::span<const SqlValue> values);
  // For sums: run() with the keys and then the amounts as values, but kept back, and run once for each different list
  // of keys with the amounts added up: before any other statement here, and at the commit. So a row that a thousand
  // events add to is written once, and building a model from the past is several times faster:
  //
  //   model.add("INSERT INTO balance VALUES(?1, ?2) ON CONFLICT(account) DO UPDATE SET cents = cents + excluded.cents",
  //             {at.stream}, {event.amount});
  //
  // The statement must come to the same either way, and so must the order of several such statements. Amounts are
  // whole numbers. What the schema says about a sum (a CHECK) holds for what is written, not for what was between:
  // where that matters, run(). An amount that is refused is found again by running one by one.
  result<void> add(std::string_view sql, SqlValues keys, SqlValues amounts);
  result<void> add(std::string_view sql, std::span<const SqlValue> keys, std::span<const SqlValue> amounts);
  // Reports a key as changed; listeners of Runner::on_change get it after the commit.
  void changed(std::string_view key);

 private:
  friend class SqliteTarget;
  SqliteModel(void* connection, std::vector<std::string>* keys, targets::Sums* sums)
      : SqlReader(connection, sums), keys_(keys) {}
  std::vector<std::string>* keys_;
};

// A consistent look at the model: all questions asked of one snapshot see the same state, and position() says
// which. Holds a connection of the target's pool; keep it for one answer, not for longer (the file cannot be
// tidied while it is held). One thread at a time; must not outlive the target.
class SqliteSnapshot : public SqlReader {
 public:
  SqliteSnapshot(SqliteSnapshot&&) noexcept;
  SqliteSnapshot& operator=(SqliteSnapshot&&) = delete;
  ~SqliteSnapshot();
  // Everything up to here is in the rows; nothing after it is.
  [[nodiscard]] Position position() const { return position_; }
  // Questions that take longer from now on end with `timeout`. Zero, the beginning: they take their time.
  void give_up_after(std::chrono::milliseconds time);

 private:
  friend class SqliteTarget;
  SqliteSnapshot(void* connection, Position position, std::function<void()> give_back);
  Position position_;
  std::function<void()> give_back_;
};

// ---- The projection and its file

// What to project, and how. The typed form below fills it in; by hand it serves projections whose types are not
// known to the compiler. project() must depend on the model and the event alone - no clock, no network, nothing
// remembered in between - or building the model anew would give another one.
struct SqliteProjection {
  std::string name;    // a-z, 0-9, '_', '-': it becomes part of a file name
  int version = 1;     // from 1
  std::string schema;  // CREATE statements, run once in an empty file; names starting with "stele_" are ours
  Query events;
  std::function<result<void>(SqliteModel&, const EventView&)> project;
};

// From the typed form (see projection.hpp): P has name, version, schema, Events, and a project() for each of them;
// optionally a category or several (categories), whose streams alone it listens to.
template <class P>
SqliteProjection sqlite_projection() {
  return {.name = std::string(P::name),
          .version = P::version,
          .schema = std::string(P::schema),
          .events = events_of<P>(),
          .project = project_event<P, SqliteModel>};
}

class SqliteTarget final : public ProjectionTarget {
 public:
  // Makes the folder and the file when they are missing. Errors: invalid (name, version, or the schema's
  // SQL), busy (the file belongs to another process), denied, disk_full, unavailable.
  static result<std::shared_ptr<SqliteTarget>> open(const std::filesystem::path& models,
                                                    SqliteProjection projection);
  // In memory, gone with the object: for asking the same questions of the past. One thread, one snapshot at a
  // time.
  static result<std::shared_ptr<SqliteTarget>> scratch(SqliteProjection projection);
  ~SqliteTarget() override;

  // Copies a model of the same projection over this one, which must be a scratch one: what was there is gone.
  result<void> become(SqliteTarget& other);
  // The same from and to a file, which is replaced as a whole. Errors of load: not_found, invalid (another schema),
  // corrupt; what was there before may be gone then.
  result<void> load(const std::filesystem::path& file);
  result<void> save(const std::filesystem::path& file);

  // The model as it is now, and which position that is. Safe from any thread, also while a batch is being applied:
  // the batch is in it completely or not at all. Answers that must hold a certain write wait for it first
  // (Runner::wait, notify_at) and take the snapshot afterwards. Errors: unavailable, corrupt.
  result<SqliteSnapshot> snapshot();
  [[nodiscard]] std::filesystem::path file() const;  // of the model that serves; empty: in memory

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
  [[nodiscard]] bool takes_long_batches() const override { return true; }
  void passed(Position position) override;
  [[nodiscard]] ProjectionParking* parking() override;
  [[nodiscard]] ProjectionLease* lease() override;
  [[nodiscard]] SideBySide* side_by_side() override;
  [[nodiscard]] ProjectionTrial* trial() override;

 private:
  struct Impl;
  static result<SqliteSnapshot> look(targets::Model& model, void* connection,
                                     std::function<void()> give_back);
  explicit SqliteTarget(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// ---- The past

// One projection's model as of any earlier position: folded from the log into memory, beginning with the nearest
// earlier version that is still there. The answers are those that the model itself would have given then.
//
// A few versions stay in memory, and those that took long to fold are kept in files; both are bounded, and both can be
// lost at any time. A model that does not fit into memory cannot be asked like this.
//
//   SqlitePast past(*store, stele::sqlite_projection<Balances>(), {.folder = "data/past"});
//   STELE_TRY(const auto then, stele::position_of(*store, *stele::parse_moment("2026-03-01")));
//   STELE_CHECK(past.ask(then, [](stele::SqliteSnapshot& model) { return model.each(...); }));
//
// Threading: any; questions are answered one after the other.
class SqlitePast {
 public:
  struct Options {
    std::filesystem::path folder{};     // empty: nothing is kept in files
    std::size_t in_memory = 4;          // versions, at least 1
    std::size_t files = 16;             // versions
    std::uint64_t bytes = 1ull << 30;   // of all files together
    std::uint64_t keep_after = 10'000;  // positions that were folded at a stretch: fewer are not worth a file
  };
  struct Counts {
    std::uint64_t questions = 0;
    std::uint64_t folded = 0;  // positions gone through for all of them
    std::uint64_t saved = 0;   // versions written to files
    std::uint64_t loaded = 0;  // and read from there
  };

  // The store must outlive it.
  SqlitePast(EventStore& store, SqliteProjection projection, Options options);
  ~SqlitePast();
  // `at` behind the head is the head. The snapshot's position is `at`; it must not be kept. Errors: those of the
  // projection and of the question.
  result<void> ask(Position at, const std::function<result<void>(SqliteSnapshot&)>& question);
  [[nodiscard]] Counts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- Lineage: which event made which row

// One change of one row, made by the event at `position`.
struct LineageChange {
  Position position;
  std::string table;
  std::string key;                    // the row's primary key as a JSON array, or its row id: ["acct-42"]
  std::optional<std::string> before;  // the row as a JSON object; nothing: it was not there
  std::optional<std::string> after;   // nothing: it was deleted
  bool operator==(const LineageChange&) const = default;
};

// The same projection, writing down every change of every row in its model. It costs a row of its own, with the whole
// new row as JSON, for every row that changes: expect a third to a sixth of the speed. Turning it on
// or off changes the schema, so the model is built anew. A row that REPLACE removes because of another key than its
// own primary key goes unnoticed.
[[nodiscard]] result<SqliteProjection> with_lineage(SqliteProjection projection);
// What happened to a row, oldest first; empty when nothing did. Errors: invalid (the model has no lineage).
[[nodiscard]] result<std::vector<LineageChange>> lineage_of_row(SqliteSnapshot& model, std::string_view table,
                                                                std::string_view key, std::uint64_t limit);
// What an event changed, in its order.
[[nodiscard]] result<std::vector<LineageChange>> lineage_of_event(SqliteSnapshot& model, Position event,
                                                                  std::uint64_t limit);

}  // namespace stele
