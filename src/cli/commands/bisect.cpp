// bisect.cpp - `stele bisect`: the first event where a condition holds, in one history or in all of a type, with what
// led to it.
#include <fmt/format.h>

#include <ostream>
#include <thread>

#include "cli/commands/bisect_server.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/look.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "event/event_json.hpp"
#include "history/causes.hpp"
#include "history/change.hpp"

namespace stele::cli {
namespace {

constexpr std::size_t most_threads = 8;

const Shape& culprit_shape() {
  using enum Column::Kind;
  static const Shape shape{{"stream", "stream", text}, {"version", "version", number},
                           {"change", "change", text}, {"before", "", payload},
                           {"after", "", payload},     {"event", "event", payload},
                           {"causes", "", payload},    {"fold", "", text}};
  return shape;
}

// The chain up: from the event back to the first of its causes that the log has.
result<std::string> chain_of(history::EventSource& source, const RecordedEvent& event) {
  STELE_TRY(const auto causes, history::causes_of(source, event.id, {.events = 200, .looked_at = 200'000}));
  std::string out = "[";
  for (const auto& each : causes.tree) out += (out.size() > 1 ? "," : "") + history::cause_json(each);
  return out + "]";
}

result<std::string> culprit_record(history::EventSource& source, const history::KeptStep& step,
                                   const std::string& fold) {
  STELE_TRY(const auto changes, history::changes_between(step.before, step.after));
  STELE_TRY(const auto chain, chain_of(source, step.event));
  std::string event;
  append_event_json(event, step.event);
  return JsonObject()
      .text("stream", step.event.stream)
      .number("version", step.event.revision.value())
      .text("change", history::changes_line(changes))
      .raw("before", step.before)
      .raw("after", step.after)
      .raw("event", event)
      .raw("causes", chain)
      .text("fold", fold)
      .take();
}

result<int> bisect_one(const BisectOptions& options, const history::Expression& bad, Session& session,
                       RecordWriter& writer) {
  STELE_TRY(const auto look, open_look(session, options));
  const auto& extent = look.timeline->extent();
  STELE_TRY(const auto found,
            history::first_where(*look.timeline, bad, extent.first, extent.last, options.monotone));
  if (found) {
    STELE_TRY(const auto record, culprit_record(*look.source, *found, look.timeline->fold_name()));
    STELE_CHECK(writer.add(record));
  }
  STELE_CHECK(writer.finish());
  session.err << fmt::format("searched {} v{}..v{}, complete\n", extent.stream, extent.first.value(),
                             found ? found->event.revision.value() : extent.last.value());
  return found ? exit_done : exit_not_found;
}

result<history::SweepResult> sweep_all(const BisectOptions& options, const history::Expression& bad,
                                       Session& session, std::string& fold_name) {
  const SweepProgress progress = [&](std::uint64_t streams, std::uint64_t events) {
    if (session.err_is_terminal)
      session.err << fmt::format("\r{} streams, {} events", grouped(streams), grouped(events));
  };
  STELE_TRY(const bool remote, server_folds(session, options.fold));
  if (remote) return sweep_on_server(options, session, progress, fold_name);
  STELE_TRY(const auto place, place_of(session));
  STELE_TRY(const auto folds, local_folds(options.fold));
  STELE_TRY(const auto* const fold, folds->find(options.type));
  fold_name = fold->name;
  history::Sweep sweep{.category = options.type, .most_found = options.limit, .stop = session.stop};
  sweep.progress = progress;
  if (!place.url.empty()) {  // with a fold file: one connection
    sweep.threads = 1;
    return history::sweep([&] { return open_source(session); }, *fold, bad, sweep);
  }
  sweep.threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, most_threads);
  STELE_TRY(const auto store, open(place.dir, {.access = Access::read_only}));
  return history::sweep([&] { return std::make_unique<history::StoreSource>(*store); }, *fold, bad, sweep);
}

result<int> bisect_all(const BisectOptions& options, const history::Expression& bad, Session& session,
                       RecordWriter& writer) {
  session.handles_stop();
  std::string fold_name;
  STELE_TRY(const auto swept, sweep_all(options, bad, session, fold_name));
  STELE_TRY(const auto source, open_source(session));
  for (const auto& step : swept.found) {
    STELE_TRY(const auto record, culprit_record(*source, step, fold_name));
    STELE_CHECK(writer.add(record));
  }
  STELE_CHECK(writer.finish());
  for (const auto& why : swept.unreadable) session.err << "cannot be folded: " << why << '\n';
  session.err << fmt::format("searched {} of {}, {}; found {}, {}\n", counted(swept.streams, "stream"),
                             options.type, counted(swept.events, "event"), grouped(swept.found.size()),
                             swept.complete ? "complete" : "not complete");
  if (!swept.complete || !swept.unreadable.empty()) return exit_leftovers;
  return swept.found.empty() ? exit_not_found : exit_done;
}

}  // namespace

result<int> execute(const BisectOptions& options, Session& session) {
  RecordWriter writer(session, culprit_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto bad, history::Expression::parse(options.bad));
  return options.id.empty() ? bisect_all(options, bad, session, writer)
                            : bisect_one(options, bad, session, writer);
}

}  // namespace stele::cli
