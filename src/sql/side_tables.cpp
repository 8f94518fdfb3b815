// side_tables.cpp - `streams`, `snapshots` and `projector_checkpoints`: small tables that differ in their columns and
// in where their rows come from, and share everything that SQLite wants of a table.
#include <sqlite3.h>

#include <functional>
#include <variant>

#include "base/assert.hpp"
#include "sql/tables.hpp"
#include "stele/detail/json.hpp"

namespace stele::sql {
namespace {

constexpr std::size_t stream_page = 500;

using SideValue = std::variant<std::monostate, std::int64_t, std::string>;
using SideRow = std::vector<SideValue>;

std::int64_t number_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }

// The rows of one look, one after the other. False: that was the last one.
using SideRows = std::function<result<bool>(SideRow&)>;

// What a look asks for: one name, or names that begin with something, or everything.
struct Wanted {
  std::optional<std::string> name;
  std::string beginning;
};

struct SideTable {
  const char* name;
  const char* declaration;  // the first column is the name that can be asked for
  SideRows (*open)(LogView& view, const Wanted& wanted);
};

// ---- streams

// Pages of the store's list, or the one that was named.
class StreamWalk {
 public:
  StreamWalk(LogView& view, Wanted wanted) : view_(view), wanted_(std::move(wanted)) {}

  result<bool> next(StreamInfo& info) {
    if (view_.has_ended && view_.has_ended()) return Error(errc::timeout, "the question was given up");
    if (at_ == page_.size()) STELE_CHECK(turn());
    if (at_ == page_.size()) return false;
    info = page_[at_++];
    return true;
  }

 private:
  result<void> turn() {
    if (last_) return {};
    at_ = 0;
    if (wanted_.name) {
      last_ = true;
      return take_one();
    }
    const auto after = page_.empty() ? std::string() : page_.back().stream;
    STELE_TRY(page_, view_.source.store->list_streams(wanted_.beginning, after, stream_page));
    last_ = page_.size() < stream_page;
    return {};
  }

  result<void> take_one() {
    auto info = view_.source.store->stream_info(*wanted_.name);
    page_.clear();
    const auto kind = info ? errc::invalid : info.error().kind();
    if (info)
      page_.push_back(*std::move(info));
    else if (kind != errc::not_found && kind != errc::gone)
      return info.error();
    return {};
  }

  LogView& view_;
  Wanted wanted_;
  std::vector<StreamInfo> page_;
  std::size_t at_ = 0;
  bool last_ = false;
};

// They are what the store says now, and no index knows what it said then.
result<void> only_the_present(const LogView& view, std::string_view table) {
  if (!view.source.as_of) return {};
  return Error(errc::invalid, std::string(table) + " is known as it is now, not as of an earlier moment")
      .help("ask `events`, which has everything up to that moment");
}

SideRows stream_rows(LogView& view, const Wanted& wanted) {
  return [&view, walk = std::make_shared<StreamWalk>(view, wanted)](SideRow& row) -> result<bool> {
    STELE_CHECK(only_the_present(view, "streams"));
    StreamInfo info;
    STELE_TRY(const bool more, walk->next(info));
    row = {info.stream,
           std::string(category_of(info.stream)),
           number_of(info.last_revision.value()),
           number_of(info.events),
           number_of(info.first_position.value()),
           number_of(info.last_position.value())};
    return more;
  };
}

// ---- snapshots

// Nothing: not one of ours, or damaged; SQL shows what can be used.
std::optional<SideRow> snapshot_row(const std::string& stream, std::string_view text) {
  const auto document = JsonDocument::parse(text);
  if (!document) return std::nullopt;
  const auto root = document->root();
  const auto revision = root.find("revision");
  const auto position = root.find("position");
  const auto version = root.find("version");
  const auto taken = root.find("taken_at");
  const auto state = root.find("state");
  if (!revision || !position || !version || !taken || !state) return std::nullopt;
  return SideRow{stream,
                 revision->as_i64().value_or(0),
                 std::string(state->raw()),
                 std::string(taken->as_string().value_or("")),
                 position->as_i64().value_or(0),
                 version->as_i64().value_or(0)};
}

SideRows snapshot_rows(LogView& view, const Wanted& wanted) {
  return [&view, walk = std::make_shared<StreamWalk>(view, wanted)](SideRow& row) -> result<bool> {
    STELE_CHECK(only_the_present(view, "snapshots"));
    StreamInfo info;
    while (true) {
      STELE_TRY(const bool more, walk->next(info));
      if (!more) return false;
      STELE_TRY(const auto kept, view.source.store->records().get("snapshot", info.stream));
      auto found = kept ? snapshot_row(info.stream, *kept) : std::nullopt;
      if (!found) continue;
      row = *std::move(found);
      return true;
    }
  };
}

// ---- projector_checkpoints

SideRows checkpoint_rows(LogView& view, const Wanted&) {
  const auto& ask = view.source.checkpoints;
  auto all = std::make_shared<std::vector<ProjectorCheckpoint>>();
  if (ask) *all = ask();
  return [all, at = std::size_t{0}](SideRow& row) mutable -> result<bool> {
    if (at == all->size()) return false;
    const auto& one = (*all)[at++];
    row = {one.projector, number_of(one.position.value()), std::int64_t{one.version},
           one.state.empty() ? SideValue() : SideValue(one.state)};
    return true;
  };
}

constexpr SideTable side_tables[] = {
    {"streams",
     "CREATE TABLE streams(stream_id TEXT, category TEXT, version INTEGER, events INTEGER,"
     " first_position INTEGER, last_position INTEGER)",
     stream_rows},
    {"snapshots",
     "CREATE TABLE snapshots(stream_id TEXT, stream_position INTEGER, state JSON TEXT, created_at TEXT,"
     " global_position INTEGER, schema_version INTEGER)",
     snapshot_rows},
    {"projector_checkpoints",
     "CREATE TABLE projector_checkpoints(projector_name TEXT, last_position INTEGER, version INTEGER, state "
     "TEXT)",
     checkpoint_rows},
};

// ---- What SQLite wants of a table

struct SideModule {
  const SideTable* table;
  std::shared_ptr<LogView> view;
};

struct SideVtab : sqlite3_vtab {
  const SideModule* module;
};

struct SideCursor : sqlite3_vtab_cursor {
  SideRows rows;
  SideRow row;
  std::int64_t number = 0;
  bool done = true;

  int advance(LogView& view) {
    auto more = rows(row);
    if (!more) {
      view.failure = more.error();
      return SQLITE_ERROR;
    }
    done = !*more;
    ++number;
    return SQLITE_OK;
  }
};

const SideModule& module_of(sqlite3_vtab_cursor* cursor) {
  return *static_cast<SideVtab*>(cursor->pVtab)->module;
}
SideCursor& side_cursor(sqlite3_vtab_cursor* cursor) { return *static_cast<SideCursor*>(cursor); }

enum Look : int { everything = 0, by_name = 1, by_beginning = 2 };

// The first column alone is looked up; the rest is left to SQLite.
int side_best_index(sqlite3_vtab*, sqlite3_index_info* info) {
  info->idxNum = everything;
  info->estimatedCost = 1e6;
  info->estimatedRows = 1'000'000;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& asked = info->aConstraint[i];
    if (!asked.usable || asked.iColumn != 0) continue;
    const bool equal = asked.op == SQLITE_INDEX_CONSTRAINT_EQ &&
                       std::string_view(sqlite3_vtab_collation(info, i)) == "BINARY";
    const bool pattern = asked.op == SQLITE_INDEX_CONSTRAINT_GLOB || asked.op == SQLITE_INDEX_CONSTRAINT_LIKE;
    if (!equal && (!pattern || info->idxNum != everything)) continue;
    for (int j = 0; j < i; ++j) info->aConstraintUsage[j].argvIndex = 0;
    info->aConstraintUsage[i].argvIndex = 1;
    info->idxNum = equal ? by_name : by_beginning;
    info->estimatedCost = equal ? 1 : 1e4;
    info->estimatedRows = equal ? 1 : 10'000;
    if (equal) break;
  }
  return SQLITE_OK;
}

int side_filter(sqlite3_vtab_cursor* base, int look, const char*, int count, sqlite3_value** values) {
  const auto& module = module_of(base);
  Wanted wanted;
  if (count > 0) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(values[0]));
    std::string name(text ? text : "");
    if (look == by_name) wanted.name = name;
    if (look == by_beginning) wanted.beginning = name.substr(0, name.find_first_of("*?[%_"));
  }
  module.view->note_look(std::string(module.table->name) + ": " +
                         (wanted.name ? *wanted.name : wanted.beginning + "*"));
  auto& cursor = side_cursor(base);
  cursor.rows = module.table->open(*module.view, wanted);
  cursor.number = 0;
  return cursor.advance(*module.view);
}

int side_column(sqlite3_vtab_cursor* base, sqlite3_context* context, int column) {
  const auto& row = side_cursor(base).row;
  const auto& value = row[static_cast<std::size_t>(column)];
  if (const auto* number = std::get_if<std::int64_t>(&value)) sqlite3_result_int64(context, *number);
  if (const auto* text = std::get_if<std::string>(&value))
    sqlite3_result_text64(context, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return SQLITE_OK;
}

int side_connect(sqlite3* db, void* opaque, int, const char* const*, sqlite3_vtab** table, char**) {
  const auto* module = static_cast<const SideModule*>(opaque);
  const int code = sqlite3_declare_vtab(db, module->table->declaration);
  if (code != SQLITE_OK) return code;
  auto made = std::make_unique<SideVtab>();
  made->module = module;
  *table = made.release();
  return SQLITE_OK;
}

int side_disconnect(sqlite3_vtab* table) {
  std::unique_ptr<SideVtab> gone(static_cast<SideVtab*>(table));
  return SQLITE_OK;
}

int side_open(sqlite3_vtab*, sqlite3_vtab_cursor** cursor) {
  *cursor = std::make_unique<SideCursor>().release();
  return SQLITE_OK;
}

int side_close(sqlite3_vtab_cursor* cursor) {
  std::unique_ptr<SideCursor> gone(static_cast<SideCursor*>(cursor));
  return SQLITE_OK;
}

const sqlite3_module side_module = [] {
  sqlite3_module module{};
  module.xConnect = side_connect;
  module.xBestIndex = side_best_index;
  module.xDisconnect = side_disconnect;
  module.xOpen = side_open;
  module.xClose = side_close;
  module.xFilter = side_filter;
  module.xNext = [](sqlite3_vtab_cursor* cursor) {
    return side_cursor(cursor).advance(*module_of(cursor).view);
  };
  module.xEof = [](sqlite3_vtab_cursor* cursor) { return side_cursor(cursor).done ? 1 : 0; };
  module.xColumn = side_column;
  module.xRowid = [](sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
    *id = side_cursor(cursor).number;
    return SQLITE_OK;
  };
  return module;
}();

void release_module(void* opaque) { std::unique_ptr<SideModule> gone(static_cast<SideModule*>(opaque)); }

}  // namespace

void add_side_tables(sqlite3* db, const std::shared_ptr<LogView>& view) {
  for (const auto& table : side_tables) {
    auto module = std::make_unique<SideModule>(&table, view);
    const int code = sqlite3_create_module_v2(db, table.name, &side_module, module.release(), release_module);
    STELE_ASSERT(code == SQLITE_OK, "a table can be added to a connection", table.name, code);
  }
}

}  // namespace stele::sql
