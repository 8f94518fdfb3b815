// compiled.hpp - a `.sql` projection that has been checked: something a target can run, and questions with typed
// parameters. Nothing of it is kept here; that is shelf.hpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "declared/source.hpp"
#include "stele/sqlite.hpp"

namespace stele::declared {

// A question that has been checked, with `?1`... for its parameters in their order.
struct CompiledQuery {
  std::string name;
  std::vector<QueryParameter> parameters;
  std::vector<std::size_t> order;  // which parameter ?1, ?2, ... is
  std::string sql;
};

struct Compiled {
  std::string text;  // as it was given
  SqliteProjection projection;
  bool lineage = false;
  bool synchronous = false;  // appends through the server go through the model
  std::vector<CompiledQuery> queries;

  [[nodiscard]] const CompiledQuery* query(std::string_view name) const;
};

// Everything that can be wrong with the text is found here, against empty tables in memory: SQL that does not parse
// or names a column that is not there, statements that may not stand where they do, parameters that no event has.
// `label` is its name in messages. `type_names`: what types were called before, as App::type_names has it; `@on` a
// type is also on its older names. Errors: invalid (facts line, column), too_large.
[[nodiscard]] result<Compiled> compile(std::string_view text, std::string_view label,
                                       const std::vector<std::vector<std::string>>& type_names = {});

// A question's rows as JSON objects, each appended to a list: "{...},{...}". A column called "x:json" is JSON already
// and becomes the member x.
struct QueryRows {
  std::string json;
  std::uint64_t count = 0;
  bool truncated = false;
};
// `given`: name and text of each parameter, as in an address. Errors: invalid (which one, and what it takes).
[[nodiscard]] result<QueryRows> run_query(SqliteSnapshot& model, const CompiledQuery& query,
                                          const std::vector<std::pair<std::string, std::string>>& given,
                                          std::uint64_t most_rows);

}  // namespace stele::declared
