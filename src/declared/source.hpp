// source.hpp - the text of a `.sql` projection taken apart: front matter, tables, what to do for each event, questions.
// Only the shape; whether the SQL means anything is compiled.hpp. The language is described in
// docs/declared-projections.md.
//
//   ---
//   name: balances
//   version: 1
//   category: BankAccount
//   ---
//   CREATE TABLE balance(account TEXT PRIMARY KEY, cents INTEGER NOT NULL) STRICT;
//
//   @on MoneyDeposited
//   UPDATE balance SET cents = cents + units(:data.amount, 2) WHERE account = :key;
//
//   @query balance(account text)
//   SELECT account, decimal(cents, 2) AS balance FROM balance WHERE account = :account;
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/result.hpp"

namespace stele::declared {

// A piece of the text, and where it begins in it.
struct Piece {
  std::string text;
  std::size_t offset = 0;
};

// @on A, B
struct Reaction {
  std::vector<std::string> types;
  Piece sql;
};

enum class QueryType : std::uint8_t { text, integer, boolean, time, units };
[[nodiscard]] std::string_view to_string(QueryType type);

// account text · at_least units(2) = 10.00 · since time?
struct QueryParameter {
  std::string name;
  QueryType type = QueryType::text;
  int digits = 0;         // of units
  bool optional = false;  // NULL when it is not given
  std::optional<std::string> otherwise{};
};

// @query name(parameters)
struct QuerySource {
  std::string name;
  std::vector<QueryParameter> parameters;
  Piece sql;
};

struct Source {
  std::string name;
  int version = 1;
  std::vector<std::string> categories;  // empty: all streams
  bool lineage = false;
  bool synchronous = false;
  Piece schema;
  std::vector<Reaction> reactions;
  std::vector<QuerySource> queries;
};

// `label` stands for the text in messages: "balances.sql line 7 column 12: ...". Errors: invalid (facts line, column).
[[nodiscard]] result<Source> read_source(std::string_view text, std::string_view label);

// An error about the place `offset` of the text.
[[nodiscard]] Error wrong_at(std::string_view text, std::size_t offset, std::string_view label,
                             const std::string& what);

}  // namespace stele::declared
