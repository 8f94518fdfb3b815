// compile.cpp - checks each part of a projection against the tables it declares, and makes it something that runs.
#include "declared/compiled.hpp"

#include <algorithm>
#include <memory>

#include "base/assert.hpp"
#include "base/sha.hpp"
#include "base/sqlite.hpp"
#include "declared/parameters.hpp"

namespace stele::declared {
namespace {

// One statement, and where its values come from.
struct EventStatement {
  std::string sql;
  std::vector<EventParameter> parameters;
};
struct EventRule {
  std::vector<std::string> types;
  std::vector<EventStatement> statements;
};

constexpr std::string_view check_name = "check";

// SQLite's words without the name of the database that nobody knows.
std::string plain_message(const Error& why) {
  std::string message = why.message();
  const auto prefix = std::string(check_name) + ": ";
  if (message.starts_with(prefix)) message.erase(0, prefix.size());
  const bool nowhere = message.find(":memory:: ") == 0;
  return nowhere ? message.substr(10) : message;
}

std::size_t offset_in(const Error& why) {
  std::size_t offset = 0;
  for (const char digit : why.fact("sql_offset").value_or(""))
    offset = offset * 10 + static_cast<std::size_t>(digit - '0');
  return offset;
}

// A type that is named is also meant where it was recorded under an older name.
void add_older_names(std::vector<std::string>& types,
                     const std::vector<std::vector<std::string>>& type_names) {
  for (const auto& names : type_names) {
    if (names.empty() || std::ranges::find(types, names.front()) == types.end()) continue;
    for (const auto& name : names)
      if (std::ranges::find(types, name) == types.end()) types.push_back(name);
  }
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Where the name stands that a message ends with ("no such table: balance"): SQLite does not say it itself. Otherwise
// where the statement begins.
std::size_t place_in(std::string_view statement, std::string_view message) {
  const auto colon = message.rfind(": ");
  const auto name = colon == std::string_view::npos ? std::string_view() : message.substr(colon + 2);
  for (auto at = statement.find(name); !name.empty() && at != std::string_view::npos;
       at = statement.find(name, at + 1)) {
    const auto end = at + name.size();
    const bool begins = at == 0 || !is_name_char(statement[at - 1]);
    if (begins && (end == statement.size() || !is_name_char(statement[end]))) return at;
  }
  return std::min(statement.find_first_not_of(" \t\r\n"), statement.size());
}

class ProjectionCompiler {
 public:
  ProjectionCompiler(std::string_view text, std::string_view label, Source source)
      : text_(text), label_(label), source_(std::move(source)) {}

  result<Compiled> compile() {
    STELE_TRY(db_, sqlite::Connection::open(std::string(check_name), sqlite::Mode::memory));
    STELE_CHECK(make_tables());
    for (const auto& reaction : source_.reactions) STELE_CHECK(compile_reaction(reaction));
    Compiled out;
    for (const auto& query : source_.queries) {
      STELE_TRY(auto compiled, compile_query(query));
      out.queries.push_back(std::move(compiled));
    }
    out.text = text_;
    out.lineage = source_.lineage;
    out.synchronous = source_.synchronous;
    out.projection = projection();
    return out;
  }

 private:
  [[nodiscard]] Error wrong(std::size_t offset, const std::string& what) const {
    return wrong_at(text_, offset, label_, what);
  }
  // `rest` is the text from the statement on, `offset` where that is.
  [[nodiscard]] Error wrong(const Error& why, std::size_t offset, std::string_view rest,
                            std::string_view where) const {
    const auto message = plain_message(why);
    const auto place = why.fact("sql_offset") ? offset_in(why) : place_in(rest, message);
    if (why.kind() == errc::denied)
      return wrong(offset + place, std::string(where) + " may not do this (" + message + ")");
    return wrong(offset + place, message);
  }

  // Each statement is run as it is read, since the next one may be about its table.
  result<void> make_tables() {
    const auto numbered = number_parameters(source_.schema.text, true);
    if (!numbered) return wrong(source_.schema.offset + numbered.error().offset, numbered.error().what);
    if (!numbered->names.empty())
      return wrong(source_.schema.offset + numbered->offsets.front(), "tables are made without parameters");
    db_->permit(sqlite::Permit::schema);
    for (std::string_view rest = source_.schema.text; true;) {
      const auto offset = source_.schema.offset + source_.schema.text.size() - rest.size();
      const auto left = rest;
      auto statement = db_->prepare_next(rest);
      if (!statement) return wrong(statement.error(), offset, left, "the part before the first section");
      if (!*statement) return {};
      if (const auto done = (*statement)->run(); !done) return wrong(done.error(), offset, left, "a table");
    }
  }

  result<void> compile_reaction(const Reaction& reaction) {
    const auto numbered = number_parameters(reaction.sql.text, true);
    if (!numbered) return wrong(reaction.sql.offset + numbered.error().offset, numbered.error().what);
    for (std::size_t i = 0; i < numbered->names.size(); ++i)
      if (!event_parameter(numbered->names[i]))
        return wrong(
            reaction.sql.offset + numbered->offsets[i],
            "an event has no :" + numbered->names[i] + "; there are " + std::string(event_parameter_names));
    EventRule rule{.types = reaction.types, .statements = {}};
    STELE_CHECK(split_statements(reaction, rule));
    if (rule.statements.empty()) return wrong(reaction.sql.offset, "the section holds no statement");
    rules_.push_back(std::move(rule));
    return {};
  }

  // Numbered anew for each statement, since each is given its own values.
  result<void> split_statements(const Reaction& reaction, EventRule& rule) {
    db_->permit(sqlite::Permit::changes);
    const auto whole = number_parameters(reaction.sql.text, true)->sql;
    for (std::string_view rest = whole; true;) {
      const auto begin = whole.size() - rest.size();
      const auto left = rest;
      auto statement = db_->prepare_next(rest);
      if (!statement) return wrong(statement.error(), reaction.sql.offset + begin, left, "an `@on` section");
      if (!*statement) return {};
      if ((*statement)->only_reads())
        return wrong(reaction.sql.offset + begin + place_in(left, ""),
                     "an `@on` section changes the model; this only reads");
      const auto original =
          std::string_view(reaction.sql.text).substr(begin, whole.size() - rest.size() - begin);
      auto numbered = number_parameters(original, true);
      STELE_ASSERT(numbered.has_value(), "what was understood in a section is understood alone", original);
      EventStatement compiled{.sql = std::move(numbered->sql), .parameters = {}};
      for (const auto& name : numbered->names) compiled.parameters.push_back(*event_parameter(name));
      rule.statements.push_back(std::move(compiled));
    }
  }

  result<CompiledQuery> compile_query(const QuerySource& query) {
    auto numbered = number_parameters(query.sql.text, false);
    if (!numbered) return wrong(query.sql.offset + numbered.error().offset, numbered.error().what);
    CompiledQuery out{.name = query.name, .parameters = query.parameters, .order = {}, .sql = {}};
    for (std::size_t i = 0; i < numbered->names.size(); ++i) {
      const auto declared = std::ranges::find(query.parameters, numbered->names[i], &QueryParameter::name);
      if (declared == query.parameters.end())
        return wrong(query.sql.offset + numbered->offsets[i],
                     "the query has no parameter " + numbered->names[i] + "; declare it in its heading");
      out.order.push_back(static_cast<std::size_t>(declared - query.parameters.begin()));
    }
    for (std::size_t i = 0; i < query.parameters.size(); ++i)
      if (std::ranges::find(out.order, i) == out.order.end())
        return wrong(query.sql.offset, "the parameter " + query.parameters[i].name + " is not used");
    STELE_CHECK(check_one_select(query, numbered->sql));
    out.sql = std::move(numbered->sql);
    return out;
  }

  result<void> check_one_select(const QuerySource& query, std::string_view sql) {
    db_->permit(sqlite::Permit::reading);
    auto rest = sql;
    auto first = db_->prepare_next(rest);
    if (!first) return wrong(first.error(), query.sql.offset, sql, "a query");
    if (!*first) return wrong(query.sql.offset, "the query holds no statement");
    const auto second_at = query.sql.offset + sql.size() - rest.size();
    const auto left = rest;
    auto second = db_->prepare_next(rest);
    if (!second) return wrong(second.error(), second_at, left, "a query");
    if (*second) return wrong(second_at + place_in(left, ""), "a query is one statement");
    return {};
  }

  // What the tables hold depends on the tables and on the sections, so that both are part of the fingerprint that makes
  // a model old.
  [[nodiscard]] SqliteProjection projection() {
    std::string rules;
    QueryItem item;
    item.categories = source_.categories;
    for (const auto& reaction : source_.reactions) {
      for (const auto& type : reaction.types) {
        rules += type + "\n";
        item.types.push_back(type);
      }
      rules += reaction.sql.text;
    }
    const auto shared = std::make_shared<const std::vector<EventRule>>(std::move(rules_));
    return {.name = source_.name,
            .version = source_.version,
            .schema = "-- " + base::sha256_hex(rules) + "\n" + source_.schema.text,
            .events = Query::of(std::move(item)),
            .project = [shared](SqliteModel& model, const EventView& event) {
              return apply(*shared, model, event);
            }};
  }

  static result<void> apply(const std::vector<EventRule>& rules, SqliteModel& model, const EventView& event) {
    EventValues values(event);
    for (const auto& rule : rules) {
      if (std::ranges::find(rule.types, event.type) == rule.types.end()) continue;
      for (const auto& statement : rule.statements) STELE_CHECK(run(statement, values, model));
    }
    return {};
  }

  static result<void> run(const EventStatement& statement, EventValues& values, SqliteModel& model) {
    std::vector<SqlValue> bound;
    for (const auto& parameter : statement.parameters) {
      STELE_TRY(const SqlValue value, values.value(parameter));
      bound.push_back(value);
    }
    STELE_CHECK(model.run(statement.sql, std::span<const SqlValue>(bound)));
    return {};
  }

  const std::string_view text_;
  const std::string_view label_;
  const Source source_;
  std::optional<sqlite::Connection> db_;
  std::vector<EventRule> rules_;
};

}  // namespace

const CompiledQuery* Compiled::query(std::string_view name) const {
  const auto found = std::ranges::find(queries, name, &CompiledQuery::name);
  return found == queries.end() ? nullptr : &*found;
}

result<Compiled> compile(std::string_view text, std::string_view label,
                         const std::vector<std::vector<std::string>>& type_names) {
  STELE_TRY(auto source, read_source(text, label));
  for (auto& reaction : source.reactions) add_older_names(reaction.types, type_names);
  STELE_TRY(auto compiled, ProjectionCompiler(text, label, std::move(source)).compile());
  // What the target itself refuses (the name, for one) is found now, too.
  STELE_TRY([[maybe_unused]] const auto scratch, SqliteTarget::scratch(compiled.projection));
  return compiled;
}

}  // namespace stele::declared
