// aggregate.cpp - `stele aggregate`: states at any moment, what each event changed, what differs, who set what.
#include <fmt/format.h>

#include <deque>
#include <ostream>

#include "base/json_reader.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/look.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "history/blame.hpp"
#include "history/change.hpp"
#include "history/trace.hpp"

namespace stele::cli {
namespace {

constexpr std::uint64_t steps_on_terminal = 20;
constexpr std::size_t most_changes_of_field = 1'000;

const Shape& type_shape() {
  using enum Column::Kind;
  static const Shape shape{{"type", "type", text}, {"fold", "fold", text}};
  return shape;
}

const Shape& state_shape() {
  using enum Column::Kind;
  static const Shape shape{{"type", "type", text}, {"id", "id", text}, {"version", "version", number},
                           {"of", "of", number},   {"at", "at", time}, {"state", "state", payload},
                           {"fold", "fold", text}};
  return shape;
}

const Shape& step_shape() {
  using enum Column::Kind;
  static const Shape shape{{"version", "version", number},
                           {"position", "", number},
                           {"at", "at", time},
                           {"type", "type", text},
                           {"user", "user", text},
                           {"correlation", "", text},
                           {"id", "", text},
                           {"change", "change", text},
                           {"changes", "", payload}};
  return shape;
}

const Shape& difference_shape() {
  using enum Column::Kind;
  static const Shape shape{
      {"field", "field", text}, {"before", "before", payload}, {"after", "after", payload}};
  return shape;
}

const Shape& blame_shape() {
  using enum Column::Kind;
  static const Shape shape{{"field", "field", text},  {"value", "value", payload},
                           {"before", "", payload},   {"version", "version", number},
                           {"position", "", number},  {"type", "type", text},
                           {"at", "at", time},        {"user", "user", text},
                           {"correlation", "", text}, {"id", "", text}};
  return shape;
}

// When the last event of a state was recorded; empty before the first.
result<std::string> recorded_at(const Look& look, std::optional<Revision> revision) {
  std::string at;
  if (!revision) return at;
  const auto take = [&](const EventView& event) -> result<bool> {
    at = to_string(event.recorded_at);
    return false;
  };
  STELE_CHECK(look.source->read_stream(look.info.stream, *revision, *revision, take));
  return at;
}

std::string step_record(const history::Step& step, const std::vector<history::Change>& changes) {
  auto out = history::event_members(step.event);
  const auto more = JsonObject()
                        .text("change", history::changes_line(changes))
                        .raw("changes", history::changes_json(changes))
                        .take();
  return out + "," + more.substr(1);
}

// The last so many of a walk, or all of it as it comes.
class StepPrinter {
 public:
  StepPrinter(RecordWriter& writer, bool reverse) : writer_(writer), reverse_(reverse) {}
  result<bool> take(const history::Step& step) {
    STELE_TRY(const auto changes, history::changes_between(step.before, step.after));
    const auto record = step_record(step, changes);
    if (reverse_)
      kept_.push_front(record);
    else
      STELE_CHECK(writer_.add(record));
    return true;
  }
  result<void> finish() {
    for (const auto& record : kept_) STELE_CHECK(writer_.add(record));
    return writer_.finish();
  }

 private:
  RecordWriter& writer_;
  bool reverse_;
  std::deque<std::string> kept_;
};

result<void> add_types_of_server(const Session& session, RecordWriter& writer) {
  STELE_TRY(const auto body, get_from_server(session, "/v1/aggregates"));
  STELE_TRY(const auto document, JsonDocument::parse(body));
  const auto list = document.root().find("aggregates");
  if (!list) return Error(errc::unavailable, "the server's answer about aggregates cannot be read");
  for (const JsonValue each : list->elements()) STELE_CHECK(writer.add(each.raw()));
  return {};
}

}  // namespace

result<int> execute(const AggregateListOptions& options, Session& session) {
  RecordWriter writer(session, type_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const bool remote, server_folds(session, options.fold));
  if (remote) {
    STELE_CHECK(add_types_of_server(session, writer));
  } else {
    STELE_TRY(const auto folds, local_folds(options.fold));
    for (const auto& fold : folds->all())
      STELE_CHECK(writer.add(JsonObject().text("type", fold->category).text("fold", fold->name).take()));
  }
  STELE_CHECK(writer.finish());
  return exit_done;
}

result<int> execute(const AggregateShowOptions& options, Session& session) {
  RecordWriter writer(session, state_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto look, open_look(session, options));
  STELE_TRY(const auto revision, look.moment(session, options.as_of));
  STELE_TRY(const auto state, look.timeline->state_at(revision));
  STELE_TRY(const auto at, recorded_at(look, revision));
  JsonObject record;
  record.text("type", look.type).text("id", look.id);
  record.raw("version", revision ? std::to_string(revision->value()) : "null");
  record.number("of", look.info.last_revision.value());
  if (!at.empty()) record.text("at", at);
  STELE_CHECK(writer.add(record.raw("state", state).text("fold", look.timeline->fold_name()).take()));
  STELE_CHECK(writer.finish());
  return exit_done;
}

result<int> execute(const AggregateLogOptions& options, Session& session) {
  RecordWriter writer(session, step_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto look, open_look(session, options));
  STELE_TRY(auto range, look.range(session, options.range));
  const bool whole = options.range.empty();
  auto limit = options.limit.value_or(session.out_is_terminal && whole ? steps_on_terminal : 0);
  const auto there = range.to.value() - range.from.value() + 1;
  if (limit != 0 && limit < there) range.from = Revision(range.to.value() - limit + 1);
  StepPrinter printer(writer, options.reverse);
  const auto walked =
      look.timeline->walk(range.from, range.to, [&](const auto& step) { return printer.take(step); });
  if (!walked) {
    writer.finish_with(walked.error());
    return walked.error();
  }
  STELE_CHECK(printer.finish());
  if (limit != 0 && limit < there && !options.limit)
    session.err << fmt::format("the last {} of {} events · -n 0 for all\n", limit, grouped(there));
  return exit_done;
}

result<int> execute(const AggregateDiffOptions& options, Session& session) {
  RecordWriter writer(session, difference_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto look, open_look(session, options));
  const std::string_view range = options.range;
  const auto dots = range.find("..");
  const auto low = range.substr(0, dots);
  const auto high = dots == std::string_view::npos ? std::string_view() : range.substr(dots + 2);
  STELE_TRY(const auto from, look.moment(session, low.empty() ? "start" : low));
  STELE_TRY(const auto to, look.moment(session, high.empty() ? "head" : high));
  STELE_TRY(const auto before, look.timeline->state_at(from));
  STELE_TRY(const auto after, look.timeline->state_at(to));
  STELE_TRY(const auto changes, history::changes_between(before, after));
  const int code = options.exit_code && !changes.empty() ? exit_check_failed : exit_done;
  if (options.patch) {
    session.out << history::json_patch(changes) << '\n';
    return code;
  }
  for (const auto& each : changes)
    STELE_CHECK(writer.add([&] {
      const auto all = history::changes_json({each});
      return all.substr(1, all.size() - 2);
    }()));
  STELE_CHECK(writer.finish());
  return code;
}

result<int> execute(const AggregateBlameOptions& options, Session& session) {
  RecordWriter writer(session, blame_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto look, open_look(session, options));
  STELE_TRY(const auto revision, look.moment(session, options.as_of));
  std::vector<history::Blame> all;
  if (options.field.empty()) {
    STELE_TRY(all, history::blame_at(*look.timeline, revision));
  } else if (revision) {
    STELE_TRY(all,
              history::changes_of_field(*look.timeline, options.field, *revision, most_changes_of_field));
  }
  for (const auto& blame : all) STELE_CHECK(writer.add(history::blame_json(blame)));
  STELE_CHECK(writer.finish());
  return exit_done;
}

}  // namespace stele::cli
