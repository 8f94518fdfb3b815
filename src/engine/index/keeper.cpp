// keeper.cpp - sealing, merging, rebuilding, adopting; each replaces parts of the index as its last step.
#include "engine/index/keeper.hpp"

#include <algorithm>
#include <ranges>

#include "base/assert.hpp"
#include "engine/index/merge.hpp"
#include "engine/log/scanner.hpp"

namespace stele::engine {
namespace {

using PartList = Index::Parts;

bool is_sealed(const std::shared_ptr<const Part>& part) {
  return static_cast<const IndexPart&>(*part).sealed();
}
const ActivePart& in_memory(const Part& part) { return static_cast<const ActivePart&>(part); }
std::shared_ptr<const SealedPart> in_file(const std::shared_ptr<const Part>& part) {
  return std::static_pointer_cast<const SealedPart>(part);
}

}  // namespace

// ---- Sealing

std::optional<CoveredSegment> IndexKeeper::covered(const ActivePart& part, Position next) const {
  CoveredSegment segment{part.first(), std::max(part.end(), log::segment_header_bytes), 0, part.frames(),
                         part.last().value() - part.first().value() + 1 - part.missing()};
  bool has_gaps = false;
  std::uint64_t gaps_end = 0;
  if (!log_.empty()) {
    const auto at =
        std::ranges::find(log_, part.first(), [](const LogSegment& known) { return known.header.first; });
    if (at == log_.end() || at + 1 == log_.end() || (at + 1)->header.first != next) return std::nullopt;
    segment.salt = at->header.salt;
    has_gaps = at->header.has_gaps();
    gaps_end = at->header.end;
  } else {
    const auto ordinal = segments_.find(part.first());
    if (!ordinal || !segments_.find(next)) return std::nullopt;
    const auto& open = segments_.at(part.frames() > 0 ? part.segment() : *ordinal);
    if (open.first != part.first()) return std::nullopt;
    segment.salt = open.salt;
    has_gaps = open.has_gaps;
    gaps_end = open.visible_end.load(std::memory_order_acquire);
  }
  // Positions that are missing where none may be were damaged: that is for the log to tell, every time.
  if (part.missing() > 0 && !has_gaps) return std::nullopt;
  if (has_gaps) segment.end = gaps_end;
  return segment;
}

result<std::shared_ptr<SealedPart>> IndexKeeper::seal_part(const ActivePart& part,
                                                           const CoveredSegment& segment) {
  const std::lock_guard writing(writing_);
  STELE_CHECK(files_.make_directory());
  STELE_TRY(const auto path,
            seal(part, segment, {files_.disk(), files_.directory(), files_.store(), &stop_}));
  STELE_TRY(auto sealed, files_.open(path.filename().string()));
  STELE_ASSERT(sealed->first() == part.first() && sealed->last() == part.last(),
               "a file has the part's events", sealed->first().value(), sealed->last().value());
  return sealed;
}

std::size_t IndexKeeper::waiting() const {
  const auto parts = index_.parts();
  return static_cast<std::size_t>(
      std::count_if(parts->begin(), parts->end() - 1, [](const auto& part) { return !is_sealed(part); }));
}

result<bool> IndexKeeper::seal_one() {
  const std::lock_guard working(working_);
  return seal_oldest();
}

result<bool> IndexKeeper::seal_oldest() {
  const auto parts = index_.parts();
  for (std::size_t i = 0; i + 1 < parts->size(); ++i) {
    const auto& part = (*parts)[i];
    if (is_sealed(part)) continue;
    const auto segment = covered(in_memory(*part), (*parts)[i + 1]->first());
    if (!segment) continue;
    STELE_TRY(auto sealed, seal_part(in_memory(*part), *segment));
    // While the store is being opened they are bound later, all at once.
    if (log_.empty()) {
      auto ordinals = ordinals_of(*sealed);
      if (!ordinals) continue;
      sealed->bind(*std::move(ordinals));
    }
    index_.replace(std::span(&part, 1), {std::move(sealed)});
    return true;
  }
  return false;
}

std::optional<std::vector<std::uint32_t>> IndexKeeper::ordinals_of(const SealedPart& part) const {
  std::vector<std::uint32_t> ordinals;
  for (const auto& segment : part.segments()) {
    const auto ordinal = segments_.find(segment.first, segment.salt);
    if (!ordinal) return std::nullopt;
    ordinals.push_back(*ordinal);
  }
  return ordinals;
}

// ---- Merging

result<bool> IndexKeeper::merge_one(const std::function<void()>& between) {
  const std::lock_guard working(working_);
  const auto parts = index_.parts();
  // Runs of neighbours that stand in files and may meet.
  for (std::size_t begin = 0; begin < parts->size();) {
    std::vector<std::shared_ptr<const SealedPart>> run;
    std::vector<std::size_t> sizes;
    auto at = begin;
    for (; at < parts->size() && is_sealed((*parts)[at]); ++at) {
      if (!run.empty() && apart_.contains((*parts)[at]->first())) break;
      run.push_back(in_file((*parts)[at]));
      sizes.push_back(run.back()->segments().size());
    }
    const auto choice = choose_merge(sizes);
    begin = run.empty() ? at + 1 : at;
    if (choice.count == 0) continue;
    const auto chosen = std::span(run).subspan(choice.begin, choice.count);
    const SealedPart* damaged = nullptr;
    // A large merge takes longer than a segment needs to fill: what waits in memory would grow meanwhile, and with it
    // what an opening after a crash has to read.
    const SealInto into{.disk = files_.disk(),
                        .directory = files_.directory(),
                        .store = files_.store(),
                        .stop = &stop_,
                        .pause = [&, sealing = true]() mutable {
                          // One that does not work now is tried again when the merge is done.
                          sealing = sealing && seal_oldest();
                          if (between) between();
                        }};
    auto path = merge(chosen, into, damaged);
    if (!path && path.error().kind() == errc::corrupt && damaged != nullptr) {
      STELE_CHECK(index_.heal(*damaged));
      return true;
    }
    if (!path) return path.error();
    if (!*path) {
      apart_.insert(chosen.back()->first());
      return true;
    }
    STELE_TRY(auto merged, files_.open((*path)->filename().string()));
    auto ordinals = ordinals_of(*merged);
    if (!ordinals) return false;
    merged->bind(*std::move(ordinals));
    const PartList old(chosen.begin(), chosen.end());
    if (!index_.replace(old, {std::move(merged)})) return true;
    // The new file and its name are durable: now, and not before, the old ones can go.
    for (const auto& part : chosen) STELE_CHECK(files_.disk().remove(part->file().path()));
    return true;
  }
  return false;
}

// ---- Making anew

result<std::shared_ptr<ActivePart>> IndexKeeper::scan_segment(std::uint32_t ordinal,
                                                              const CoveredSegment& segment, Position next) {
  const auto& open = segments_.at(ordinal);
  auto part = std::make_shared<ActivePart>(segment.first);
  log::SegmentScanner scanner(*open.file, open.salt, log::segment_header_bytes, segment.end);
  while (scanner.offset() < segment.end) {
    STELE_TRY(const auto parsed, scanner.next());
    if (parsed.status != log::FrameStatus::ok || parsed.frame.first() <= part->last()) {
      return Error(errc::corrupt, "the index cannot be made anew: its segment is damaged, too: " +
                                      std::string(parsed.reason))
          .with("file", open.file->path().filename().string())
          .with("offset", scanner.offset())
          .help("run `stele verify` on the store's directory");
    }
    add_frame(*part, ordinal, scanner.frame_offset(), parsed.frame);
  }
  if (part->last().next() < next) part->add_nothing(Position(next.value() - 1));
  return part;
}

// A disk that gives back other bytes than it was given, file after file, would be written to for ever.
bool IndexKeeper::files_pay(Position first) {
  const std::lock_guard writing(writing_);
  return ++made_anew_[first] <= most_files_made_anew;
}

result<Index::Parts> IndexKeeper::rebuild(const Part& damaged, bool write) {
  STELE_ASSERT(static_cast<const IndexPart&>(damaged).sealed(), "only a file can be damaged",
               damaged.first().value());
  const auto& sealed = static_cast<const SealedPart&>(damaged);
  const auto ordinals = ordinals_of(sealed);
  if (!ordinals) return sealed.file().damaged("its segments are not there any more");
  write = write && files_pay(damaged.first());
  PartList fresh;
  for (std::size_t i = 0; i < ordinals->size(); ++i) {
    const auto& segment = sealed.segments()[i];
    const auto next = i + 1 < ordinals->size() ? sealed.segments()[i + 1].first : sealed.last().next();
    STELE_TRY(auto part, scan_segment((*ordinals)[i], segment, next));
    auto file = write ? seal_part(*part, segment) : result<std::shared_ptr<SealedPart>>(nullptr);
    if (file && *file) {
      (*file)->bind({(*ordinals)[i]});
      fresh.push_back(*std::move(file));
    } else {
      fresh.push_back(std::move(part));  // sealed later, or never: it answers all the same
    }
  }
  const auto& path = sealed.file().path();
  const bool replaced = fresh.size() == 1 && is_sealed(fresh.front());
  // Should it stay, the next opening finds it damaged once more.
  if (write && !replaced) (void)files_.disk().remove(path);
  return fresh;
}

// ---- Another file for the same positions

result<Index::Parts> IndexKeeper::made_anew(const std::shared_ptr<const Part>& old, std::uint32_t ordinal) {
  const auto& swapped = segments_.at(ordinal);
  std::vector<CoveredSegment> segments{{.first = old->first()}};
  if (is_sealed(old)) segments = in_file(old)->segments();
  PartList fresh;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    auto segment = segments[i];
    const auto next = i + 1 < segments.size() ? segments[i + 1].first : old->last().next();
    const auto at = segment.first == swapped.first ? std::optional(ordinal) : segments_.find(segment.first);
    STELE_ASSERT(at.has_value(), "what the index covers is open", segment.first.value());
    const auto& open = segments_.at(*at);
    // Another file than the one that the part was made from: this one, or one whose swap did not work out.
    if (*at == ordinal || segment.salt != open.salt)
      segment.end = open.visible_end.load(std::memory_order_acquire);
    segment.salt = open.salt;
    STELE_TRY(auto part, scan_segment(*at, segment, next));
    segment.frames = part->frames();
    segment.events = part->last().value() - part->first().value() + 1 - part->missing();
    auto file = seal_part(*part, segment);
    if (!file && is_sealed(old)) {
      // The old one goes on with the old file. In memory there may be no room for all that it covers.
      for (const auto& made : fresh) (void)files_.disk().remove(in_file(made)->file().path());
      return file.error();
    }
    if (file) (*file)->bind({*at});
    fresh.push_back(file ? std::shared_ptr<const Part>(*std::move(file)) : std::move(part));
  }
  return fresh;
}

result<void> IndexKeeper::swap_segment(std::uint32_t ordinal) {
  const std::lock_guard working(working_);
  const auto first = segments_.at(ordinal).first;
  for (;;) {
    const auto parts = index_.parts();
    const auto old = std::ranges::find_if(
        *parts, [first](const auto& part) { return part->first() <= first && first <= part->last(); });
    STELE_ASSERT(old != parts->end() && old + 1 != parts->end(), "a closed segment has a complete part",
                 first.value());
    const bool was_file = is_sealed(*old);
    STELE_TRY(const auto fresh, made_anew(*old, ordinal));
    // Healed meanwhile: then the new part is the one to replace.
    if (!index_.replace(std::span(&*old, 1), fresh)) continue;
    // A file of one segment has been replaced by the new one of the same name.
    if (was_file && fresh.size() > 1) return files_.disk().remove(in_file(*old)->file().path());
    return {};
  }
}

// ---- Following

result<void> IndexKeeper::adopt_sealed() {
  STELE_TRY(const auto names, files_.list());
  // Of those that begin at the same position the widest first.
  for (const auto& name : std::views::reverse(names)) {
    const auto range = layout::parse_file_name(name);
    if (!range) continue;
    const auto parts = index_.parts();
    const auto begin =
        std::ranges::find(*parts, range->first, [](const auto& part) { return part->first(); });
    const auto end =
        std::ranges::find(begin, parts->end(), range->second, [](const auto& part) { return part->last(); });
    // Never the part that grows, and only what saves memory, or files that the writer has deleted.
    if (end == parts->end() || end + 1 == parts->end()) continue;
    if (begin == end && is_sealed(*begin)) continue;
    auto file = files_.open(name);
    if (!file) continue;
    auto ordinals = ordinals_of(**file);
    if (!ordinals) continue;
    (*file)->bind(*std::move(ordinals));
    index_.replace(std::span(&*begin, static_cast<std::size_t>(end - begin) + 1), {*std::move(file)});
  }
  return {};
}

}  // namespace stele::engine
