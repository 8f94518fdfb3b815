// debug.cpp - `stele debug`: one aggregate's history stepped through, forward and back. Reads commands line by line, so
// that a script can drive it as well as a person.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <istream>
#include <ostream>
#include <vector>

#include "cli/commands/commands.hpp"
#include "cli/commands/look.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "cli/target/owned_view.hpp"
#include "event/event_json.hpp"
#include "history/blame.hpp"
#include "history/change.hpp"
#include "history/trace.hpp"

namespace stele::cli {
namespace {

using history::KeptStep;

constexpr std::size_t trail_length = 3;
constexpr std::size_t most_whys = 20;

constexpr std::string_view debug_help = R"(n [COUNT]        forward          p [COUNT]        back
g PLACE          go to v203, head, start, -2h, a time, 'CheckedOut -10m'
b TYPE           stop at events of this type
b CONDITION      stop where it holds, e.g.  b balance < 0   b data.amount > 1000
run              forward to the next stop       back             back to the one before
breaks           list the stops                 clear            forget them
s                the state                      e                the event, data and metadata
d                what this event changed        why FIELD        every event that changed it, newest first
c                what led to it, what it led to
h                this page                      q                end
)";

// "v203 MoneyWithdrawn  2026-04-15T10:31:02.118000Z  user-13" and, below it, what it changed.
std::string step_text(const KeptStep& step) {
  const auto changes = history::changes_between(step.before, step.after);
  const auto trace = history::trace_of(step.event.metadata);
  return fmt::format(
      " v{} {}  {}  {}\n   {}\n", step.event.revision.value(), one_line(step.event.type),
      to_string(step.event.recorded_at), one_line(trace.user),
      changes && !changes->empty() ? one_line(history::changes_line(*changes)) : "nothing changed");
}

std::string event_text(const KeptStep& step) {
  return fmt::format("   data     {}\n   metadata {}\n", one_line(step.event.data),
                     step.event.metadata.empty() ? "-" : one_line(step.event.metadata));
}

std::string step_json(const KeptStep& step) {
  const auto changes = history::changes_between(step.before, step.after);
  return JsonObject()
      .number("version", step.event.revision.value())
      .text("type", step.event.type)
      .text("change", changes ? history::changes_line(*changes) : "")
      .take();
}

// ---- Until: the first event where a condition holds, with the steps in front of it

// The last one is where it holds; empty: it holds nowhere.
using Trail = std::vector<KeptStep>;

// The steps in front of the stop are read once more: nothing has to be kept on the long way there.
result<Trail> walk_until(const Look& look, const history::Expression& condition, Revision from) {
  Trail trail;
  STELE_TRY(const auto found, history::first_where(*look.timeline, condition, from, look.info.last_revision));
  if (!found) return trail;
  const auto there = found->event.revision;
  const Revision begin(there.value() -
                       std::min<std::uint64_t>(there.value() - from.value(), trail_length - 1));
  STELE_CHECK(look.timeline->walk(begin, there, [&](const history::Step& step) -> result<bool> {
    trail.push_back({step.event.to_owned(), step.before, step.after});
    return true;
  }));
  return trail;
}

std::string stop_record(const Look& look, const Trail& steps) {
  const auto& last = steps.back();
  std::string trail;
  for (const auto& step : steps) trail += (trail.empty() ? "" : ",") + step_json(step);
  std::string event;
  append_event_json(event, last.event);
  return JsonObject()
      .text("stream", look.info.stream)
      .number("version", last.event.revision.value())
      .raw("trail", "[" + trail + "]")
      .raw("before", last.before)
      .raw("after", last.after)
      .raw("event", event)
      .text("fold", look.timeline->fold_name())
      .take();
}

result<int> stop_at(Session& session, const Look& look, const std::string& until, Revision from) {
  STELE_TRY(const auto condition, history::Expression::parse(until));
  STELE_TRY(const auto trail, walk_until(look, condition, from));
  if (trail.empty()) {
    session.err << fmt::format("`{}` holds at none of {} of {}\n", until,
                               counted(look.info.last_revision.value() - from.value() + 1, "event"),
                               look.info.stream);
    return exit_not_found;
  }
  if (session.format() != Format::table) {
    session.out << stop_record(look, trail) << '\n';
    return exit_done;
  }
  for (const auto& step : trail) session.out << step_text(step);
  session.out << fmt::format("   here     {}\n{}   state    {}\n", until, event_text(trail.back()),
                             one_line(trail.back().after));
  return exit_done;
}

// ---- Stepping

class Debugger {
 public:
  Debugger(Session& session, const Look& look) : session_(session), look_(look) {}

  result<void> go(std::optional<Revision> revision) {
    at_.reset();
    if (!revision) return {};
    STELE_TRY(at_, history::step_at(*look_.timeline, *revision));
    return {};
  }

  int run() {
    session_.out << fmt::format("{}  v{}..v{}  by {}  (h for help)\n", look_.info.stream,
                                look_.timeline->extent().first.value(), look_.info.last_revision.value(),
                                look_.timeline->fold_name());
    show();
    for (std::string line; !ended_ && !session_.stop.stop_requested() && prompt(line);) {
      if (const auto done = obey(line); !done)
        session_.out << "   " << done.error().message()
                     << (done.error().help().empty() ? "" : "; " + done.error().help()) << '\n';
    }
    return exit_done;
  }

 private:
  bool prompt(std::string& line) {
    if (session_.out_is_terminal) session_.out << "(stele debug) ";
    session_.out.flush();
    return static_cast<bool>(std::getline(session_.in, line));
  }

  result<void> obey(std::string_view line) {
    const auto first = line.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    line.remove_prefix(first);
    const auto word = line.substr(0, line.find(' '));
    auto rest = line.substr(std::min(line.size(), word.size() + 1));
    rest = rest.substr(std::min(rest.size(), rest.find_first_not_of(' ')));
    if (word == "n" || word == "next") return step(rest, true);
    if (word == "p" || word == "prev") return step(rest, false);
    if (word == "g" || word == "goto") return jump(rest);
    if (word == "b" || word == "break") return add_break(rest);
    if (word == "run") return run_on();
    if (word == "back") return run_back();
    if (word == "why") return why(rest);
    return answer(word);
  }

  result<void> answer(std::string_view word) {
    if (word == "s" || word == "state") {
      STELE_TRY(const auto state, look_.timeline->state_at(at()));
      session_.out << "   " << one_line(state) << '\n';
    } else if (word == "e" || word == "event") {
      session_.out << (at_ ? event_text(*at_) : "   before the first event\n");
    } else if (word == "d" || word == "diff") {
      show();
    } else if (word == "c" || word == "causes") {
      STELE_CHECK(show_causes());
    } else if (word == "breaks") {
      for (const auto& each : breaks_) session_.out << "   " << each.text() << '\n';
    } else if (word == "clear") {
      breaks_.clear();
    } else if (word == "q" || word == "quit") {
      ended_ = true;
    } else if (word == "h" || word == "help") {
      session_.out << debug_help;
    } else {
      return Error(errc::invalid, "there is no `" + std::string(word) + "` here")
          .help("h lists what there is");
    }
    return {};
  }

  [[nodiscard]] std::optional<Revision> at() const {
    return at_ ? std::optional(at_->event.revision) : std::nullopt;
  }

  // The transaction that the event at hand belongs to.
  result<void> show_causes() {
    if (!at_) return Error(errc::invalid, "nothing has happened yet");
    STELE_TRY(const auto causes, history::causes_of(*look_.source, at_->event.id));
    for (const auto& each : causes.tree) session_.out << "   " << cause_line(each);
    return {};
  }

  void show() { session_.out << (at_ ? step_text(*at_) : " before the first event\n"); }

  result<void> step(std::string_view text, bool forward) {
    std::uint64_t count = 1;
    if (!text.empty()) {
      const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
      if (failure != std::errc{} || stop != text.data() + text.size())
        return Error(errc::invalid, "`" + std::string(text) + "` is no number of steps");
    }
    const auto first = look_.timeline->extent().first.value();
    const auto here = at_ ? at_->event.revision.value() + 1 : first;  // how many are behind us
    const auto end = look_.info.last_revision.value() + 1;
    const auto there = forward ? here + std::min(count, end - here) : here - std::min(count, here - first);
    STELE_CHECK(go(there == first ? std::nullopt : std::optional(Revision(there - 1))));
    show();
    return {};
  }

  result<void> jump(std::string_view place) {
    STELE_TRY(const auto revision, look_.moment(session_, place));
    STELE_CHECK(go(revision));
    show();
    return {};
  }

  // One word is an event's type.
  result<void> add_break(std::string_view text) {
    const bool is_type = !text.empty() && text.find_first_of(" <>=()") == std::string_view::npos;
    STELE_TRY(auto parsed,
              history::Expression::parse(is_type ? "type = '" + std::string(text) + "'" : std::string(text)));
    session_.out << "   stops at " << parsed.text() << '\n';
    breaks_.push_back(std::move(parsed));
    return {};
  }

  // All stops as one condition, so that one walk finds the first of them.
  result<history::Expression> any_break() const {
    if (breaks_.empty()) return Error(errc::invalid, "there is nothing to stop at").help("b balance < 0");
    std::string all;
    for (const auto& each : breaks_) all += (all.empty() ? "(" : " or (") + each.text() + ")";
    return history::Expression::parse(all);
  }

  result<void> run_on() {
    STELE_TRY(const auto condition, any_break());
    const auto from = at_ ? at_->event.revision.next() : look_.timeline->extent().first;
    std::optional<KeptStep> found;
    if (from <= look_.info.last_revision) {
      STELE_TRY(found, history::first_where(*look_.timeline, condition, from, look_.info.last_revision));
    }
    return stopped(std::move(found), "no stop between here and the end");
  }

  result<void> run_back() {
    STELE_TRY(const auto condition, any_break());
    const auto first = look_.timeline->extent().first;
    std::optional<KeptStep> found;
    if (at_ && at_->event.revision > first) {
      const auto to = Revision(at_->event.revision.value() - 1);
      STELE_TRY(found, history::last_where(*look_.timeline, condition, first, to));
    }
    return stopped(std::move(found), "no stop between here and the beginning");
  }

  result<void> stopped(std::optional<KeptStep> found, std::string_view otherwise) {
    if (!found) {
      session_.out << "   " << otherwise << '\n';
      return {};
    }
    at_ = std::move(found);
    show();
    return {};
  }

  result<void> why(std::string_view field) {
    if (!at_) return Error(errc::invalid, "nothing has happened yet");
    STELE_TRY(const auto all,
              history::changes_of_field(*look_.timeline, field, at_->event.revision, most_whys));
    for (const auto& each : all) session_.out << "   " << history::blame_json(each) << '\n';
    if (all.empty()) session_.out << "   no event has changed it\n";
    return {};
  }

  Session& session_;
  const Look& look_;
  std::optional<KeptStep> at_;  // nothing: before the first event
  std::vector<history::Expression> breaks_;
  bool ended_ = false;
};

}  // namespace

result<int> execute(const DebugOptions& options, Session& session) {
  STELE_TRY(const auto look, open_look(session, options));
  STELE_TRY(const auto from, look.moment(session, options.from.empty() ? "start" : options.from));
  if (!options.until.empty())
    return stop_at(session, look, options.until, from ? *from : look.timeline->extent().first);
  Debugger debugger(session, look);
  STELE_CHECK(debugger.go(from));
  return debugger.run();
}

}  // namespace stele::cli
