// archive.cpp - `stele archive`: one line per closed segment that was compressed or moved, and what that gave.
#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "stele/store.hpp"

namespace stele::cli {
namespace {

const Shape& archived_shape() {
  using enum Column::Kind;
  static const Shape shape{{"first", "first", number},         {"last", "last", number},
                           {"bytes_before", "before", number}, {"bytes_after", "after", number},
                           {"compressed", "compressed", text}, {"place", "place", text}};
  return shape;
}

std::string archived_record(const ArchivedSegment& segment) {
  return JsonObject()
      .number("first", segment.first.value())
      .number("last", segment.last.value())
      .number("bytes_before", segment.bytes_before)
      .number("bytes_after", segment.bytes_after)
      .boolean("compressed", segment.compressed)
      .text("place", segment.place.string())
      .take();
}

// The bytes that leave the log's disk when nobody has the files open any more.
std::uint64_t freed_here(const ArchivedSegment& segment) {
  if (!segment.changed) return 0;
  const auto stays = segment.place.empty() ? segment.bytes_after : 0;
  return segment.bytes_before > stays ? segment.bytes_before - stays : 0;
}

std::string summary_of(const std::vector<ArchivedSegment>& segments, bool dry_run) {
  std::uint64_t changed = 0;
  std::uint64_t freed = 0;
  for (const auto& segment : segments) {
    changed += segment.changed ? 1 : 0;
    freed += freed_here(segment);
  }
  if (dry_run)
    return fmt::format("would archive {} of {} segments\n", grouped(changed), grouped(segments.size()));
  return fmt::format("✓ archived {} of {} segments, {} less beside the log\n", grouped(changed),
                     grouped(segments.size()), byte_size(freed));
}

result<ArchiveOptions> options_of(const ArchiveCommandOptions& given) {
  ArchiveOptions options{.to = given.to,
                         .compress = given.compress,
                         .before = {},
                         .keep_segments = given.keep_segments,
                         .dry_run = given.dry_run,
                         .progress = {}};
  if (given.to.empty() && !given.compress)
    return usage_error("nothing was asked for").help("give --to DIRECTORY, --compress, or both");
  if (given.before.empty()) return options;
  const auto moment = parse_moment(given.before);
  const auto* const position = moment ? std::get_if<Position>(&moment->at) : nullptr;
  if (position == nullptr)
    return usage_error("--before takes a position, not '" + given.before + "'").help("p90211, for example");
  options.before = *position;
  return options;
}

}  // namespace

result<int> execute(const ArchiveCommandOptions& given, Session& session) {
  RecordWriter writer(session, archived_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(auto options, options_of(given));
  auto dir = session.common.place.dir;
  if (dir.empty()) dir = setting(session, "STELE_DIR").value_or("");
  if (dir.empty())
    return usage_error("no store directory was named").help("give --dir DIRECTORY, or set STELE_DIR");
  STELE_TRY(const auto store, open(dir, {.access = Access::read_write, .create = false}));
  // Each as soon as it is done: a run may take long, and what is told has happened.
  result<void> told{};
  options.progress = [&](const ArchivedSegment& segment, std::uint64_t, std::uint64_t) {
    if (told && segment.changed) told = writer.add(archived_record(segment));
    writer.flush();
  };
  const auto done = archive(*store, options);
  if (!done) {
    writer.finish_with(done.error());
    return done.error();
  }
  STELE_CHECK(told);
  STELE_CHECK(writer.finish());
  session.err << summary_of(*done, options.dry_run);
  return exit_done;
}

}  // namespace stele::cli
