// tail.cpp - `stele tail`: history, then live, until Ctrl-C.
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands/commands.hpp"
#include "cli/commands/reading.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "event/event_json.hpp"

namespace stele::cli {
namespace {

// The position behind which to begin. A subscription knows positions only, so the last N and revisions are
// looked up by a short read from the end.
result<Position> start_after(Target& target, const ReadingPlan& reading) {
  ReadPlan plan = reading.plan;
  if (reading.last || plan.from_revision) {
    plan.direction = reading.last ? Direction::backward : Direction::forward;
    plan.limit = reading.last.value_or(1);
    STELE_TRY(const auto head, target.head());
    if (plan.limit == 0) return head.position;
    Position first = head.position.next();
    const auto found = target.read(plan, [&](const EventView& event) -> result<bool> {
      first = event.position;
      return true;
    });
    // A stream that is not there yet can be waited for.
    if (!found && found.error().kind() != errc::not_found) return found.error();
    return Position(first.value() - 1);
  }
  const auto first = std::max(plan.from_position.value_or(Position(1)), Position(1));
  const Position after(first.value() - 1);
  STELE_TRY(const auto head, target.head());
  if (after <= head.position) return after;
  return Error(errc::invalid, fmt::format("position {} is beyond the end of the log: its last event is at {}",
                                          first.value(), head.position.value()))
      .with("head", std::to_string(head.position.value()))
      .help("begin at --since head to see only what is new");
}

// Ending by --limit is success; ending by a signal says which, as shells do.
int stopped_by(const Session& session) {
  return session.stop.stop_requested() ? exit_signal + session.stop_signal() : static_cast<int>(exit_done);
}

}  // namespace

result<int> execute(const TailOptions& options, Session& session) {
  RecordWriter writer(session, event_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto target, open_target(session, Use::reading));
  const auto since = options.since.find("..") == std::string::npos ? options.since + ".." : options.since;
  STELE_TRY(auto reading, plan_reading(options.stream, since, options.filter, *target, session.now()));
  STELE_TRY(const auto after, start_after(*target, reading));
  reading.plan.limit = options.limit == 0 ? no_limit : options.limit;
  reading.plan.from_position.reset();
  session.handles_stop();
  bool announced = false;
  const auto live = [&] {
    writer.flush();
    if (!std::exchange(announced, true) && session.err_is_terminal)
      session.err << "── live ──\n" << std::flush;
  };
  std::string line;
  const auto print = [&](const EventView& event) -> result<bool> {
    line.clear();
    append_event_json(line, event);
    STELE_CHECK(writer.add(line));
    if (announced) writer.flush();
    return true;
  };
  const auto outcome = target->follow(reading.plan, after, print, live, session.stop);
  if (!outcome) {
    writer.finish_with(outcome.error());
    return outcome.error();
  }
  STELE_CHECK(writer.finish());
  session.err << counted(writer.count(), "event") + "\n";
  return stopped_by(session);
}

}  // namespace stele::cli
