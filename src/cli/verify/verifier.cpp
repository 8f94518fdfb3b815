// verifier.cpp - the log's files by the same recovery that opening uses, and beside it everything that must agree with
// the log: layer by layer.
#include "cli/verify/verifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/output/text.hpp"
#include "cli/verify/log_check.hpp"
#include "engine/backup/backup.hpp"
#include "engine/index/index_files.hpp"
#include "engine/log/directory.hpp"
#include "engine/log/recovery.hpp"
#include "io/world.hpp"
#include "stele/store.hpp"

namespace stele::cli {
namespace {

namespace elog = engine::log;

// The index files that a reader would believe. Their names are taken before the log is looked at: so what they cover
// is among its files.
result<IndexAgreement> believed_index(const engine::IndexFiles& files, const std::vector<std::string>& names,
                                      const elog::LogFiles& log) {
  STELE_TRY(const auto segments, engine::read_log_segments(log.inputs(), files.store()));
  STELE_TRY(auto parts, files.trusted(names, segments));
  return IndexAgreement(std::move(parts));
}

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
  const engine::IndexFiles index(disk, elog::index_path(directory), manifest.store);
  STELE_TRY(const auto names, index.list());
  STELE_TRY(const auto files, elog::open_log(disk, elog::log_path(directory), false));
  LogCheck check;
  check.store = manifest.store;
  STELE_TRY(check.agreement, believed_index(index, names, files));
  check.files = files.files.size();
  for (const auto& file : files.files) {
    STELE_TRY(const auto size, file->size());
    check.bytes += size;
  }
  STELE_TRY(const auto rewritten, elog::rewritten_until(files.inputs()));
  if (rewritten > Position{}) check.order.allow_dropped();
  const auto visit = [&](std::size_t segment, std::uint64_t offset, const elog::FrameView& frame) {
    const auto name = std::to_string(segment);
    check.order.take_mark(frame.first(), frame.durable(), name);
    check.agreement.take(offset, frame);
    for (elog::FrameEvents events(frame); events.next();) {
      check.order.take(events.event(), name);
      check.retention.take(events.event());
    }
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

result<Verification> verify_backup(const std::string& directory) {
  STELE_TRY(const auto check, engine::check_backup(io::real_world().disk, directory));
  Layer layer{.name = "backup", .summary = {}, .findings = {}, .more = 0};
  for (const auto& finding : check.findings)
    add_finding(layer, {.first = finding.first,
                        .last = finding.last,
                        .stream = {},
                        .file = finding.file,
                        .what = finding.what});
  layer.summary =
      fmt::format("{} in {}, p1..p{}, every byte recomputed", counted(check.events, "event"),
                  counted(check.list.segments.size(), "segment"), grouped(check.list.last().value()));
  return Verification{.layers = {std::move(layer)}, .bytes = check.bytes};
}

// How far readers see what was checked. The log is read to its last whole append, which a writer may just be syncing:
// that becomes visible in a moment, or never when the writer died over it. Beside damage nothing is waited for.
Position visible_end(EventStore& store, const LogCheck& check) {
  constexpr std::chrono::seconds patience{1};
  if (check.report.damages.empty()) (void)store.wait_for(check.order.last(), patience);
  return std::min(store.head().position, check.order.last());
}

}  // namespace

bool Verification::ok() const {
  return std::ranges::all_of(layers, [](const Layer& layer) { return layer.findings.empty(); });
}

result<Verification> verify_store(const std::string& directory) {
  STELE_TRY(const bool is_backup, io::real_world().disk.exists(engine::backup_list_path(directory)));
  if (is_backup) return verify_backup(directory);
  STELE_TRY(auto check, check_log(directory));
  Verification verification;
  verification.bytes = check.bytes;
  verification.layers.push_back(structure_of(check));
  verification.layers.push_back(
      layer_of(check, "checksums", counted(check.report.frames, "frame") + ", every byte recomputed", false));
  verification.layers.push_back(order_of(check));
  STELE_TRY(const auto store, open(directory, {.access = Access::read_only}));
  const auto end = visible_end(*store, check);
  STELE_TRY(auto index, check_index(directory, check, *store, end));
  verification.layers.push_back(std::move(index));
  verification.layers.push_back(check.retention.layer(*store, check.order, end));
  verification.layers.push_back(check_records_file(directory, verification.bytes));
  verification.layers.push_back(check_watermark(directory, check));
  return verification;
}

}  // namespace stele::cli
