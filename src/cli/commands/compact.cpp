// compact.cpp - `stele compact`: one line per segment that holds events which are gone, and what came of it.
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

constexpr std::array<std::string_view, gone_kinds> gone_names{"deleted",    "tombstoned", "truncated",
                                                              "over_count", "too_old",    "old_metadata"};

const Shape& compacted_shape() {
  using enum Column::Kind;
  static const Shape shape{{"first", "first", number},         {"last", "last", number},
                           {"gone_events", "gone", number},    {"gone_bytes", "bytes", number},
                           {"bytes_before", "before", number}, {"bytes_after", "after", number},
                           {"rewritten", "rewritten", text},   {"gone", "", payload}};
  return shape;
}

std::string gone_json(const CompactedSegment& segment) {
  JsonObject json;
  for (std::size_t i = 0; i < gone_kinds; ++i) {
    const auto& gone = segment.gone[i];
    if (gone.events == 0) continue;
    json.raw(gone_names[i], JsonObject().number("events", gone.events).number("bytes", gone.bytes).take());
  }
  return json.take();
}

std::string compacted_record(const CompactedSegment& segment) {
  const auto gone = segment.all_gone();
  return JsonObject()
      .number("first", segment.first.value())
      .number("last", segment.last.value())
      .number("gone_events", gone.events)
      .number("gone_bytes", gone.bytes)
      .number("bytes_before", segment.bytes_before)
      .number("bytes_after", segment.bytes_after)
      .boolean("rewritten", segment.rewritten)
      .raw("gone", gone_json(segment))
      .take();
}

struct Sum {
  std::uint64_t segments = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
};

// What was freed, or would be.
Sum freed(const std::vector<CompactedSegment>& segments) {
  Sum sum;
  for (const auto& segment : segments) {
    if (segment.bytes_after >= segment.bytes_before || segment.all_gone().events == 0) continue;
    ++sum.segments;
    sum.events += segment.all_gone().events;
    sum.bytes += segment.bytes_before - segment.bytes_after;
  }
  return sum;
}

}  // namespace

result<int> execute(const CompactCommandOptions& options, Session& session) {
  RecordWriter writer(session, compacted_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  auto dir = session.common.place.dir;
  if (dir.empty()) dir = setting(session, "STELE_DIR").value_or("");
  if (dir.empty())
    return usage_error("no store directory was named").help("give --dir DIRECTORY, or set STELE_DIR");
  STELE_TRY(const auto store, open(dir, {.access = Access::read_write, .create = false}));
  // Each as soon as it is done: a run may take long, and what is told has happened.
  result<void> told{};
  const CompactOptions how{.dry_run = options.dry_run,
                           .min_gain = options.min_gain,
                           .progress = [&](const CompactedSegment& segment, std::size_t, std::size_t) {
                             if (told && segment.all_gone().events > 0)
                               told = writer.add(compacted_record(segment));
                             writer.flush();
                           }};
  const auto done = compact(*store, how);
  if (!done) {
    writer.finish_with(done.error());
    return done.error();
  }
  STELE_CHECK(told);
  STELE_CHECK(writer.finish());
  const auto sum = freed(*done);
  session.err << fmt::format("{} {} events and {} of {} in {} of {} segments\n",
                             options.dry_run ? "would free" : "✓ freed", grouped(sum.events),
                             byte_size(sum.bytes), dir, grouped(sum.segments), grouped(done->size()));
  return exit_done;
}

}  // namespace stele::cli
