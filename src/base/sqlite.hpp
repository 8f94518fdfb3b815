// sqlite.hpp - a thin owner of SQLite connections and statements, with its errors as ours.
// Not an API for applications (that is stele/sqlite.hpp) and not a query builder.
//
// One place decides how SQLite's codes become errc, how a path is opened and which pragmas hold; the keyed
// records, the read models and the SQL view stand on it. sqlite3.h stays in the .cpp.
//
// Threading: a connection and its statements belong to one thread at a time; the owner holds the lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/sqlite_cell.hpp"
#include "stele/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace stele::sqlite {

// A prepared statement. Parameters count from 1, columns from 0, as SQLite does.
class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  void bind(int index, std::int64_t value);
  // Borrowed: must stay alive until the statement is reset.
  void bind(int index, std::string_view text);
  void bind_blob(int index, std::string_view bytes);
  void bind_null(int index);
  // Binds 1, 2, ... in order.
  template <class... Values>
  void bind_all(const Values&... values) {
    int index = 0;
    (bind(++index, values), ...);
  }

  // True: there is a row. False: done. After an error or false the statement is reset and can be run again.
  result<bool> step();
  // For statements without rows.
  result<void> run();
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  // Valid until the next step or reset. A blob or number comes as SQLite's text of it.
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::string_view blob(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] int columns() const;
  [[nodiscard]] std::string_view column_name(int column) const;
  // With its own type; texts and blobs are borrowed as by text().
  [[nodiscard]] Cell cell(int column) const;
  [[nodiscard]] int parameters() const;
  [[nodiscard]] bool busy() const;  // a row is being looked at
  // Changes nothing when run.
  [[nodiscard]] bool only_reads() const;

 private:
  friend class Connection;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

enum class Mode : std::uint8_t {
  read_write,  // creates the file when it is missing
  read_only,   // not_found when it is missing
  memory,      // no file at all; the path is only a name for messages
};

// What a power cut may take from a write-ahead log. Neither can damage the file.
enum class Sync : std::uint8_t {
  full,    // a commit that returned is on disk
  normal,  // the last commits may be gone, the order is kept: for what can be rebuilt
};

// What statements may be prepared; the rest is `denied`. For SQL that somebody else has written.
enum class Permit : std::uint8_t {
  everything,
  schema,   // CREATE TABLE, INDEX, VIEW and TRIGGER, and rows that are there from the beginning
  changes,  // INSERT, UPDATE, DELETE and SELECT, with functions that always answer the same
  reading,  // SELECT
};

class Connection {
 public:
  // Read-write files are put into write-ahead mode, so that readers and the writer never wait for each other.
  static result<Connection> open(const std::string& path, Mode mode, Sync sync = Sync::full);

  // One or more statements without parameters or rows.
  result<void> run(std::string_view sql);
  result<Statement> prepare(std::string_view sql);
  // The first statement of several; `sql` begins behind it afterwards. Nothing: there is none left.
  result<std::optional<Statement>> prepare_next(std::string_view& sql);
  // Tables whose names begin with "stele_" are not for `schema` and `changes`.
  void permit(Permit what);
  // Statements that run longer from now on end with `timeout`. Zero: they may take their time.
  void give_up_after(std::chrono::milliseconds time);
  // Makes `to` a copy of this database as it is. Whatever `to` held is gone.
  result<void> copy_to(Connection& to);
  // The same statement again next time; it lives as long as the connection. When the kept one is in use (a
  // query inside the loop over its own rows) the answer is `busy`.
  result<Statement*> cached(std::string_view sql);

  result<void> begin();       // takes the write lock at once
  result<void> begin_read();  // the snapshot is taken by the first read in it
  result<void> commit();
  void rollback();                             // harmless outside a transaction
  [[nodiscard]] std::int64_t changes() const;  // rows the last statement inserted, updated or deleted
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  Connection(sqlite3* db, std::string path);
  static result<Connection> open_file(const std::string& name, const std::string& path, int flags);
  [[nodiscard]] result<void> refuse_vacuum(std::string_view sql) const;
  std::string path_;
  Permit permit_ = Permit::everything;
  std::unique_ptr<sqlite3, Close> db_;
  std::unique_ptr<std::chrono::steady_clock::time_point> gives_up_at_;
  std::map<std::string, Statement, std::less<>> statements_;  // after db_: finalised first
};

}  // namespace stele::sqlite
