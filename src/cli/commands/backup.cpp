// backup.cpp - `stele backup` and `stele restore`: what was copied, up to which event, and how that was checked.
#include "engine/backup/backup.hpp"

#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/commands/store_directory.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "io/world.hpp"
#include "stele/event.hpp"

namespace stele::cli {
namespace {

const Shape& backup_shape() {
  using enum Column::Kind;
  static const Shape shape{{"last_position", "up to", number},
                           {"segments", "segments", number},
                           {"kept", "kept", number},
                           {"bytes_copied", "copied", number},
                           {"to", "to", text}};
  return shape;
}

const Shape& restore_shape() {
  using enum Column::Kind;
  static const Shape shape{{"last_position", "up to", number},
                           {"events", "events", number},
                           {"bytes", "bytes", number},
                           {"store", "store", text},
                           {"dir", "dir", text}};
  return shape;
}

result<void> print_one(Session& session, const Shape& shape, const std::string& record) {
  RecordWriter writer(session, shape);
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return {};
  STELE_CHECK(writer.add(record));
  return writer.finish();
}

// "p90211" or a time: places that mean the same in every store.
result<engine::RestoreOptions> restore_options(const RestoreCommandOptions& options) {
  // Both may know events that a cut leaves out, and both are made anew from the log.
  engine::RestoreOptions how{.until = {}, .until_time = {}, .forget = {"snapshot", "idempotency"}};
  if (options.until.empty()) return how;
  STELE_TRY(const auto moment, parse_moment(options.until));
  if (const auto* position = std::get_if<Position>(&moment.at))
    how.until = *position;
  else if (const auto* time = std::get_if<Timestamp>(&moment.at))
    how.until_time = *time;
  else
    return usage_error("--until is '" + options.until + "'")
        .help("give a position such as p90211, or a time");
  return how;
}

}  // namespace

result<int> execute(const BackupCommandOptions& options, Session& session) {
  STELE_TRY(const auto directory, store_directory(session));
  const engine::BackupOptions how{.progress = [&](const engine::BackupProgress& progress) {
    if (session.err_is_terminal)
      session.err << fmt::format("\rsegment {} of {}, {} copied  ", progress.segment, progress.of,
                                 byte_size(progress.bytes))
                  << std::flush;
  }};
  STELE_TRY(const auto report, engine::back_up(io::real_world(), directory, options.to, how));
  if (session.err_is_terminal) session.err << '\n';
  STELE_CHECK(print_one(session, backup_shape(),
                        JsonObject()
                            .number("last_position", report.last.value())
                            .number("segments", report.segments)
                            .number("kept", report.kept)
                            .number("bytes_copied", report.bytes)
                            .text("to", options.to)
                            .take()));
  session.err << fmt::format("✓ backed up to p{}: {} copied and read back, {} kept of an earlier run\n",
                             grouped(report.last.value()), byte_size(report.bytes),
                             counted(report.kept, "segment"));
  return exit_done;
}

result<int> execute(const RestoreCommandOptions& options, Session& session) {
  STELE_TRY(const auto how, restore_options(options));
  const auto& directory = session.common.place.dir;
  STELE_TRY(const auto report, engine::restore(io::real_world(), options.from, directory, how));
  STELE_CHECK(print_one(session, restore_shape(),
                        JsonObject()
                            .number("last_position", report.last.value())
                            .number("events", report.events)
                            .number("bytes", report.bytes)
                            .text("store", to_string(report.store))
                            .text("dir", directory)
                            .take()));
  session.err << fmt::format("✓ restored {} up to p{}; the new store is {}\n",
                             counted(report.events, "event"), grouped(report.last.value()),
                             to_string(report.store));
  return exit_done;
}

}  // namespace stele::cli
