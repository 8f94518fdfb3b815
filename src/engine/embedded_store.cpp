// embedded_store.cpp - opening, recovery and the calls of the contract.
#include "engine/embedded_store.hpp"

#include <limits>

#include "base/assert.hpp"
#include "engine/index/opening.hpp"
#include "engine/reader/cursors.hpp"

namespace stele::engine {
namespace {

// What a reader may believe of a log that somebody may be writing: frames up to the watermark, and those
// behind it that a later frame calls durable. The rest stands only in the page cache, for all we know.
class DurablePrefix {
 public:
  explicit DurablePrefix(Position known) : known_(known), durable_(known), next_(known.next()) {}

  // Whether the frame may be added to the index at once.
  bool take(const log::FrameView& frame) {
    if (frame.last() <= known_) return true;
    // Behind the watermark a hole is not damage: the writer is at work there. Nothing behind it counts.
    if (frame.first() == next_) {
      next_ = frame.last().next();
      durable_ = std::max(durable_, frame.durable());
    }
    return false;
  }
  // A segment is begun only when all before it is durable.
  void segment_begins(Position first) { durable_ = std::max(durable_, Position(first.value() - 1)); }
  [[nodiscard]] Position durable() const {
    STELE_ASSERT(durable_ >= known_, "what was known stays known", durable_.value(), known_.value());
    return durable_;
  }

 private:
  Position known_;
  Position durable_;
  Position next_;
};

}  // namespace

EmbeddedStore::EmbeddedStore(const io::World& world, std::filesystem::path directory, OpenOptions options)
    : world_(world),
      directory_(std::move(directory)),
      options_(std::move(options)),
      cold_{.archive = options_.archive},
      records_(directory_ / "records.db", options_.access == Access::read_only, world.clock) {}

EmbeddedStore::~EmbeddedStore() {
  visibility_.close();
  follower_.reset();
  writer_.reset();
  sealer_.reset();
}

result<std::unique_ptr<EmbeddedStore>> EmbeddedStore::open(const io::World& world,
                                                           const std::filesystem::path& directory,
                                                           OpenOptions options) {
  constexpr std::uint64_t smallest = 64 << 10;
  constexpr std::uint64_t largest = 2ull << 30;  // a location holds 32 bits of offset
  if (options.segment_bytes < smallest || options.segment_bytes > largest) {
    return Error(errc::invalid, "segment_bytes is " + std::to_string(options.segment_bytes))
        .help("choose between 64 KiB and 2 GiB");
  }
  std::unique_ptr<EmbeddedStore> store(new EmbeddedStore(world, directory, std::move(options)));
  STELE_CHECK(store->start());
  return store;
}

result<void> EmbeddedStore::start() {
  const bool writing = options_.access == Access::read_write;
  if (writing && options_.create) {
    STELE_CHECK(world_.disk.make_directory(directory_));
    STELE_TRY(lock_, world_.disk.lock(log::lock_path(directory_)));
    auto manifest = log::read_manifest(world_.disk, directory_);
    if (!manifest && manifest.error().kind() == errc::not_found)
      manifest = log::create_store(world_, directory_);
    STELE_TRY(manifest_, std::move(manifest));
  } else {
    STELE_TRY(manifest_, log::read_manifest(world_.disk, directory_));
    if (writing) {
      STELE_TRY(lock_, world_.disk.lock(log::lock_path(directory_)));
    }
  }
  STELE_CHECK(open_watermark());
  STELE_CHECK(recover());
  if (!recovery_.damages.empty()) read_state_.plan = Plan::forced_scan;
  if (writing && recovery_.damages.empty()) STELE_CHECK(start_writing());
  return {};
}

result<void> EmbeddedStore::open_watermark() {
  auto page = world_.disk.shared_page(log::watermark_path(directory_), options_.access == Access::read_write);
  if (page) {
    watermark_.emplace(std::move(*page), manifest_.store);
    return {};
  }
  // A store copied without it, not opened for writing since: everything that a frame calls durable is still
  // known.
  if (options_.access == Access::read_only && page.error().kind() == errc::not_found) return {};
  return page.error();
}

result<void> EmbeddedStore::recover() {
  const bool writing = options_.access == Access::read_write;
  // Taken before the files are looked at: what it says is in them.
  const auto mark = watermark_ ? watermark_->read() : std::nullopt;
  keeper_.emplace(IndexFiles(world_.disk, log::index_path(directory_), manifest_.store), index_, segments_);
  // The index before the log: what it covers is then among the files of the log.
  STELE_TRY(const auto names, keeper_->files().list());
  STELE_TRY(const auto files, log::open_log(world_.disk, log::log_path(directory_), writing, cold_));
  STELE_TRY(auto opening, IndexOpening::begin(*keeper_, index_, names, files, writing));
  STELE_TRY(const auto rewritten, log::rewritten_until(files.inputs()));
  const auto known = std::max({mark ? mark->durable : Position{}, rewritten, opening.known()});
  DurablePrefix prefix(known);
  std::size_t used = 0;  // segments that hold what was added
  std::uint64_t end = 0;
  const auto visit = [&](std::size_t segment, std::uint64_t offset, const log::FrameView& frame) {
    if (!writing && !prefix.take(frame)) return;
    opening.before(frame.first());
    index_.add(static_cast<std::uint32_t>(segment), offset, frame);
    used = segment + 1;
    end = offset + frame.size();
  };
  STELE_TRY(recovery_, log::recover({manifest_.store, opening.inputs(), known}, visit));
  // Believed segments were not visited.
  const auto holds = [&](std::size_t segment) {
    return segment < recovery_.segments.size() && recovery_.segments[segment].header.first <= opening.known();
  };
  for (; holds(used); ++used) end = recovery_.segments[used].end;
  if (writing) used = recovery_.segments.size();
  for (const auto& segment : recovery_.segments) {
    prefix.segment_begins(segment.header.first);
    if (segments_.size() < used) segments_.add(files.files[segment.input], segment.header, segment.end);
  }
  for (const auto& damage : recovery_.damages) {
    if (damage.first > Position{}) segments_.add_lost(damage.first, damage.last);
  }
  STELE_ASSERT(segments_.size() == used, "the segments that hold something are open", segments_.size(), used);
  opening.finish(writing ? recovery_.last.next() : opening.known());
  STELE_ASSERT(index_.last() <= recovery_.last, "the index has no more than the log", index_.last().value(),
               recovery_.last.value());
  index_.set_rebuild([this](const Part& damaged) { return keeper_->rebuild(damaged, sealing_); });
  visibility_.publish(index_.last());
  return writing ? result<void>{} : start_following(prefix.durable(), end);
}

result<void> EmbeddedStore::start_writing() {
  STELE_ASSERT(lock_ && watermark_, "a writer holds the lock and the watermark");
  STELE_ASSERT(index_.last() == recovery_.last, "the index has the whole log", index_.last().value(),
               recovery_.last.value());
  STELE_CHECK(log::apply_recovery(world_.disk, log::log_path(directory_), recovery_));
  STELE_CHECK(log::SegmentFile::forget_spare(world_.disk, log::log_path(directory_)));
  WriterStart start{nullptr, recovery_.end_offset, recovery_.last_recorded_at};
  if (!recovery_.segments.empty()) {
    const auto& last = recovery_.segments.back();
    STELE_TRY(start.segment, log::SegmentFile::open(world_.disk, log::log_path(directory_) / last.name));
    watermark_->publish({recovery_.last, last.header.first, recovery_.end_offset});
  }
  STELE_CHECK(start_sealing());
  writer_ = std::make_unique<Writer>(
      WriterParts{world_, log::log_path(directory_), manifest_.store, options_.segment_bytes, index_,
                  segments_, visibility_, *watermark_},
      std::move(start));
  return {};
}

// Files that are not believed are of no use to anybody; parts in memory become files on a thread of their own.
result<void> EmbeddedStore::start_sealing() {
  std::vector<std::string> kept;
  const auto parts = index_.parts();
  for (const auto& part : *parts) {
    if (static_cast<const IndexPart&>(*part).sealed())
      kept.push_back(layout::file_name(part->first(), part->last()));
  }
  // What cannot be removed now is not believed the next time either.
  (void)keeper_->files().remove_all_but(kept);
  sealing_ = true;
  sealer_ = std::make_unique<Sealer>(*keeper_, world_.background);
  index_.set_rolled([this] { sealer_->wake(); });
  if (keeper_->waiting() > 0 || parts->size() > 2) sealer_->wake();
  return {};
}

result<void> EmbeddedStore::start_following(Position durable, std::uint64_t end) {
  index_.set_rolled([this] { (void)keeper_->adopt_sealed(); });
  follower_ = std::make_unique<Follower>(FollowerParts{world_, log::log_path(directory_), manifest_.store,
                                                       index_, segments_, visibility_, cold_},
                                         end);
  // Where a durable event cannot be read, recovery has noted the damage; what comes before it is served.
  if (auto caught_up = follower_->catch_up(durable); !caught_up && recovery_.damages.empty())
    return caught_up;
  (void)keeper_->adopt_sealed();
  if (watermark_) follower_->start(*watermark_);
  return {};
}

Error EmbeddedStore::refuse_appends() const {
  if (options_.access == Access::read_only) {
    return Error(errc::read_only, directory_.string() + " was opened for reading only");
  }
  STELE_ASSERT(!recovery_.damages.empty(), "only damage keeps a writer from writing");
  return Error(errc::read_only, "the store is damaged: " + log::to_string(recovery_.damages.front()))
      .help("reading goes on; run `stele verify` for the whole list and restore a backup");
}

result<AppendResult> EmbeddedStore::append(AppendRequest request) {
  if (!writer_) return refuse_appends();
  return writer_->append(std::move(request));
}

void EmbeddedStore::append_async(AppendRequest request, AppendCompletion done) {
  if (!writer_) return done(refuse_appends());
  writer_->append_async(std::move(request), std::move(done));
}

result<StreamLife> EmbeddedStore::life_of(std::string_view stream, Position head) {
  STELE_TRY(const auto life, lives_.of(stream, head));
  if (life && !life->is_over()) return *life;
  if (life && life->tombstoned) {
    return Error(errc::gone, "the stream '" + std::string(stream) + "' was ended for good")
        .with("stream", std::string(stream));
  }
  return Error(errc::not_found, "there is no stream '" + std::string(stream) + (life ? "' any more" : "'"))
      .with("stream", std::string(stream));
}

result<std::unique_ptr<Cursor>> EmbeddedStore::read_stream(StreamRead read) {
  const auto head = visibility_.head();
  STELE_TRY(const auto life, life_of(read.stream, head));
  const auto first = life.first_kept();
  if (read.direction == Direction::forward) {
    read.from = std::max(read.from.value_or(first), first);
  } else {
    const auto from = std::min(read.from.value_or(life.last), life.last);
    const auto kept = from < first ? 0 : from.value() - first.value() + 1;
    read.limit = std::min(read.limit, kept);
  }
  return open_stream_cursor(read_state_, read, head);
}

result<std::unique_ptr<Cursor>> EmbeddedStore::read(LogRead read) {
  STELE_CHECK(check_query(read.query));
  return open_log_cursor(read_state_, std::move(read), visibility_.head());
}

result<std::unique_ptr<Subscription>> EmbeddedStore::subscribe(Query query, Position after) {
  STELE_CHECK(check_query(query));
  if (after > visibility_.head()) {
    return Error(errc::invalid, "position " + std::to_string(after.value()) + " is beyond the head, " +
                                    std::to_string(visibility_.head().value()))
        .with("head", visibility_.head().value())
        .help(
            "the reader's checkpoint belongs to another store, or this one was restored: start again from 0");
  }
  return open_subscription(read_state_, visibility_, std::move(query), after);
}

result<StreamInfo> EmbeddedStore::stream_info(std::string_view stream) {
  const auto head = visibility_.head();
  STELE_TRY(auto info, index_.info(stream, head));
  STELE_TRY(const auto life, life_of(stream, head));
  STELE_ASSERT(info && info->last_revision == life.last, "what has a life has an extent", life.last.value());
  STELE_CHECK(keep_only(*info, life));
  return std::move(*info);
}

// Only of what is kept.
result<void> EmbeddedStore::keep_only(StreamInfo& info, const StreamLife& life) const {
  const auto first = life.first_kept();
  STELE_ASSERT(first <= info.last_revision, "something is kept", first.value(), info.last_revision.value());
  if (first == Revision{}) return {};
  info.events = info.last_revision.value() - first.value() + 1;
  STELE_TRY(const auto at, index_.positions(info.stream, first, 1, info.last_position));
  if (!at.empty()) info.first_position = at.front();
  return {};
}

result<std::vector<StreamInfo>> EmbeddedStore::list_streams(std::string_view prefix, std::string_view after,
                                                            std::size_t limit) {
  const auto head = visibility_.head();
  // Metadata streams are shown to those who ask for them.
  const bool hide_metadata = !prefix.starts_with('$');
  std::vector<StreamInfo> listed;
  std::string behind(after);
  for (bool more = true; more && listed.size() < limit;) {
    STELE_TRY(auto page, index_.list(prefix, behind, limit, head));
    more = page.size() == limit;
    for (auto& info : page) {
      behind = info.stream;
      if (hide_metadata && is_metadata_stream(info.stream)) {
        behind = std::string(metadata_prefix) + '\xFF';  // behind all of them
        more = true;
        break;
      }
      STELE_TRY(const auto life, lives_.of(info.stream, head));
      if (!life || life->is_over() || listed.size() == limit) continue;
      STELE_CHECK(keep_only(info, *life));
      listed.push_back(std::move(info));
    }
  }
  return listed;
}

result<RecordedEvent> EmbeddedStore::find_event(const Uuid& id) {
  STELE_TRY(const auto position, index_.find_id(id));
  if (!position || *position > visibility_.head()) {
    return Error(errc::not_found, "there is no event with the id " + stele::to_string(id))
        .with("id", stele::to_string(id));
  }
  EventReader reader(read_state_);
  Arena arena;
  STELE_TRY(const auto event, reader.read(*position, arena));
  return event.to_owned();
}

result<bool> EmbeddedStore::is_dropped(Position position) const {
  STELE_TRY(const auto location, index_.location(position));
  return Index::is_lost(location) && segments_.dropped(position);
}

// The first position from `at` on that has an event; `end` when none has.
result<std::uint64_t> EmbeddedStore::not_dropped(std::uint64_t at, std::uint64_t end) const {
  for (; at < end; ++at) {
    STELE_TRY(const bool dropped, is_dropped(Position(at)));
    if (!dropped) break;
  }
  return at;
}

result<Position> EmbeddedStore::position_at(Timestamp time) {
  EventReader reader(read_state_);
  Arena arena;
  const auto head = visibility_.head();
  STELE_TRY(const auto known, index_.around(time));
  // Recorded times never decrease along the log, so halving finds the last one between two that are known.
  std::uint64_t before = std::min(known.after, head).value();
  std::uint64_t behind = std::min(known.before, head.next()).value();
  while (behind - before > 1) {
    const auto middle = before + (behind - before) / 2;
    STELE_TRY(const auto there, not_dropped(middle, behind));
    if (there == behind) {
      behind = middle;
      continue;
    }
    arena.clear();
    STELE_TRY(const auto event, reader.read(Position(there), arena));
    if (event.recorded_at <= time)
      before = there;
    else
      behind = middle;
  }
  STELE_ASSERT(behind == before + 1, "halving ends between two events", before, behind);
  return Position(before);
}

Head EmbeddedStore::head() const {
  const auto head = visibility_.head();
  return {head, head.value() - segments_.dropped_events(), head};
}

result<void> EmbeddedStore::wait_for(Position position, std::chrono::microseconds timeout) {
  if (position == Position{}) return {};
  const auto head = visibility_.wait_beyond(Position(position.value() - 1), timeout, never_stop_);
  if (head >= position) return {};
  if (visibility_.closed()) return Error(errc::unavailable, "the store is closing");
  return Error(errc::timeout, "position " + std::to_string(position.value()) +
                                  " is not visible yet, the head is " + std::to_string(head.value()))
      .with("wanted", position.value())
      .with("head", head.value());
}

std::unique_ptr<Watch> EmbeddedStore::watch(std::function<void(Position)> moved) {
  return visibility_.watch(std::move(moved));
}

}  // namespace stele::engine

namespace stele {

result<std::unique_ptr<EventStore>> open(const std::filesystem::path& directory, OpenOptions options) {
  STELE_TRY(auto store, engine::EmbeddedStore::open(io::real_world(), directory, std::move(options)));
  return std::unique_ptr<EventStore>(std::move(store));
}

}  // namespace stele
