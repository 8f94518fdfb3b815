// events_table.cpp - `events` as SQLite asks for tables (https://sqlite.org/vtab.html): which conditions the store can
// take over, and a walk over the events that it finds. What a condition spares is events_plan.cpp.
#include <sqlite3.h>

#include <algorithm>
#include <span>

#include "base/assert.hpp"
#include "base/json_reader.hpp"
#include "base/json_text.hpp"
#include "event/event_json.hpp"
#include "sql/events_plan.hpp"
#include "sql/tables.hpp"

namespace stele::sql {
namespace {

constexpr std::string_view events_declaration =
    "CREATE TABLE events(global_position INTEGER, stream_id TEXT, stream_position INTEGER, event_id TEXT,"
    " event_type TEXT, data JSON TEXT, metadata JSON TEXT, created_at TEXT, category TEXT HIDDEN,"
    " tags JSON TEXT HIDDEN, content_type TEXT HIDDEN, recorded_type TEXT HIDDEN, data_bytes BLOB HIDDEN,"
    " metadata_bytes BLOB HIDDEN)";

// The first batch is small for questions that want a few rows; the last ones are as large as other readers' are.
constexpr std::size_t first_batch = 16;
constexpr std::size_t largest_batch = 1024;
constexpr int has_tag_operator = SQLITE_INDEX_CONSTRAINT_FUNCTION;

struct EventsTable : sqlite3_vtab {
  std::shared_ptr<LogView> view;
};

// ---- Which conditions the store takes over

struct Offered {
  int constraint;
  Comparison comparison;
};

bool compares_bytes(sqlite3_index_info* info, int constraint) {
  return std::string_view(sqlite3_vtab_collation(info, constraint)) == "BINARY";
}

std::optional<Comparison> number_comparison(unsigned char op) {
  switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
      return Comparison::equal;
    case SQLITE_INDEX_CONSTRAINT_GT:
      return Comparison::greater;
    case SQLITE_INDEX_CONSTRAINT_GE:
      return Comparison::at_least;
    case SQLITE_INDEX_CONSTRAINT_LT:
      return Comparison::less;
    case SQLITE_INDEX_CONSTRAINT_LE:
      return Comparison::at_most;
    default:
      return std::nullopt;
  }
}

// Names are compared byte by byte, so a condition with another collation is SQLite's own business.
std::optional<Comparison> name_comparison(sqlite3_index_info* info, int constraint, EventColumn column) {
  const auto op = info->aConstraint[constraint].op;
  const bool pattern = op == SQLITE_INDEX_CONSTRAINT_GLOB || op == SQLITE_INDEX_CONSTRAINT_LIKE;
  if (pattern) return column == EventColumn::stream_id ? std::optional(Comparison::begins) : std::nullopt;
  if (op != SQLITE_INDEX_CONSTRAINT_EQ || !compares_bytes(info, constraint)) return std::nullopt;
  const bool list = sqlite3_vtab_in(info, constraint, -1) != 0;
  return list ? Comparison::any_of : Comparison::equal;
}

std::optional<Comparison> comparison_for(sqlite3_index_info* info, int constraint) {
  const auto& asked = info->aConstraint[constraint];
  if (!asked.usable) return std::nullopt;
  const auto column = asked.iColumn < 0 ? EventColumn::global_position : EventColumn(asked.iColumn);
  switch (column) {
    case EventColumn::global_position:
    case EventColumn::stream_position:
      return number_comparison(asked.op);
    case EventColumn::created_at:
      return compares_bytes(info, constraint) ? number_comparison(asked.op) : std::nullopt;
    case EventColumn::stream_id:
    case EventColumn::category:
    case EventColumn::event_type:
    case EventColumn::recorded_type:
      return name_comparison(info, constraint, column);
    case EventColumn::event_id:
      return asked.op == SQLITE_INDEX_CONSTRAINT_EQ && compares_bytes(info, constraint)
                 ? std::optional(Comparison::equal)
                 : std::nullopt;
    case EventColumn::tags:
      return asked.op == has_tag_operator ? std::optional(Comparison::has_tag) : std::nullopt;
    default:
      return std::nullopt;
  }
}

// How many of `rows` a condition leaves, guessed: only the order of the guesses matters.
double left_by(EventColumn column, Comparison comparison, double rows) {
  const bool equal = comparison == Comparison::equal;
  switch (column) {
    case EventColumn::event_id:
      return 1;
    case EventColumn::global_position:
      return equal ? 1 : rows / 3;
    case EventColumn::stream_id:
      return comparison == Comparison::begins ? rows / 4 : std::min(rows, equal ? 100.0 : 1000.0);
    case EventColumn::tags:
      return std::min(rows, 500.0);
    case EventColumn::created_at:
      return rows / (equal ? 100 : 3);
    case EventColumn::stream_position:
      return rows / (equal ? 10 : 2);
    default:
      return rows / (equal ? 20 : 8);
  }
}

// The log has one order; a stream by its positions is in that order as well.
bool gives_order(const sqlite3_index_info* info, bool one_stream) {
  if (info->nOrderBy == 0) return false;
  for (int i = 0; i < info->nOrderBy; ++i) {
    const auto& term = info->aOrderBy[i];
    const auto column = EventColumn(term.iColumn);
    const bool along_the_log =
        term.iColumn < 0 || column == EventColumn::global_position || column == EventColumn::created_at;
    if (!along_the_log && !(one_stream && column == EventColumn::stream_position)) return false;
    if (term.desc != info->aOrderBy[0].desc) return false;
  }
  return true;
}

// "B=H*": a column and a comparison for every value that xFilter will get.
std::string described(const sqlite3_index_info* info, const std::vector<Offered>& taken) {
  std::string text;
  for (const auto& one : taken) {
    const int column = std::max(info->aConstraint[one.constraint].iColumn, 0);
    text += static_cast<char>('A' + column);
    text += static_cast<char>(one.comparison);
  }
  return text;
}

int best_index(sqlite3_vtab* base, sqlite3_index_info* info) {
  const auto& view = *static_cast<EventsTable*>(base)->view;
  double rows = std::max(1.0, static_cast<double>(view.upto.value()));
  std::vector<Offered> taken;
  bool one_stream = false;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto comparison = comparison_for(info, i);
    if (!comparison) continue;
    if (*comparison == Comparison::any_of) sqlite3_vtab_in(info, i, 1);
    taken.push_back({i, *comparison});
    info->aConstraintUsage[i].argvIndex = static_cast<int>(taken.size());
    const auto column = EventColumn(std::max(info->aConstraint[i].iColumn, 0));
    rows = left_by(column, *comparison, rows);
    one_stream = one_stream || (column == EventColumn::stream_id && *comparison == Comparison::equal);
  }
  const auto text = described(info, taken);
  info->idxStr = sqlite3_mprintf("%s", text.c_str());
  if (!info->idxStr) return SQLITE_NOMEM;
  info->needToFreeIdxStr = 1;
  const bool ordered = gives_order(info, one_stream);
  info->orderByConsumed = ordered ? 1 : 0;
  info->idxNum = ordered && info->aOrderBy[0].desc ? 1 : 0;
  info->estimatedRows = static_cast<sqlite3_int64>(std::max(1.0, rows));
  info->estimatedCost = 10.0 + rows;
  return SQLITE_OK;
}

// ---- The values of the conditions

bool is_number_column(EventColumn column) {
  return column == EventColumn::global_position || column == EventColumn::stream_position;
}

std::string text_of(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return {text ? text : "", static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

// As the column's affinity would have it: what looks like a number is one for number columns, and the reverse.
PlanValue plan_value(EventColumn column, sqlite3_value* value) {
  const bool number = is_number_column(column);
  const int type = number ? sqlite3_value_numeric_type(value) : sqlite3_value_type(value);
  if (type == SQLITE_NULL) return std::monostate();
  if (number && type == SQLITE_INTEGER) return std::int64_t{sqlite3_value_int64(value)};
  if (number && type == SQLITE_FLOAT) return sqlite3_value_double(value);
  return text_of(value);
}

int read_values(sqlite3_value* argument, Condition& condition) {
  if (condition.comparison != Comparison::any_of) {
    condition.values.push_back(plan_value(condition.column, argument));
    return SQLITE_OK;
  }
  sqlite3_value* each = nullptr;
  int code = sqlite3_vtab_in_first(argument, &each);
  for (; code == SQLITE_OK && each; code = sqlite3_vtab_in_next(argument, &each))
    condition.values.push_back(plan_value(condition.column, each));
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

// ---- Walking

class EventsCursor : public sqlite3_vtab_cursor {
 public:
  explicit EventsCursor(LogView& view) : sqlite3_vtab_cursor{}, view_(view) {}

  int filter(const std::vector<Condition>& conditions, bool backward) {
    batch_ = {};
    at_ = 0;
    done_ = false;
    cursor_.reset();
    auto plan = plan_events(view_, conditions, backward);
    if (!plan) return fail(plan.error());
    plan_ = *std::move(plan);
    view_.note_look("events: " + plan_.to_string());
    done_ = plan_.nothing;
    if (done_) return SQLITE_OK;
    if (const auto opened = open(); !opened) return fail(opened.error());
    size_ = first_batch;
    return fetch();
  }

  int next() {
    json_data_.reset();
    ++at_;
    return at_ < batch_.size() ? settle() : fetch();
  }
  [[nodiscard]] bool eof() const { return done_; }
  [[nodiscard]] const EventView& event() const {
    STELE_ASSERT(!done_ && at_ < batch_.size(), "a row is looked at where there is one", at_, batch_.size());
    return batch_[at_];
  }

  // Checked once, however many members a question takes out of the data.
  [[nodiscard]] bool has_json_data() {
    if (!json_data_)
      json_data_ = is_json_content(event().content_type) &&
                   json_check(event().data, {.allow_repeated_keys = true}).has_value();
    return *json_data_;
  }
  [[nodiscard]] const LogView& view() const { return view_; }

 private:
  result<void> open() {
    Query query;
    if (plan_.item != QueryItem{}) query = Query::of(plan_.item);
    STELE_TRY(cursor_, view_.source.store->read(
                           {.query = std::move(query),
                            .from = plan_.backward ? plan_.to : plan_.from,
                            .direction = plan_.backward ? Direction::backward : Direction::forward}));
    return {};
  }

  int fail(const Error& why) {
    view_.failure = why;
    return SQLITE_ERROR;
  }

  int fetch() {
    if (view_.has_ended && view_.has_ended()) return SQLITE_INTERRUPT;
    auto batch = cursor_->next_batch(size_);
    if (!batch) return fail(batch.error());
    size_ = std::min(size_ * 2, largest_batch);
    batch_ = *batch;
    at_ = 0;
    view_.events_read += batch_.size();
    done_ = batch_.empty();
    return done_ ? SQLITE_OK : settle();
  }

  // The end of the plan is the end of the walk, whatever else the store would give.
  int settle() {
    const auto& now = batch_[at_];
    done_ = plan_.backward ? now.position < plan_.from : now.position > plan_.to;
    const bool one_stream = plan_.item.streams.size() == 1;
    if (one_stream && !plan_.backward && plan_.last_revision)
      done_ = done_ || now.revision > *plan_.last_revision;
    if (one_stream && plan_.backward && plan_.first_revision)
      done_ = done_ || now.revision < *plan_.first_revision;
    return SQLITE_OK;
  }

  LogView& view_;
  EventsPlan plan_;
  std::unique_ptr<Cursor> cursor_;
  std::span<const EventView> batch_;
  std::size_t at_ = 0;
  std::size_t size_ = first_batch;
  std::optional<bool> json_data_;
  bool done_ = true;
};

EventsCursor& events_cursor(sqlite3_vtab_cursor* cursor) { return *static_cast<EventsCursor*>(cursor); }

int filter(sqlite3_vtab_cursor* cursor, int number, const char* text, int count, sqlite3_value** values) {
  const std::string_view description(text ? text : "");
  STELE_ASSERT(description.size() == 2 * static_cast<std::size_t>(count), "a value for each condition",
               description, count);
  std::vector<Condition> conditions;
  for (int i = 0; i < count; ++i) {
    const auto at = 2 * static_cast<std::size_t>(i);
    Condition condition{EventColumn(description[at] - 'A'), Comparison(description[at + 1]), {}};
    if (const int code = read_values(values[i], condition); code != SQLITE_OK) return code;
    conditions.push_back(std::move(condition));
  }
  return events_cursor(cursor).filter(conditions, number == 1);
}

// ---- Columns

void answer_text(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void answer_blob(sqlite3_context* context, std::string_view bytes) {
  sqlite3_result_blob64(context, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_TRANSIENT);
}

void answer_tags(sqlite3_context* context, const TagsView& tags) {
  std::string out = "[";
  for (const std::string_view tag : tags) {
    if (out.size() > 1) out += ',';
    base::append_json_string(out, tag);
  }
  answer_text(context, out + "]");
}

bool is_json(std::string_view text) {
  return !text.empty() && json_check(text, {.allow_repeated_keys = true}).has_value();
}

int column_of(sqlite3_vtab_cursor* base, sqlite3_context* context, int column) {
  auto& cursor = events_cursor(base);
  const auto& event = cursor.event();
  switch (EventColumn(column)) {
    case EventColumn::global_position:
      sqlite3_result_int64(context, static_cast<sqlite3_int64>(event.position.value()));
      break;
    case EventColumn::stream_id:
      answer_text(context, event.stream);
      break;
    case EventColumn::stream_position:
      sqlite3_result_int64(context, static_cast<sqlite3_int64>(event.revision.value()));
      break;
    case EventColumn::event_id:
      answer_text(context, to_string(event.id));
      break;
    case EventColumn::event_type:
      answer_text(context, cursor.view().source.names.today(event.type));
      break;
    case EventColumn::data:
      if (cursor.has_json_data()) answer_text(context, event.data);
      break;
    case EventColumn::metadata:
      if (is_json(event.metadata)) answer_text(context, event.metadata);
      break;
    case EventColumn::created_at:
      answer_text(context, to_string(event.recorded_at));
      break;
    case EventColumn::category:
      answer_text(context, category_of(event.stream));
      break;
    case EventColumn::tags:
      answer_tags(context, event.tags);
      break;
    case EventColumn::content_type:
      answer_text(context, event.content_type);
      break;
    case EventColumn::recorded_type:
      answer_text(context, event.type);
      break;
    case EventColumn::data_bytes:
      answer_blob(context, event.data);
      break;
    case EventColumn::metadata_bytes:
      answer_blob(context, event.metadata);
      break;
  }
  return SQLITE_OK;
}

// ---- has_tag(tags, 'customer:17')

void has_tag(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL || sqlite3_value_type(arguments[1]) == SQLITE_NULL)
    return;
  const auto list = JsonDocument::parse(text_of(arguments[0]), {.allow_repeated_keys = true});
  const auto wanted = text_of(arguments[1]);
  bool found = false;
  if (list)
    for (const JsonValue tag : list->root().elements()) found = found || tag.as_string() == wanted;
  sqlite3_result_int(context, found ? 1 : 0);
}

// Told here that it is a condition which the store can take over.
int find_function(sqlite3_vtab*, int count, const char* name,
                  void (**function)(sqlite3_context*, int, sqlite3_value**), void**) {
  if (count != 2 || std::string_view(name) != "has_tag") return 0;
  *function = has_tag;
  return has_tag_operator;
}

// ---- The module

int connect(sqlite3* db, void* opaque, int, const char* const*, sqlite3_vtab** table, char**) {
  const int code = sqlite3_declare_vtab(db, events_declaration.data());
  if (code != SQLITE_OK) return code;
  auto made = std::make_unique<EventsTable>();
  made->view = *static_cast<std::shared_ptr<LogView>*>(opaque);
  *table = made.release();
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* table) {
  std::unique_ptr<EventsTable> gone(static_cast<EventsTable*>(table));
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab* table, sqlite3_vtab_cursor** cursor) {
  *cursor = std::make_unique<EventsCursor>(*static_cast<EventsTable*>(table)->view).release();
  return SQLITE_OK;
}

int close_cursor(sqlite3_vtab_cursor* cursor) {
  std::unique_ptr<EventsCursor> gone(static_cast<EventsCursor*>(cursor));
  return SQLITE_OK;
}

// Without xCreate the module is a table by itself: there is nothing to create in a database that only reads.
const sqlite3_module events_module = [] {
  sqlite3_module module{};
  module.xConnect = connect;
  module.xBestIndex = best_index;
  module.xDisconnect = disconnect;
  module.xOpen = open_cursor;
  module.xClose = close_cursor;
  module.xFilter = filter;
  module.xNext = [](sqlite3_vtab_cursor* cursor) { return events_cursor(cursor).next(); };
  module.xEof = [](sqlite3_vtab_cursor* cursor) { return events_cursor(cursor).eof() ? 1 : 0; };
  module.xColumn = column_of;
  module.xRowid = [](sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
    *id = static_cast<sqlite3_int64>(events_cursor(cursor).event().position.value());
    return SQLITE_OK;
  };
  module.xFindFunction = find_function;
  return module;
}();

void release_view(void* opaque) {
  std::unique_ptr<std::shared_ptr<LogView>> gone(static_cast<std::shared_ptr<LogView>*>(opaque));
}

}  // namespace

void add_events_table(sqlite3* db, const std::shared_ptr<LogView>& view) {
  auto shared = std::make_unique<std::shared_ptr<LogView>>(view);
  int code = sqlite3_create_module_v2(db, "events", &events_module, shared.release(), release_view);
  STELE_ASSERT(code == SQLITE_OK, "a table can be added to a connection", code);
  constexpr int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  code = sqlite3_create_function_v2(db, "has_tag", 2, flags, nullptr, has_tag, nullptr, nullptr, nullptr);
  STELE_ASSERT(code == SQLITE_OK, "a function can be added to a connection", code);
}

}  // namespace stele::sql
