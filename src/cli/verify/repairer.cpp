// repairer.cpp - finding repairs in what recovery and the index say, and making them one by one.
#include "cli/verify/repairer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/output/text.hpp"
#include "engine/index/file_layout.hpp"
#include "engine/index/sealed_file.hpp"
#include "engine/log/directory.hpp"
#include "engine/log/recovery.hpp"
#include "engine/log/watermark.hpp"
#include "engine/records/records.hpp"
#include "io/world.hpp"
#include "stele/store.hpp"

namespace stele::cli {
namespace {

namespace fs = std::filesystem;
namespace elog = engine::log;

io::Disk& disk() { return io::real_world().disk; }

constexpr std::string_view from_backup =
    "restore a backup, or go on reading the rest: nothing here is ever cut";

// ---- MANIFEST

// What all segments say of themselves; nothing when they are of several stores, or none can be read.
std::optional<elog::Manifest> manifest_from_segments(const elog::LogFiles& files) {
  std::optional<elog::Manifest> found;
  std::string bytes(elog::segment_header_bytes, '\0');
  for (const auto& file : files.files) {
    const auto got = file->read_at(0, bytes);
    const auto header =
        got ? elog::parse_header(std::string_view(bytes).substr(0, *got)).header : std::nullopt;
    if (!header) continue;
    if (found && found->store != header->store) return std::nullopt;
    if (!found || header->created_at < found->created_at)
      found = elog::Manifest{.store = header->store,
                             .major = elog::format_major,
                             .minor = elog::plain_minor,
                             .created_at = header->created_at};
  }
  return found;
}

class Planner {
 public:
  explicit Planner(const std::string& directory) : directory_(directory) {}

  result<RepairPlan> run() {
    STELE_CHECK(leftovers(directory_, ""));
    STELE_CHECK(leftovers(elog::log_path(directory_), "log/"));
    STELE_TRY(const auto store, find_manifest());
    if (!store) return std::move(plan_);
    STELE_CHECK(look_at_log(*store));
    STELE_CHECK(look_at_index());
    look_at_mark(*store);
    look_at_records();
    return std::move(plan_);
  }

 private:
  void repair(RepairKind kind, std::string file, std::string what) {
    plan_.repairs.push_back({.kind = kind, .file = std::move(file), .what = std::move(what), .done = false});
  }
  void refuse(const elog::Damage& damage) {
    plan_.refusals.push_back({.first = damage.first,
                              .last = damage.last,
                              .file = "log/" + damage.segment,
                              .what = elog::to_string(damage),
                              .help = std::string(from_backup)});
  }

  // Only what stele itself names so.
  result<void> leftovers(const fs::path& folder, const std::string& prefix) {
    STELE_TRY(const auto names, disk().list(folder));
    for (const auto& name : names) {
      const bool ours = name == "MANIFEST.tmp" || name.ends_with(".seg.tmp");
      if (ours)
        repair(RepairKind::remove_file, prefix + name,
               "a file whose making was interrupted; it is never read");
    }
    return {};
  }

  // Nothing: the store cannot be told, and why stands among the refusals.
  result<std::optional<Uuid>> find_manifest() {
    const auto manifest = elog::read_manifest(disk(), directory_);
    if (manifest) return std::optional(manifest->store);
    if (manifest.error().kind() == errc::invalid) return manifest.error();
    STELE_TRY(const auto files, elog::open_log(disk(), elog::log_path(directory_), false));
    const auto made = manifest_from_segments(files);
    if (made) {
      repair(RepairKind::remake_manifest, "MANIFEST",
             fmt::format("{}; every segment says that this is store {}", manifest.error().message(),
                         to_string(made->store)));
      return std::optional(made->store);
    }
    plan_.refusals.push_back(
        {.first = {},
         .last = {},
         .file = "MANIFEST",
         .what = manifest.error().message() + ", and the segments do not tell which store it was",
         .help = "restore MANIFEST from a backup of this store"});
    return std::optional<Uuid>();
  }

  result<void> look_at_log(const Uuid& store) {
    const auto durable = known_durable(store);
    STELE_TRY(const auto files, elog::open_log(disk(), elog::log_path(directory_), false));
    STELE_TRY(const auto report,
              elog::recover({.store = store, .segments = files.inputs(), .known_durable = durable}));
    for (const auto& damage : report.damages) {
      if (is_header_copy(damage))
        repair(RepairKind::mend_header, "log/" + damage.segment, damage.reason + "; the other one is whole");
      else
        refuse(damage);
    }
    if (report.torn && report.damages.empty())
      repair(RepairKind::cut_tail, "log/" + report.torn->segment,
             fmt::format("{} behind byte {} of an append that was never acknowledged",
                         byte_size(report.torn->end - report.torn->begin), report.torn->begin));
    return {};
  }

  [[nodiscard]] Position known_durable(const Uuid& store) const {
    auto page = disk().shared_page(elog::watermark_path(directory_), false);
    if (!page) return {};
    const auto mark = elog::Watermark(std::move(*page), store).read();
    return mark ? mark->durable : Position{};
  }

  // Exactly this range is told when one of the two copies is damaged, or they differ.
  [[nodiscard]] bool is_header_copy(const elog::Damage& damage) const {
    if (damage.begin != 0 || damage.end != elog::segment_header_bytes || damage.first != Position{})
      return false;
    const auto file = disk().open(elog::log_path(directory_) / damage.segment, io::Mode::read);
    if (!file) return false;
    std::string bytes(elog::segment_header_bytes, '\0');
    const auto got = (*file)->read_at(0, bytes);
    if (!got) return false;
    // Two whole copies that differ: which of them is right, nothing tells.
    const auto parsed = elog::parse_header(std::string_view(bytes).substr(0, *got));
    const auto half = std::string_view(bytes).substr(0, bytes.size() / 2);
    return parsed.header && !parsed.damage.empty() && half != std::string_view(bytes).substr(half.size()) &&
           parsed.damage != "the two copies of the segment header differ";
  }

  result<void> look_at_index() {
    const auto folder = elog::index_path(directory_);
    STELE_TRY(const bool there, disk().exists(folder));
    if (!there) return {};
    STELE_TRY(const auto names, disk().list(folder));
    for (const auto& name : names) {
      if (name.ends_with(".idx.tmp"))
        repair(RepairKind::remove_file, "index/" + name,
               "a file whose making was interrupted; it is never read");
      if (!engine::layout::parse_file_name(name)) continue;
      const auto file = disk().open(folder / name, io::Mode::read);
      const auto opened =
          file ? engine::SealedFile::open(**file) : result<std::unique_ptr<engine::SealedFile>>(file.error());
      const auto verified = opened ? (*opened)->verify() : result<std::uint64_t>(opened.error());
      if (!verified) repair(RepairKind::remake_index, "index/" + name, verified.error().message());
    }
    return {};
  }

  void look_at_mark(const Uuid& store) {
    auto page = disk().shared_page(elog::watermark_path(directory_), false);
    if (!page) return;
    const bool published = (*page)->load(elog::WatermarkWords::magic) != 0;
    if (published && !elog::Watermark(std::move(*page), store).read())
      repair(RepairKind::remake_mark, "watermark", "it does not match its checksum, or is of another store");
  }

  void look_at_records() {
    const auto path = fs::path(directory_) / "records.db";
    const auto checked = engine::check_records(path);
    if (!checked && checked.error().kind() == errc::not_found) return;
    std::string what = checked ? "" : checked.error().message();
    if (checked && !checked->findings.empty()) what = checked->findings.front();
    if (what.empty()) return;
    plan_.refusals.push_back(
        {.first = {},
         .last = {},
         .file = "records.db",
         .what = std::move(what),
         .help = "restore it from a backup; without it snapshots are taken anew, outboxes and sagas "
                 "need to be told where they stand"});
  }

  const std::string& directory_;
  RepairPlan plan_;
};

// ---- Making them

result<void> mend_header(const fs::path& path) {
  STELE_TRY(const auto file, disk().open(path, io::Mode::write));
  std::string bytes(elog::segment_header_bytes, '\0');
  STELE_TRY(const auto got, file->read_at(0, bytes));
  const auto parsed = elog::parse_header(std::string_view(bytes).substr(0, got));
  if (!parsed.header) return Error(errc::corrupt, path.string() + ": " + parsed.damage);
  STELE_CHECK(file->write_at(0, elog::encode_header(*parsed.header)));
  return file->sync_data();
}

result<void> remove_durably(const fs::path& path) {
  STELE_CHECK(disk().remove(path));
  return disk().sync_directory(path.parent_path());
}

result<void> write_manifest(const std::string& directory) {
  STELE_TRY(const auto files, elog::open_log(disk(), elog::log_path(directory), false));
  const auto manifest = manifest_from_segments(files);
  if (!manifest) return Error(errc::corrupt, "the segments do not tell which store this is");
  return io::replace_file(disk(), elog::manifest_path(directory), elog::encode_manifest(*manifest));
}

result<void> make(const std::string& directory, const Repair& repair) {
  const auto path = fs::path(directory) / repair.file;
  switch (repair.kind) {
    case RepairKind::mend_header:
      return mend_header(path);
    case RepairKind::remove_file:
    case RepairKind::remake_index:
    case RepairKind::remake_mark:
      return remove_durably(path);
    case RepairKind::remake_manifest:
      return write_manifest(directory);
    case RepairKind::cut_tail:
      return {};  // opening the store does it: there is one place that knows how
  }
  return {};
}

}  // namespace

std::string_view name_of(RepairKind kind) {
  switch (kind) {
    case RepairKind::cut_tail:
      return "cut_tail";
    case RepairKind::mend_header:
      return "mend_header";
    case RepairKind::remove_file:
      return "remove_file";
    case RepairKind::remake_index:
      return "remake_index";
    case RepairKind::remake_mark:
      return "remake_mark";
    case RepairKind::remake_manifest:
      return "remake_manifest";
  }
  return "";
}

// Beside a writer nothing could be told: what it is just doing looks unfinished.
result<RepairPlan> plan_repairs(const std::string& directory) {
  STELE_TRY(const bool there, disk().exists(elog::log_path(directory)));
  if (!there) return Error(errc::not_found, "no store in " + directory).with("path", directory);
  const auto lock = disk().lock(elog::lock_path(directory));
  if (!lock && lock.error().kind() == errc::busy) return lock.error();
  return Planner(directory).run();
}

// The lock is held while files change, and given back for the opening that does the rest.
result<void> make_repairs(const std::string& directory, RepairPlan& plan) {
  {
    STELE_TRY(const auto lock, disk().lock(elog::lock_path(directory)));
    for (auto& repair : plan.repairs) {
      STELE_CHECK(make(directory, repair));
      repair.done = repair.kind != RepairKind::cut_tail;
    }
  }
  if (plan.repairs.empty() || !plan.refusals.empty()) return {};
  // A torn tail is cut, and what is missing of the index is made.
  STELE_TRY(const auto store, open(directory, {.access = Access::read_write, .create = false}));
  for (auto& repair : plan.repairs) repair.done = true;
  return {};
}

}  // namespace stele::cli
