// log_query.hpp - one SQL question about a store: prepared, checked that it only reads, and stepped through row by row
// within limits. SQLite answers; the log stays where it is. How rows are written down is row_text.hpp.
//
// Nothing that a question says can change the store, open a file or run for ever: statements that are not SELECT (or
// EXPLAIN) are refused when they are prepared, and time, rows and bytes are bounded. An answer that a bound has cut
// says so.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/sqlite_cell.hpp"
#include "sql/log_view.hpp"

namespace stele::sql {

// 0: without that limit.
struct QueryLimits {
  std::uint64_t rows = 10'000;
  std::uint64_t bytes = 16u << 20;  // of the values in the answer
  std::chrono::milliseconds time{5'000};
};

// A value for `:name`: NULL, a whole number, a floating one, a text.
using Parameter = std::variant<std::monostate, std::int64_t, double, std::string>;

struct Question {
  std::string sql;
  std::vector<std::pair<std::string, Parameter>> parameters{};  // names without the colon
  QueryLimits limits{};
  std::function<bool()> given_up{};  // nobody waits for the answer any more
};

// Not from two threads at once. The store must outlive it.
class LogQuery {
 public:
  // Errors: invalid (what SQLite says, with line and column; more than one statement; parameters that do not fit),
  // denied (it would change something).
  static result<LogQuery> open(LogSource source, Question question);
  LogQuery(LogQuery&&) noexcept;
  LogQuery& operator=(LogQuery&&) noexcept;
  ~LogQuery();

  // Unique: a name that comes again gets a number, "n_2".
  [[nodiscard]] const std::vector<std::string>& columns() const;
  // False: there are no more rows, or a limit has been reached: see cut_by(). Errors: timeout (before the first row),
  // invalid (a function was given what it cannot take), and those of the store.
  result<bool> next();
  // Valid until the next row.
  [[nodiscard]] sqlite::Cell cell(std::size_t column) const;

  // "row limit", "size limit" or "time limit"; empty for an answer that is whole.
  [[nodiscard]] const std::string& cut_by() const;
  [[nodiscard]] std::uint64_t rows() const;
  [[nodiscard]] std::uint64_t events_read() const;
  [[nodiscard]] Position upto() const;  // what of the log the answer rests on
  // What was asked of the store, in words: "events: streams=BankAccount-1 p1..p204".
  [[nodiscard]] const std::vector<std::string>& looks() const;

 private:
  struct Impl;
  explicit LogQuery(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stele::sql
