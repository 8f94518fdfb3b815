// read.cpp - `stele read` and `stele export`: stored events to standard output or a file.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "cli/commands/commands.hpp"
#include "cli/commands/reading.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "cli/target/owned_view.hpp"
#include "event/event_json.hpp"

namespace stele::cli {
namespace {

constexpr std::uint64_t terminal_rows = 20;

// How much to read and from which end. On a terminal and without a range: the last twenty, newest last.
struct Amount {
  std::uint64_t limit = no_limit;
  bool from_the_end = false;
  bool cut_by_us = false;  // nobody asked for this limit, so it is announced
};

Amount amount_of(const ReadOptions& options, const ReadingPlan& reading, const Session& session) {
  Amount amount;
  const bool whole = options.range.empty();
  amount.from_the_end = whole || reading.last.has_value();
  if (options.limit) {
    amount.limit = *options.limit == 0 ? no_limit : *options.limit;
  } else if (session.out_is_terminal && !reading.last) {
    amount.limit = terminal_rows;
    amount.cut_by_us = true;
  }
  if (reading.last) amount.limit = std::min(amount.limit, *reading.last);
  if (amount.limit == no_limit) amount.from_the_end = false;
  return amount;
}

// Reads backward and hands the events over in the order of the log.
result<void> read_last(Target& target, ReadPlan plan, const EventSink& sink) {
  std::vector<RecordedEvent> events;
  plan.direction = Direction::backward;
  STELE_CHECK(target.read(plan, [&](const EventView& event) -> result<bool> {
    events.push_back(event.to_owned());
    return true;
  }));
  std::reverse(events.begin(), events.end());
  for (const auto& event : events) {
    STELE_TRY(const bool more, sink(OwnedView(event).view()));
    if (!more) break;
  }
  return {};
}

// Reverse wins: what is read from the end anyway needs no turning round.
result<void> walk(Target& target, const ReadOptions& options, ReadPlan plan, const Amount& amount,
                  const EventSink& sink) {
  plan.limit = amount.limit;
  if (options.reverse) plan.direction = Direction::backward;
  if (amount.from_the_end && !options.reverse) return read_last(target, plan, sink);
  return target.read(plan, sink);
}

// "20 of 1,204 events": the total is only known where no filter takes part.
result<void> announce_cut(Session& session, Target& target, const ReadingPlan& reading, std::uint64_t shown) {
  if (!reading.plan.stream.empty()) {
    STELE_TRY(const auto info, target.stream_info(reading.plan.stream));
    if (info.events > shown)
      session.err << fmt::format("{} of {} events · -n 0 for all\n", shown, grouped(info.events));
    return {};
  }
  STELE_TRY(const auto head, target.head());
  if (head.events > shown)
    session.err << fmt::format("{} of {} events · -n 0 for all\n", shown, grouped(head.events));
  return {};
}

// One buffer for all lines: an export of millions of events should not allocate for each.
class EventPrinter {
 public:
  explicit EventPrinter(RecordWriter& writer) : writer_(writer) {}
  result<bool> operator()(const EventView& event) {
    line_.clear();
    append_event_json(line_, event);
    STELE_CHECK(writer_.add(line_));
    return true;
  }

 private:
  RecordWriter& writer_;
  std::string line_;
};

}  // namespace

result<int> execute(const ReadOptions& options, Session& session) {
  RecordWriter writer(session, event_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto target, open_target(session, Use::reading));
  STELE_TRY(const auto reading,
            plan_reading(options.stream, options.range, options.filter, *target, session.now()));
  const auto amount = amount_of(options, reading, session);
  EventPrinter printer(writer);
  const auto outcome = walk(*target, options, reading.plan, amount, std::ref(printer));
  if (!outcome) {
    writer.finish_with(outcome.error());
    return outcome.error();
  }
  STELE_CHECK(writer.finish());
  if (amount.cut_by_us && writer.count() == amount.limit)
    STELE_CHECK(announce_cut(session, *target, reading, writer.count()));
  return exit_done;
}

result<int> execute(const ExportOptions& options, Session& session) {
  if (options.to != "jsonl")
    return usage_error(fmt::format("cannot export to '{}'", options.to)).help("use --to jsonl");
  std::ofstream file;
  const bool to_file = !options.file.empty() && options.file != "-";
  STELE_TRY(const auto target, open_target(session, Use::reading));
  STELE_TRY(const auto reading,
            plan_reading(options.stream, options.range, options.filter, *target, session.now()));
  if (to_file) {
    file.open(options.file, std::ios::binary | std::ios::trunc);
    if (!file)
      return Error(errc::denied, "cannot write " + options.file).help("check the path and its permissions");
  }
  Session output = for_machines(session, to_file ? static_cast<std::ostream&>(file) : session.out);
  RecordWriter writer(output, event_shape());
  EventPrinter printer(writer);
  const auto outcome = target->read(reading.plan, std::ref(printer));
  if (!outcome) {
    writer.finish_with(outcome.error());
    return outcome.error();
  }
  STELE_CHECK(writer.finish());
  session.err << fmt::format("exported {}\n", counted(writer.count(), "event"));
  return exit_done;
}

}  // namespace stele::cli
