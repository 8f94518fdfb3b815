// projection_rebuild.cpp - `stele projection rebuild`: begin it and look on until the new model serves. A bar on a
// terminal, lines elsewhere; both on standard error, the final state on standard output.
#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <thread>

#include "base/json_reader.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/projection_server.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/text.hpp"

namespace stele::cli {
namespace {

constexpr std::chrono::milliseconds look_every{100};
constexpr int looks_per_line = 20;  // where there is no terminal
constexpr std::uint64_t bar_cells = 24;

// What the server says of a build; nothing when there is none (any more).
struct BuildSeen {
  std::string state;
  std::string reason;
  std::uint64_t position = 0;
  std::uint64_t head = 0;
  std::uint64_t applied = 0;
  std::uint64_t per_second = 0;
  std::optional<std::uint64_t> remaining_ms;
  std::uint64_t parked = 0;
};

std::uint64_t number_of(const JsonValue& object, std::string_view name) {
  const auto member = object.find(name);
  return member ? member->as_u64().value_or(0) : 0;
}

std::string words_of(const JsonValue& object, std::string_view name) {
  const auto member = object.find(name);
  return member ? std::string(member->as_string().value_or("")) : std::string();
}

result<std::optional<BuildSeen>> build_in(const std::string& body) {
  STELE_TRY(const auto document, JsonDocument::parse(body));
  const auto build = document.root().find("rebuild");
  if (!build || !build->is(JsonType::object)) return std::optional<BuildSeen>();
  BuildSeen seen;
  seen.state = words_of(*build, "state");
  seen.reason = words_of(*build, "reason");
  seen.position = number_of(*build, "position");
  seen.head = number_of(*build, "head");
  seen.applied = number_of(*build, "applied");
  seen.per_second = number_of(*build, "events_per_second");
  const auto remaining = build->find("remaining_ms");
  if (remaining && !remaining->is(JsonType::null)) seen.remaining_ms = remaining->as_u64().value_or(0);
  seen.parked = number_of(*build, "parked");
  return std::optional(seen);
}

std::string progress_text(const BuildSeen& seen) {
  const std::uint64_t percent = seen.head > 0 ? seen.position * 100 / seen.head : 100;
  std::string text = fmt::format("{:>3}%  {} / {}  {} events/s", percent, grouped(seen.position),
                                 grouped(seen.head), grouped(seen.per_second));
  if (seen.remaining_ms) text += "  ETA " + duration_text(static_cast<double>(*seen.remaining_ms) / 1000.0);
  if (seen.parked > 0) text += fmt::format("  {} parked", grouped(seen.parked));
  return text;
}

std::string bar_of(const BuildSeen& seen) {
  const std::uint64_t full = seen.head > 0 ? seen.position * bar_cells / seen.head : bar_cells;
  std::string bar;
  for (std::uint64_t cell = 0; cell < bar_cells; ++cell) bar += cell < full ? "█" : "░";
  return bar;
}

// On a terminal one line that is written over; otherwise a line now and then, for logs.
class ProgressShown {
 public:
  explicit ProgressShown(Session& session) : session_(session) {}
  void show(const BuildSeen& seen) {
    if (session_.err_is_terminal) {
      session_.err << "\r\x1b[K  " << bar_of(seen) << "  " << progress_text(seen) << std::flush;
    } else if (looks_++ % looks_per_line == 0) {
      session_.err << progress_text(seen) << '\n' << std::flush;
    }
  }
  void end() {
    if (session_.err_is_terminal) session_.err << "\r\x1b[K" << std::flush;
  }

 private:
  Session& session_;
  int looks_ = 0;
};

int exit_of_build(Session& session, const std::string& name, const BuildSeen& seen) {
  if (seen.state == "ready") return exit_done;
  if (seen.state == "different") {
    session.err << "the new model differs from the one that serves: look at `stele projection info " << name
                << "`, then swap it or discard it\n";
    return exit_check_failed;
  }
  session.err << "error: the rebuild of " << name << " has failed; the old model serves\n"
              << "  " << one_line(seen.reason) << '\n';
  return exit_failed;
}

// Until the build is over one way or another; Ctrl-C ends the looking on, not the build.
result<int> look_on(Session& session, ProjectionServer& server, const std::string& name) {
  session.handles_stop();
  ProgressShown progress(session);
  std::uint64_t parked = 0;
  std::uint64_t applied = 0;
  while (true) {
    STELE_TRY(const auto body, server.get(projection_path(name)));
    STELE_TRY(const auto seen, build_in(body));
    if (!seen) {
      progress.end();
      session.err << fmt::format("{} serves a new model; {} applied, {} parked\n", name,
                                 counted(applied, "event"), grouped(parked));
      session.out << body << '\n';
      return parked > 0 ? exit_leftovers : exit_done;
    }
    if (seen->state != "building") {
      progress.end();
      session.out << body << '\n';
      return exit_of_build(session, name, *seen);
    }
    parked = seen->parked;
    applied = seen->applied;
    progress.show(*seen);
    if (session.stop.stop_requested()) {
      progress.end();
      session.err << "the rebuild goes on in the server\n";
      return exit_signal + (session.stop_signal ? session.stop_signal() : 2);
    }
    std::this_thread::sleep_for(look_every);
  }
}

}  // namespace

result<int> execute(const ProjectionRebuildOptions& options, Session& session) {
  STELE_TRY(auto server, ProjectionServer::of(session));
  JsonObject body;
  if (options.dry_run) body.boolean("estimate", true);
  if (options.discard) body.boolean("discard", true);
  if (options.compare) body.boolean("compare", true);
  if (options.keep) body.boolean("swap", false);
  STELE_TRY(const auto answer, server.post(projection_path(options.name) + "/rebuild", body.take()));
  if (!options.dry_run && !options.discard && !options.detach) return look_on(session, server, options.name);
  session.out << answer << '\n';
  return exit_done;
}

}  // namespace stele::cli
