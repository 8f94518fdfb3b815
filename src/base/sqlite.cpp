// sqlite.cpp - the only translation unit that sees sqlite3.h for files and statements.
#include "base/sqlite.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "base/sqlite_functions.hpp"

namespace stele::sqlite {
namespace {

constexpr int sqlite_wait_ms = 5000;  // for another process that holds the lock, e.g. a backup

// Everything that is not named here is a mistake in the SQL, and so in the program or the question.
errc kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return errc::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return errc::busy;
    case SQLITE_FULL:
      return errc::disk_full;
    case SQLITE_READONLY:
      return errc::read_only;
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return errc::denied;
    case SQLITE_TOOBIG:
      return errc::too_large;
    case SQLITE_CONSTRAINT:
      return errc::conflict;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
      return errc::unavailable;
    default:
      return errc::invalid;
  }
}

// What to do about the file; the caller knows better about the rest.
std::string_view help_for(errc kind) {
  switch (kind) {
    case errc::corrupt:
      return "restore the file from a backup, or move it aside";
    case errc::busy:
      return "another process holds the file: retry, or end it";
    case errc::disk_full:
      return "free space and try again; nothing was changed";
    case errc::read_only:
      return "make the file and its folder writable";
    case errc::not_found:
      return "check the path";
    case errc::denied:
      return "check the rights on the file and its folders";
    case errc::unavailable:
      return "check the disk and the system's log";
    default:
      return "";
  }
}

// "Cannot open" has many reasons; the system call that failed names the one.
errc kind_of(sqlite3* db, int code) {
  if ((code & 0xff) != SQLITE_CANTOPEN || !db) return kind_of(code);
  switch (sqlite3_system_errno(db)) {
    case ENOENT:
    case ENOTDIR:
      return errc::not_found;
    case EACCES:
    case EPERM:
    case EISDIR:
      return errc::denied;
    case EROFS:
      return errc::read_only;
    default:
      return errc::unavailable;  // too many open files, for one
  }
}

// The facts name the file and SQLite's extended code; the message is SQLite's own. Out of memory is thrown, as
// everywhere.
Error sqlite_error(sqlite3* db, int code, const std::string& path) {
  if ((code & 0xff) == SQLITE_NOMEM) throw std::bad_alloc();
  const errc kind = kind_of(db, code);
  const char* text = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  auto error = Error(kind, path + ": " + text)
                   .with("path", path)
                   .with("sqlite", static_cast<std::uint64_t>(db ? sqlite3_extended_errcode(db) : code))
                   .help(std::string(help_for(kind)));
  const int offset = db ? sqlite3_error_offset(db) : -1;
  return offset < 0 ? error : std::move(error).with("sql_offset", static_cast<std::uint64_t>(offset));
}

// A path may hold characters that mean something in a URI.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%')
      uri += "%25";
    else if (c == '?')
      uri += "%3f";
    else if (c == '#')
      uri += "%23";
    else
      uri += c;
  }
  return uri + "?immutable=1";
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Statement::bind(int index, std::int64_t value) {
  const int code = sqlite3_bind_int64(statement_.get(), index, value);
  STELE_ASSERT(code == SQLITE_OK, "bind an integer", index, code, sqlite3_sql(statement_.get()));
}

// A null data pointer would bind NULL; an empty text is not NULL. A text that is too long shows at the step.
void Statement::bind(int index, std::string_view text) {
  const char* data = text.data() ? text.data() : "";
  const int code =
      sqlite3_bind_text64(statement_.get(), index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  STELE_ASSERT(code == SQLITE_OK || code == SQLITE_TOOBIG, "bind a text", index, code,
               sqlite3_sql(statement_.get()));
}

void Statement::bind_blob(int index, std::string_view bytes) {
  const char* data = bytes.data() ? bytes.data() : "";
  const int code = sqlite3_bind_blob64(statement_.get(), index, data, bytes.size(), SQLITE_STATIC);
  STELE_ASSERT(code == SQLITE_OK || code == SQLITE_TOOBIG, "bind a blob", index, code,
               sqlite3_sql(statement_.get()));
}

void Statement::bind_null(int index) {
  const int code = sqlite3_bind_null(statement_.get(), index);
  STELE_ASSERT(code == SQLITE_OK, "bind null", index, code, sqlite3_sql(statement_.get()));
}

// After an error SQLite wants a reset as well, and the message must be fetched before it.
result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3* db = sqlite3_db_handle(statement_.get());
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  const char* file = sqlite3_db_filename(db, "main");
  Error why = sqlite_error(db, code, file && *file ? file : ":memory:");
  if ((code & 0xff) == SQLITE_INTERRUPT) why = Error(errc::timeout, "the question took too long");
  sqlite3_reset(statement_.get());
  return why;
}

result<void> Statement::run() {
  STELE_TRY(const bool row, step());
  if (row) reset();
  return {};
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return {data ? data : "", static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string_view Statement::blob(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {data ? data : "", static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
int Statement::columns() const { return sqlite3_column_count(statement_.get()); }
std::string_view Statement::column_name(int column) const {
  const char* name = sqlite3_column_name(statement_.get(), column);
  return name ? name : "";
}

Cell Statement::cell(int column) const {
  switch (sqlite3_column_type(statement_.get(), column)) {
    case SQLITE_INTEGER:
      return {.kind = Cell::Kind::integer, .integer = integer(column)};
    case SQLITE_FLOAT:
      return {.kind = Cell::Kind::real, .real = sqlite3_column_double(statement_.get(), column)};
    case SQLITE_TEXT:
      return {.kind = Cell::Kind::text, .bytes = text(column)};
    case SQLITE_BLOB:
      return {.kind = Cell::Kind::blob, .bytes = blob(column)};
    default:
      return {};
  }
}

int Statement::parameters() const { return sqlite3_bind_parameter_count(statement_.get()); }
bool Statement::busy() const { return sqlite3_stmt_busy(statement_.get()) != 0; }
bool Statement::only_reads() const { return sqlite3_stmt_readonly(statement_.get()) != 0; }

// close_v2: a statement that outlives its connection turns it into a zombie instead of a leak.
void Connection::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

// NOMUTEX below: the owner holds a lock anyway, SQLite need not take another one in every call.
Connection::Connection(sqlite3* db, std::string path) : path_(std::move(path)), db_(db) {}

namespace {

// There SQLite says that it cannot open a file which is there, when its log's index would have to be made.
bool is_on_read_only_medium(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) &&
         ::access(folder.empty() ? "." : folder.c_str(), W_OK) != 0 && errno == EROFS;
}

}  // namespace

result<Connection> Connection::open_file(const std::string& name, const std::string& path, int flags) {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection opened(db, path);
  if (code != SQLITE_OK) return sqlite_error(db, code, path);
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, sqlite_wait_ms);
  add_functions(db);
  // The first statement is what finds out that the file is no database, or cannot be read.
  STELE_CHECK(opened.run("SELECT count(*) FROM sqlite_schema"));
  return opened;
}

// A new file is put into write-ahead mode for good; setting it again costs nothing.
result<Connection> Connection::open(const std::string& path, Mode mode, Sync sync) {
  if (mode == Mode::memory) return open_file(":memory:", path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (mode == Mode::read_only) {
    auto opened = open_file(path, path, SQLITE_OPEN_READONLY);
    // A write-ahead log cannot be followed on a read-only medium; what was checkpointed still reads. Only there: a
    // file that somebody writes must not be read as if it stood still.
    const auto kind = opened ? errc::invalid : opened.error().kind();
    const bool stands_still = kind == errc::read_only || kind == errc::denied ||
                              (kind == errc::not_found && is_on_read_only_medium(path));
    if (!stands_still) return opened;
    auto frozen = open_file(immutable_uri(path), path, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    return frozen ? std::move(frozen) : std::move(opened);
  }
  STELE_TRY(Connection db, open_file(path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  STELE_CHECK(db.run("PRAGMA journal_mode=WAL"));
  STELE_CHECK(db.run(sync == Sync::full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
  return db;
}

// Not sqlite3_exec: that wants a terminating zero, and would run on after an error in the middle.
result<void> Connection::run(std::string_view sql) {
  while (!sql.empty()) {
    sqlite3_stmt* raw = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &raw, &rest);
    Statement statement(raw);
    if (code != SQLITE_OK) return sqlite_error(db_.get(), code, path_);
    sql.remove_prefix(static_cast<std::size_t>(rest - sql.data()));
    if (raw) STELE_CHECK(statement.run());
  }
  return {};
}

result<Statement> Connection::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &raw, &rest);
  Statement statement(raw);
  if (code != SQLITE_OK) return sqlite_error(db_.get(), code, path_);
  if (!raw) return Error(errc::invalid, path_ + ": the SQL text holds no statement");
  STELE_CHECK(refuse_vacuum(sql));
  return statement;
}

namespace {

// The first word of a statement, behind blanks and remarks.
std::string_view first_word(std::string_view sql) {
  while (true) {
    sql.remove_prefix(std::min(sql.find_first_not_of(" \t\r\n;"), sql.size()));
    const bool line = sql.starts_with("--");
    if (!line && !sql.starts_with("/*")) break;
    const auto end = line ? sql.find('\n') : sql.find("*/", 2);
    sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + (line ? 1 : 2));
  }
  return sql.substr(0, sql.find_first_of(" \t\r\n;"));
}

}  // namespace

// The one statement that SQLite asks nobody about.
result<void> Connection::refuse_vacuum(std::string_view sql) const {
  const auto word = first_word(sql);
  const bool vacuum = word.size() == 6 && sqlite3_strnicmp(word.data(), "vacuum", 6) == 0;
  if (permit_ == Permit::everything || !vacuum) return {};
  return Error(errc::denied, path_ + ": not authorized: VACUUM").with("path", path_);
}

result<std::optional<Statement>> Connection::prepare_next(std::string_view& sql) {
  while (!sql.empty()) {
    sqlite3_stmt* raw = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &raw, &rest);
    if (code != SQLITE_OK) return sqlite_error(db_.get(), code, path_);
    Statement statement(raw);
    if (raw) STELE_CHECK(refuse_vacuum(sql));
    sql.remove_prefix(static_cast<std::size_t>(rest - sql.data()));
    if (raw) return std::optional(std::move(statement));
  }
  return std::optional<Statement>();
}

namespace {

bool is_ours(const char* name) { return name && std::string_view(name).starts_with("stele_"); }

// Answers that depend on more than the arguments.
constexpr std::string_view fickle_functions[] = {"random",        "randomblob",        "changes",
                                                 "total_changes", "last_insert_rowid", "current_date",
                                                 "current_time",  "current_timestamp", "load_extension"};

bool permits_function(Permit permit, const char* name) {
  const std::string_view function(name ? name : "");
  if (permit == Permit::reading) return function != "load_extension";
  return std::ranges::find(fickle_functions, function) == std::end(fickle_functions);
}

bool permits_change(const char* table, const char* trigger) {
  return is_ours(trigger) ||
         (!is_ours(table) && !std::string_view(table ? table : "").starts_with("sqlite_"));
}

// What a statement does is asked piece by piece; whatever is not named here is refused.
int ask_permit(void* opaque, int action, const char* first, const char* second, const char*,
               const char* trigger) {
  const Permit permit = *static_cast<const Permit*>(opaque);
  const auto answer = [](bool allowed) { return allowed ? SQLITE_OK : SQLITE_DENY; };
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return answer(permits_function(permit, second));
    case SQLITE_INSERT:
      if (permit == Permit::schema) return SQLITE_OK;  // making a table writes into SQLite's own
      [[fallthrough]];
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      if (permit == Permit::schema) return answer(first && std::string_view(first).starts_with("sqlite_"));
      return answer(permit == Permit::changes && permits_change(first, trigger));
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_VIEW:
    case SQLITE_CREATE_TRIGGER:
      return answer(permit == Permit::schema && !is_ours(first));
    case SQLITE_REINDEX:
      return answer(permit == Permit::schema);
    default:
      return SQLITE_DENY;
  }
}

}  // namespace

void Connection::permit(Permit what) {
  permit_ = what;
  static constexpr Permit policies[] = {Permit::everything, Permit::schema, Permit::changes, Permit::reading};
  auto* policy =
      const_cast<Permit*>(&policies[static_cast<std::size_t>(what)]);  // SQLite hands it back unchanged
  sqlite3_set_authorizer(db_.get(), what == Permit::everything ? nullptr : ask_permit, policy);
}

void Connection::give_up_after(std::chrono::milliseconds time) {
  constexpr int steps_between_looks = 1000;
  if (time.count() == 0) return sqlite3_progress_handler(db_.get(), 0, nullptr, nullptr);
  gives_up_at_ =
      std::make_unique<std::chrono::steady_clock::time_point>(std::chrono::steady_clock::now() + time);
  const auto is_late = [](void* at) {
    return std::chrono::steady_clock::now() > *static_cast<std::chrono::steady_clock::time_point*>(at) ? 1
                                                                                                       : 0;
  };
  sqlite3_progress_handler(db_.get(), steps_between_looks, is_late, gives_up_at_.get());
}

result<void> Connection::copy_to(Connection& to) {
  sqlite3_backup* backup = sqlite3_backup_init(to.db_.get(), "main", db_.get(), "main");
  if (!backup) return sqlite_error(to.db_.get(), sqlite3_errcode(to.db_.get()), to.path_);
  const int code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (code == SQLITE_DONE) return {};
  return sqlite_error(nullptr, code, to.path_);
}

result<Statement*> Connection::cached(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    STELE_TRY(Statement fresh, prepare(sql));
    found = statements_.emplace(std::string(sql), std::move(fresh)).first;
  }
  if (found->second.busy())
    return Error(errc::busy, path_ + ": the statement is already in use")
        .with("sql", std::string(sql))
        .help("finish reading its rows first");
  return &found->second;
}

result<void> Connection::begin() { return run("BEGIN IMMEDIATE"); }
result<void> Connection::begin_read() { return run("BEGIN"); }
result<void> Connection::commit() { return run("COMMIT"); }

// SQLite rolls back by itself after some errors (a full disk, for one); a second rollback would be an error.
void Connection::rollback() {
  if (sqlite3_get_autocommit(db_.get()) != 0) return;
  const auto ended = run("ROLLBACK");
  STELE_ASSERT(ended || sqlite3_get_autocommit(db_.get()) != 0, "a rollback ends the transaction", path_);
}

std::int64_t Connection::changes() const { return sqlite3_changes64(db_.get()); }

}  // namespace stele::sqlite
