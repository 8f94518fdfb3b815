// log_query.cpp - a connection of its own for each question: what it may do, how long, and what it has answered.
#include "sql/log_query.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <new>

#include "base/assert.hpp"
#include "base/sqlite_functions.hpp"
#include "base/utf8.hpp"
#include "sql/tables.hpp"

namespace stele::sql {
namespace {

using QueryClock = std::chrono::steady_clock;

// Of one value, so that no function can ask for more than the largest event is.
constexpr int longest_value = 64 << 20;
constexpr int longest_sql = 1 << 20;
constexpr int steps_between_looks = 1000;

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct FinalizeQuery {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

// ---- What a question may do

constexpr std::string_view harmless_pragmas[] = {"table_info",    "table_xinfo", "table_list",
                                                 "function_list", "pragma_list", "module_list"};

bool is_harmless_pragma(const char* name) {
  return name && std::ranges::find(harmless_pragmas, std::string_view(name)) != std::end(harmless_pragmas);
}

// Reading, and nothing else. Whatever SQLite learns to do in another version is refused until it stands here.
int allow_reading(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return second && std::string_view(second) == "load_extension" ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
      return is_harmless_pragma(first) ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

// ---- Errors

struct Place {
  std::uint64_t line = 1;
  std::uint64_t column = 1;
};

Place place_in(std::string_view sql, std::size_t offset) {
  const auto before = sql.substr(0, offset);
  const auto line_start = before.rfind('\n');
  return {static_cast<std::uint64_t>(std::ranges::count(before, '\n')) + 1,
          before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1};
}

Error wrong_sql(sqlite3* db, int code, std::string_view sql) {
  if (code == SQLITE_NOMEM) throw std::bad_alloc();
  const std::string what = sqlite3_errmsg(db);
  if (code == SQLITE_AUTH || what.ends_with(" may not be modified"))
    return Error(errc::denied, "this SQL only reads: the statement would change something, or open a file")
        .help("write a SELECT; events are appended, never updated");
  const int offset = sqlite3_error_offset(db);
  if (offset < 0) return Error(errc::invalid, "SQL: " + what);
  const auto place = place_in(sql, static_cast<std::size_t>(offset));
  return Error(errc::invalid, "SQL line " + std::to_string(place.line) + " column " +
                                  std::to_string(place.column) + ": " + what)
      .with("line", place.line)
      .with("column", place.column);
}

// A zero in the text would end it for SQLite and not for whoever reads the log of questions.
result<void> check_text(std::string_view sql) {
  if (sql.size() > longest_sql) return Error(errc::too_large, "the SQL is longer than 1 MiB");
  if (!base::is_utf8(sql) || sql.find('\0') != std::string_view::npos)
    return Error(errc::invalid, "the SQL is not text in UTF-8");
  return {};
}

// ---- Parameters

void bind_one(sqlite3_stmt* statement, int index, const Parameter& value) {
  int code = SQLITE_OK;
  if (const auto* whole = std::get_if<std::int64_t>(&value))
    code = sqlite3_bind_int64(statement, index, *whole);
  else if (const auto* real = std::get_if<double>(&value))
    code = sqlite3_bind_double(statement, index, *real);
  else if (const auto* text = std::get_if<std::string>(&value))
    code = sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  STELE_ASSERT(code == SQLITE_OK || code == SQLITE_TOOBIG, "a value can be bound", index, code);
}

result<void> bind_parameters(sqlite3_stmt* statement, const Question& question) {
  const int count = sqlite3_bind_parameter_count(statement);
  std::vector<std::string_view> used;
  for (int i = 1; i <= count; ++i) {
    const char* name = sqlite3_bind_parameter_name(statement, i);
    if (!name || *name == '?')
      return Error(errc::invalid, "SQL: parameters have names here, write :name instead of ?");
    const std::string_view plain(name + 1);
    const auto given = std::ranges::find(question.parameters, plain,
                                         [](const auto& one) { return std::string_view(one.first); });
    if (given == question.parameters.end())
      return Error(errc::invalid, "SQL: there is no value for the parameter :" + std::string(plain))
          .with("parameter", std::string(plain));
    bind_one(statement, i, given->second);
    used.push_back(plain);
  }
  for (const auto& [name, value] : question.parameters) {
    if (std::ranges::find(used, std::string_view(name)) != used.end()) continue;
    return Error(errc::invalid, "SQL: no parameter is called :" + name).with("parameter", name);
  }
  return {};
}

// What a row is made of; names that come twice are told apart.
std::vector<std::string> column_names(sqlite3_stmt* statement) {
  std::vector<std::string> names;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const char* given = sqlite3_column_name(statement, i);
    const std::string plain(given ? given : "");
    std::string name = plain;
    for (int n = 2; std::ranges::find(names, name) != names.end(); ++n)
      name = plain + "_" + std::to_string(n);
    names.push_back(std::move(name));
  }
  return names;
}

std::vector<bool> json_columns(sqlite3_stmt* statement) {
  std::vector<bool> json;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const char* declared = sqlite3_column_decltype(statement, i);
    json.push_back(declared && std::string_view(declared) == "JSON TEXT");
  }
  return json;
}

}  // namespace

struct LogQuery::Impl {
  Question question;
  std::shared_ptr<LogView> view = std::make_shared<LogView>();
  std::unique_ptr<sqlite3, CloseDatabase> db;
  std::unique_ptr<sqlite3_stmt, FinalizeQuery> statement;  // after db: finalised first
  std::vector<std::string> columns;
  std::vector<bool> json;
  QueryClock::time_point ends_at;
  std::string cut_by;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  bool out_of_time = false;
  bool ended = false;

  [[nodiscard]] bool is_over() {
    const bool late = question.limits.time.count() > 0 && QueryClock::now() >= ends_at;
    if (late || (question.given_up && question.given_up())) out_of_time = true;
    return out_of_time;
  }

  result<void> open_database();
  result<void> prepare();
  result<bool> step();
  result<bool> cut(std::string_view by);
  [[nodiscard]] std::uint64_t size_of_row() const;
};

// LIKE as everywhere else but in SQLite: upper and lower case differ. So it can be looked up in the index.
result<void> LogQuery::Impl::open_database() {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(":memory:", &raw,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, nullptr);
  db.reset(raw);
  if (code != SQLITE_OK) return Error(errc::unavailable, "SQLite cannot be started");
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, longest_value);
  sqlite3_limit(raw, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_exec(raw, "PRAGMA case_sensitive_like=ON", nullptr, nullptr, nullptr);
  sqlite::add_functions(raw);
  add_events_table(raw, view);
  add_side_tables(raw, view);
  // SQLite writes a table down when it meets it first, which would be refused later.
  for (const char* table : {"events", "streams", "snapshots", "projector_checkpoints"}) {
    sqlite3_stmt* look = nullptr;
    sqlite3_prepare_v2(raw, (std::string("SELECT 1 FROM ") + table).c_str(), -1, &look, nullptr);
    sqlite3_finalize(look);
  }
  sqlite3_set_authorizer(raw, allow_reading, nullptr);
  sqlite3_progress_handler(
      raw, steps_between_looks, [](void* self) { return static_cast<Impl*>(self)->is_over() ? 1 : 0; }, this);
  return {};
}

result<void> LogQuery::Impl::prepare() {
  STELE_CHECK(check_text(question.sql));
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  const int code =
      sqlite3_prepare_v2(db.get(), question.sql.data(), static_cast<int>(question.sql.size()), &raw, &rest);
  statement.reset(raw);
  if (code != SQLITE_OK && view->failure) return *view->failure;
  if (code != SQLITE_OK) return wrong_sql(db.get(), code, question.sql);
  if (!raw)
    return Error(errc::invalid, "SQL: there is no statement").help("for example SELECT * FROM events");
  if (!sqlite3_stmt_readonly(raw)) return wrong_sql(db.get(), SQLITE_AUTH, question.sql);
  sqlite3_stmt* second = nullptr;
  const auto left = static_cast<int>(question.sql.data() + question.sql.size() - rest);
  const int more = sqlite3_prepare_v2(db.get(), rest, left, &second, nullptr);
  const std::unique_ptr<sqlite3_stmt, FinalizeQuery> unwanted(second);
  if (more != SQLITE_OK || second)
    return Error(errc::invalid, "SQL: one statement at a time").help("leave out what follows the first ';'");
  return bind_parameters(raw, question);
}

std::uint64_t LogQuery::Impl::size_of_row() const {
  std::uint64_t size = 0;
  for (int i = 0; i < sqlite3_column_count(statement.get()); ++i) {
    const int type = sqlite3_column_type(statement.get(), i);
    const bool has_bytes =
        type == SQLITE_TEXT || type == SQLITE_BLOB;  // asking a number would make it a text
    size += 8 + (has_bytes ? static_cast<std::uint64_t>(sqlite3_column_bytes(statement.get(), i)) : 0);
  }
  return size;
}

result<bool> LogQuery::Impl::cut(std::string_view by) {
  cut_by = by;
  ended = true;
  return false;
}

// The row behind the last one that fits is looked for, so that an answer is only called cut when there is more.
result<bool> LogQuery::Impl::step() {
  if (ended) return false;
  const int code = sqlite3_step(statement.get());
  if (code == SQLITE_DONE) {
    ended = true;
    return false;
  }
  if (code == SQLITE_ROW) {
    if (question.limits.rows > 0 && rows == question.limits.rows) return cut("row limit");
    const auto size = size_of_row();
    if (question.limits.bytes > 0 && rows > 0 && bytes + size > question.limits.bytes)
      return cut("size limit");
    bytes += size;
    ++rows;
    return true;
  }
  if (out_of_time && rows > 0) return cut("time limit");
  ended = true;
  if (out_of_time)
    return Error(errc::timeout, "no answer after " + std::to_string(question.limits.time.count()) +
                                    " ms and " + std::to_string(view->events_read) + " events read")
        .with("events_read", view->events_read)
        .help("narrow it by stream_id, category, event_type or global_position, or allow more time");
  if (view->failure) return *view->failure;
  return wrong_sql(db.get(), code, question.sql);
}

LogQuery::LogQuery(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogQuery::LogQuery(LogQuery&&) noexcept = default;
LogQuery& LogQuery::operator=(LogQuery&&) noexcept = default;
LogQuery::~LogQuery() = default;

result<LogQuery> LogQuery::open(LogSource source, Question question) {
  STELE_ASSERT(source.store != nullptr, "a question is put to a store", question.sql);
  auto impl = std::make_unique<Impl>();
  impl->question = std::move(question);
  impl->ends_at = QueryClock::now() + impl->question.limits.time;
  const auto head = source.store->head().position;
  impl->view->upto = source.as_of ? std::min(*source.as_of, head) : head;
  impl->view->source = std::move(source);
  impl->view->has_ended = [self = impl.get()] { return self->is_over(); };
  STELE_CHECK(impl->open_database());
  STELE_CHECK(impl->prepare());
  impl->columns = column_names(impl->statement.get());
  impl->json = json_columns(impl->statement.get());
  return LogQuery(std::move(impl));
}

result<bool> LogQuery::next() { return impl_->step(); }

sqlite::Cell LogQuery::cell(std::size_t column) const {
  STELE_ASSERT(column < impl_->columns.size() && !impl_->ended, "a value is looked at in its row", column);
  auto* statement = impl_->statement.get();
  const int at = static_cast<int>(column);
  using sqlite::Cell;
  Cell cell;
  switch (sqlite3_column_type(statement, at)) {
    case SQLITE_INTEGER:
      cell.kind = Cell::Kind::integer;
      cell.integer = sqlite3_column_int64(statement, at);
      break;
    case SQLITE_FLOAT:
      cell.kind = Cell::Kind::real;
      cell.real = sqlite3_column_double(statement, at);
      break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
      const bool text = sqlite3_column_type(statement, at) == SQLITE_TEXT;
      cell.kind = !text ? Cell::Kind::blob : impl_->json[column] ? Cell::Kind::json : Cell::Kind::text;
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, at));
      cell.bytes = {bytes ? bytes : "", static_cast<std::size_t>(sqlite3_column_bytes(statement, at))};
      break;
    }
    default:
      break;
  }
  return cell;
}

const std::vector<std::string>& LogQuery::columns() const { return impl_->columns; }
const std::string& LogQuery::cut_by() const { return impl_->cut_by; }
std::uint64_t LogQuery::rows() const { return impl_->rows; }
std::uint64_t LogQuery::events_read() const { return impl_->view->events_read; }
Position LogQuery::upto() const { return impl_->view->upto; }
const std::vector<std::string>& LogQuery::looks() const { return impl_->view->looks; }

}  // namespace stele::sql
