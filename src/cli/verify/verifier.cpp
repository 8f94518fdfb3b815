// verifier.cpp - the log's files by the same recovery that opening uses, then the index by asking it.
#include "cli/verify/verifier.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/output/text.hpp"
#include "cli/verify/order_check.hpp"
#include "engine/index/sealed_file.hpp"
#include "engine/log/directory.hpp"
#include "engine/log/recovery.hpp"
#include "io/world.hpp"
#include "stele/store.hpp"

namespace stele::cli {
namespace {

namespace elog = engine::log;

constexpr std::size_t events_per_batch = 1024;

// What the files hold, and what was wrong with them.
struct LogCheck {
  elog::RecoveryReport report;
  OrderCheck order;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// No page, or one of another store, is no knowledge: recovery then judges by the marks in the frames.
Position known_durable(io::Disk& disk, const std::string& directory, const Uuid& store) {
  auto page = disk.shared_page(elog::watermark_path(directory), false);
  if (!page) return {};
  const auto mark = elog::Watermark(std::move(*page), store).read();
  return mark ? mark->durable : Position{};
}

// Sizes are taken first, so a log that grows meanwhile does not count bytes that were not looked at.
result<LogCheck> check_log(const std::string& directory) {
  auto& disk = io::real_world().disk;
  STELE_TRY(const auto manifest, elog::read_manifest(disk, directory));
  // Taken before the files are looked at: what was durable then must be there.
  const auto durable = known_durable(disk, directory, manifest.store);
  STELE_TRY(const auto files, elog::open_log(disk, elog::log_path(directory), false));
  LogCheck check;
  check.files = files.files.size();
  for (const auto& file : files.files) {
    STELE_TRY(const auto size, file->size());
    check.bytes += size;
  }
  STELE_TRY(const auto rewritten, elog::rewritten_until(files.inputs()));
  if (rewritten > Position{}) check.order.allow_dropped();
  const auto visit = [&](std::size_t segment, std::uint64_t, const elog::FrameView& frame) {
    const auto name = std::to_string(segment);
    for (elog::FrameEvents events(frame); events.next();) check.order.take(events.event(), name);
  };
  STELE_TRY(
      check.report,
      elog::recover({.store = manifest.store, .segments = files.inputs(), .known_durable = durable}, visit));
  return check;
}

Finding finding_of(const elog::Damage& damage) {
  return {.first = damage.first,
          .last = damage.last,
          .stream = {},
          .file = "log/" + damage.segment,
          .what = to_string(damage)};
}

// Whole segments, or places in the order of segments, belong to the structure; bytes inside to the checksums.
bool is_structural(const elog::Damage& damage) { return damage.begin == damage.end; }

// Damages sorted by what they hurt.
Layer layer_of(const LogCheck& check, std::string name, std::string summary, bool structural) {
  Layer layer{.name = std::move(name), .summary = std::move(summary), .findings = {}, .more = 0};
  for (const auto& damage : check.report.damages) {
    if (is_structural(damage) == structural) add_finding(layer, finding_of(damage));
  }
  return layer;
}

// A torn tail is no finding: nobody was ever told that it is there.
Layer structure_of(const LogCheck& check) {
  auto summary = fmt::format("{}, {}, p1..p{}", counted(check.files, "segment"), byte_size(check.bytes),
                             grouped(check.report.last.value()));
  if (check.report.last == Position{}) summary = counted(check.files, "segment") + ", no events";
  if (check.report.torn)
    summary += fmt::format("; {} of an append that was never acknowledged behind them",
                           byte_size(check.report.torn->end - check.report.torn->begin));
  return layer_of(check, "structure", std::move(summary), true);
}

// While the log is read a segment is a number; its name is known when recovery is done.
Layer order_of(const LogCheck& check) {
  auto layer = check.order.layer();
  for (auto& finding : layer.findings)
    finding.file = "log/" + check.report.segments.at(std::stoul(finding.file)).name;
  return layer;
}

// ---- The index, asked from outside

Finding index_finding(std::string stream, Position at, std::string what) {
  return {.first = at, .last = at, .stream = std::move(stream), .file = {}, .what = std::move(what)};
}

// The event that ends the stream in the log must be the one the index leads to.
result<void> check_stream(EventStore& store, const std::string& name, const StreamTotals& totals,
                          Layer& layer) {
  auto cursor = store.read_stream({.stream = name, .from = totals.last_revision, .limit = 1});
  // What a stream's retention hides from its readers is in the log all the same.
  if (!cursor && (cursor.error().kind() == errc::not_found || cursor.error().kind() == errc::gone)) {
    Query query;
    query.items.emplace().push_back({.types = {}, .tags = {}, .streams = {name}, .categories = {}});
    cursor = store.read({.query = std::move(query),
                         .from = totals.last_position,
                         .direction = Direction::backward,
                         .limit = 1});
  }
  if (!cursor) {
    add_finding(layer, index_finding(name, totals.last_position, cursor.error().to_string()));
    return {};
  }
  const auto events = (*cursor)->next_batch(1);
  if (!events) {
    add_finding(layer, index_finding(name, totals.last_position, events.error().to_string()));
  } else if (events->empty() || events->front().position != totals.last_position) {
    add_finding(layer,
                index_finding(name, totals.last_position,
                              fmt::format("v{} is not where the log has it", totals.last_revision.value())));
  }
  return {};
}

// Every position up to the log's end, through the index: the ids must come in the same order.
result<void> check_positions(EventStore& store, const LogCheck& check, Layer& layer) {
  STELE_TRY(const auto cursor, store.read({.query = Query::all(), .from = {}, .limit = no_limit}));
  std::uint32_t sum = 0;
  std::uint64_t seen = 0;
  while (seen < check.order.events()) {
    const auto events = cursor->next_batch(events_per_batch);
    if (!events) {
      add_finding(layer, index_finding({}, {}, events.error().to_string()));
      if (events.error().kind() != errc::corrupt) return {};
      continue;  // reading goes on behind the damage
    }
    if (events->empty()) break;
    for (const auto& event : *events) {
      if (event.position > check.order.last()) break;
      sum = add_id(sum, event.id);
      ++seen;
    }
  }
  if (seen == check.order.events() && sum == check.order.id_sum()) return {};
  add_finding(
      layer, index_finding({}, check.order.last(),
                           fmt::format("reading by position gave {} events, or others than the {} of the log",
                                       seen, check.order.events())));
  return {};
}

// Every page of the files that the index stands in. A writer may be merging them: one that is gone was replaced.
result<void> check_index_files(const std::string& directory, Layer& layer) {
  auto& disk = io::real_world().disk;
  const auto path = elog::index_path(directory);
  STELE_TRY(const bool there, disk.exists(path));
  if (!there) return {};
  STELE_TRY(const auto names, disk.list(path));
  for (const auto& name : names) {
    const auto range = engine::layout::parse_file_name(name);
    if (!range) continue;
    const auto file = disk.open(path / name, io::Mode::read);
    if (!file && file.error().kind() == errc::not_found) continue;
    if (!file) return file.error();
    const auto opened = engine::SealedFile::open(**file);
    const auto verified = opened ? (*opened)->verify() : result<std::uint64_t>(opened.error());
    if (verified) continue;
    add_finding(layer, {.first = range->first,
                        .last = range->second,
                        .stream = {},
                        .file = "index/" + name,
                        .what = verified.error().to_string()});
  }
  return {};
}

// Asking the index for everything proves that it leads back to the same events.
result<Layer> check_index(const std::string& directory, const LogCheck& check) {
  Layer layer{.name = "index", .summary = {}, .findings = {}, .more = 0};
  STELE_CHECK(check_index_files(directory, layer));
  STELE_TRY(const auto store, open(directory, {.access = Access::read_only}));
  STELE_CHECK(check_positions(*store, check, layer));
  for (const auto& [name, totals] : check.order.streams())
    STELE_CHECK(check_stream(*store, name, totals, layer));
  layer.summary = fmt::format("{} and the end of {} looked up", counted(check.order.events(), "position"),
                              counted(check.order.streams().size(), "stream"));
  return layer;
}

}  // namespace

bool Verification::ok() const {
  return std::ranges::all_of(layers, [](const Layer& layer) { return layer.findings.empty(); });
}

result<Verification> verify_store(const std::string& directory) {
  STELE_TRY(const auto check, check_log(directory));
  Verification verification;
  verification.bytes = check.bytes;
  verification.layers.push_back(structure_of(check));
  verification.layers.push_back(
      layer_of(check, "checksums", counted(check.report.frames, "frame") + ", every byte recomputed", false));
  verification.layers.push_back(order_of(check));
  STELE_TRY(auto index, check_index(directory, check));
  verification.layers.push_back(std::move(index));
  return verification;
}

}  // namespace stele::cli
