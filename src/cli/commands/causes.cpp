// causes.cpp - `stele causes` and `stele find`: what led to what, and where something is. Both end with what was
// searched, on standard error.
#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/commands/look.hpp"
#include "cli/commands/reading.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/range.hpp"
#include "cli/report.hpp"
#include "cli/target/plan.hpp"
#include "event/event_json.hpp"
#include "history/causes.hpp"
#include "history/trace.hpp"

namespace stele::cli {
namespace {

const Shape& cause_shape() {
  using enum Column::Kind;
  static const Shape shape{{"depth", "depth", number},
                           {"elapsed_us", "elapsed µs", number},
                           {"asked", "asked", text},
                           {"event", "event", payload}};
  return shape;
}

void say_searched(Session& session, const history::Searched& searched, std::uint64_t found) {
  session.err << fmt::format("searched p{}..p{}, {}, {}; found {}\n", searched.from.value(),
                             searched.to.value(), counted(searched.events, "event"),
                             searched.complete ? "complete" : "not complete", grouped(found));
}

std::string elapsed_text(const history::Cause& cause) {
  if (!cause.elapsed) return cause.depth == 0 ? "" : "─▶ ";
  return fmt::format("─ {} ─▶ ", duration_text(static_cast<double>(*cause.elapsed) / 1e6));
}

// Positions of the whole log that the range means.
result<void> bound_search(const FindOptions& options, Session& session, history::EventSource& source,
                          history::Search& search) {
  search.from = Position(1);
  STELE_TRY(search.to, source.head());
  if (options.range.empty()) return {};
  STELE_TRY(const auto range, parse_range(options.range));
  STELE_TRY(const auto target, open_target(session, Use::reading));
  STELE_TRY(const auto bounds, resolve(range, "", *target, session.now()));
  if (bounds.from_position) search.from = std::max(search.from, *bounds.from_position);
  if (bounds.to_position) search.to = std::min(search.to, *bounds.to_position);
  if (bounds.last && search.to.value() > *bounds.last)
    search.from = Position(search.to.value() - *bounds.last + 1);
  return {};
}

result<history::Search> search_of(const FindOptions& options, Session& session,
                                  history::EventSource& source) {
  history::Search search{.text = options.text, .correlation = options.correlation, .actor = options.actor};
  if (!options.where.empty()) {
    STELE_TRY(search.where, history::Expression::parse(options.where));
    if (search.where->needs().after || search.where->needs().before)
      return usage_error("a search sees events, not states: `" + options.where + "` asks for a state")
          .help(
              "begin places with data, metadata, type, stream, time, ...; states are searched by stele "
              "bisect");
  }
  QueryItem item = item_of(options.filter);
  if (has_filter(item)) search.query = Query::of(std::move(item));
  search.limit = options.limit == 0 ? no_limit : options.limit;
  search.stop = session.stop;
  STELE_CHECK(bound_search(options, session, source, search));
  return search;
}

}  // namespace

std::string cause_line(const history::Cause& cause) {
  const auto trace = history::trace_of(cause.event.metadata);
  return fmt::format("{:{}}{}{} v{} of {}  p{}  {}  {}{}\n", "", 2 * cause.depth, elapsed_text(cause),
                     one_line(cause.event.type), cause.event.revision.value(), one_line(cause.event.stream),
                     cause.event.position.value(), to_string(cause.event.recorded_at),
                     one_line(trace.command), cause.asked ? "   ◀" : "");
}

result<int> execute(const CausesOptions& options, Session& session) {
  const auto id = parse_uuid(options.event);
  if (!id) return usage_error("`" + options.event + "` is not an event id (a UUID)");
  RecordWriter writer(session, cause_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto source, open_source(session));
  STELE_TRY(const auto causes, history::causes_of(*source, *id));
  if (session.format() == Format::table) {
    for (const auto& each : causes.tree) session.out << cause_line(each);
  } else {
    for (const auto& each : causes.tree) STELE_CHECK(writer.add(history::cause_json(each)));
    STELE_CHECK(writer.finish());
  }
  say_searched(session, causes.searched, causes.tree.size());
  return exit_done;
}

result<int> execute(const FindOptions& options, Session& session) {
  RecordWriter writer(session, event_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto source, open_source(session));
  STELE_TRY(const auto search, search_of(options, session, *source));
  session.handles_stop();
  const auto searched = history::find_events(*source, search, [&](const EventView& event) -> result<void> {
    std::string record;
    append_event_json(record, event);
    return writer.add(record);
  });
  if (!searched) {
    writer.finish_with(searched.error());
    return searched.error();
  }
  STELE_CHECK(writer.finish());
  say_searched(session, *searched, writer.count());
  return searched->complete ? exit_done : exit_leftovers;
}

}  // namespace stele::cli
