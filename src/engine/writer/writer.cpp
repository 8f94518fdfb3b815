// writer.cpp - staging and group commit.
#include "engine/writer/writer.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

constexpr std::size_t largest_backlog = 128u << 20;  // bytes staged behind the batch that is on its way
constexpr std::size_t largest_kept_buffer = 16u << 20;
constexpr std::size_t bulk_bytes = 256u << 10;
constexpr std::size_t most_served = 1024;  // appends that one caller stages for others

bool same_content(const NewEvent& asked, const EventView& stored) {
  return asked.id == stored.id && asked.type == stored.type && asked.data == stored.data &&
         asked.metadata == stored.metadata && asked.content_type == stored.content_type &&
         std::ranges::equal(asked.tags, stored.tags);
}

Error reused_id(const NewEvent& event, Position position) {
  return Error(errc::invalid, "the event id " + to_string(event.id) + " stands in the log with other content")
      .with("id", to_string(event.id))
      .with("position", position.value())
      .help("repeat an append with exactly what it had, or use new ids");
}

}  // namespace

Writer::Writer(WriterParts parts, WriterStart start)
    : parts_(std::move(parts)),
      read_state_{parts_.index, parts_.segments},
      deletions_(read_state_, parts_.world.clock, parts_.visibility),
      segment_(std::move(start.segment)),
      ordinal_(parts_.segments.size() == 0 ? 0 : parts_.segments.size() - 1),
      end_(start.end),
      last_time_(start.last_recorded_at) {
  STELE_ASSERT((segment_ == nullptr) == (parts_.segments.size() == 0),
               "a log with segments is continued in one", parts_.segments.size());
  STELE_ASSERT(segment_ == nullptr || end_ >= log::segment_header_bytes, "frames go behind the header", end_);
  STELE_ASSERT(end_ % log::frame_alignment == 0, "frames are aligned", end_);
  STELE_ASSERT(parts_.visibility.head() == parts_.index.last(), "what recovery found is visible",
               parts_.visibility.head().value(), parts_.index.last().value());
  start_working();
}

void Writer::start_working() {
  if (auto* const background = parts_.world.background) {
    jobs_.push_back(background->add("commit", [this] { return commit_step(); }));
    jobs_.push_back(background->add("fill", [this] { return fill_step(); }));
    return;
  }
  committer_ = std::thread([this] { run_committer(); });
  filler_ = std::thread([this] { run_filler(); });
}

Writer::~Writer() {
  jobs_.clear();
  {
    Guard lock(mutex_);
    wait_until_idle(lock);
    STELE_ASSERT(!stopping_, "a writer ends once");
    stopping_ = true;
  }
  work_.notify_all();
  filling_.notify_all();
  if (committer_.joinable()) committer_.join();
  if (filler_.joinable()) filler_.join();
  // Should it stay, the next opening for writing removes it.
  if (spare_ready_) (void)log::SegmentFile::forget_spare(parts_.world.disk, parts_.log_directory);
}

result<Writer::Prepared> Writer::prepare(AppendRequest request) const {
  STELE_CHECK(check_request(request));
  bool fresh = true;
  for (auto& write : request.writes) {
    for (auto& event : write.events) {
      if (event.id.is_nil()) {
        event.id = Uuid::random();
      } else {
        fresh = false;
      }
    }
  }
  auto frame = log::encode(request.writes);
  STELE_ASSERT(frame.writes == request.writes.size(), "every write is in the frame", frame.writes,
               request.writes.size());
  STELE_ASSERT(frame.events() >= frame.writes, "every write has an event", frame.events(), frame.writes);
  Foreseen foreseen;
  if (request.condition) foreseen = foresee(parts_.index, *request.condition, parts_.visibility.head());
  return Prepared{std::move(request), std::move(frame), fresh, foreseen};
}

result<AppendResult> Writer::append(AppendRequest request) {
  STELE_TRY(auto prepared, prepare(std::move(request)));
  auto staged = turn_taken_.exchange(true) ? sleep_in_queue(prepared) : take_turn(prepared);
  if (!staged.wait_for) return std::move(staged.answer);
  staged.wait_for->finished.wait(0, std::memory_order_acquire);
  if (staged.duplicate_of && !staged.wait_for->failure) {
    return confirm_duplicate(prepared.request, *staged.duplicate_of);
  }
  return outcome(*staged.wait_for, std::move(staged.answer));
}

Writer::Staged Writer::take_turn(Prepared& prepared) {
  Guard lock(mutex_);
  auto staged = stage(lock, prepared);
  serve_queue(lock);
  if (committing_ || open_->idle()) return staged;
  if (staged.wait_for == open_) {
    commit(lock);
  } else {
    work_.notify_one();  // what others have queued
  }
  return staged;
}

// Who queues after our last look finds the turn free, or we see it and go on: no one is left behind.
void Writer::serve_queue(Guard& lock) {
  do {
    if (!stage_queued(lock)) return hand_over_turn();
    turn_taken_.store(false);
  } while (queued_.load() != 0 && !turn_taken_.exchange(true));
}

bool Writer::stage_queued(Guard& lock) {
  STELE_ASSERT(lock.owns_lock() && turn_taken_.load(), "one stages at a time, for everybody");
  std::vector<std::shared_ptr<Queued>> turn;
  std::size_t served = 0;
  while (queued_.load() != 0) {
    // Those who are refused come back at once: without an end to it, who serves would never have its own answer.
    if (served >= most_served) return false;
    {
      const std::lock_guard guard(queue_mutex_);
      turn.swap(queue_);
      queued_.store(0);
    }
    for (auto& one : turn) {
      one->staged = stage(lock, *one->prepared);
      if (one->staged.wait_for) {
        one->staged.wait_for->sleepers.push_back(one);
      } else {
        one->wake();
      }
    }
    served += turn.size();
    turn.clear();
  }
  return true;
}

// The one that waits longest stages from now on; the turn stays taken.
void Writer::hand_over_turn() {
  std::shared_ptr<Queued> next;
  {
    const std::lock_guard guard(queue_mutex_);
    STELE_ASSERT(!queue_.empty() && turn_taken_.load(), "the turn goes to one who waits for it",
                 queue_.size());
    next = queue_.front();
    queue_.erase(queue_.begin());
    queued_.store(queue_.size());
  }
  next->has_turn = true;
  next->wake();
}

Writer::Staged Writer::sleep_in_queue(Prepared& prepared) {
  const auto queued = std::make_shared<Queued>(prepared);
  {
    const std::lock_guard guard(queue_mutex_);
    queue_.push_back(queued);
    queued_.store(queue_.size());
  }
  if (!turn_taken_.exchange(true)) {  // whoever had the turn left before we were in the queue
    Guard lock(mutex_);
    serve_queue(lock);
    if (!committing_ && !open_->idle()) commit(lock);
  }
  queued->wait();
  return queued->has_turn ? take_turn(prepared) : std::move(queued->staged);
}

void Writer::append_async(AppendRequest request, AppendCompletion done) {
  auto prepared = prepare(std::move(request));
  if (!prepared) return done(prepared.error());
  Guard lock(mutex_);
  if (open_->bytes.size() > largest_backlog) {
    lock.unlock();
    return done(
        Error(errc::busy, "too many appends wait for the disk").help("let earlier ones finish first"));
  }
  auto staged = stage(lock, *prepared);
  if (!staged.wait_for) {
    lock.unlock();
    return done(std::move(staged.answer));
  }
  STELE_ASSERT(staged.wait_for == open_, "what was staged is in the open batch");
  STELE_ASSERT(open_->finished.load() == 0, "an open batch is not answered yet", open_->finished.load());
  std::optional<DuplicateProbe> probe;
  if (staged.duplicate_of) probe = DuplicateProbe{std::move(prepared->request), *staged.duplicate_of};
  staged.wait_for->completions.push_back({std::move(done), std::move(staged.answer), std::move(probe)});
  if (!committing_) work_.notify_one();
}

Writer::Staged Writer::stage(Guard& lock, Prepared& prepared) {
  if (broken_) return {*broken_, {}, {}};
  auto decision = decide(parts_.index, prepared.request, prepared.fresh_ids, &deletions_, prepared.foreseen);
  if (decision && !decision->seems_duplicate) {
    const auto place = make_place(lock, prepared.frame.bytes.size());
    if (!place) {
      // Room and descriptors can be had later; anything else may have left half a step behind on a disk that cannot
      // be trusted.
      const auto kind = place.error().kind();
      if (kind != errc::disk_full && kind != errc::busy) give_up(place.error());
      return {place.error(), {}, {}};
    }
    STELE_ASSERT(segment_->has_room(end_, prepared.frame.bytes.size()), "a place was made", end_,
                 prepared.frame.bytes.size());
    if (*place)
      decision = decide(parts_.index, prepared.request, prepared.fresh_ids, &deletions_, prepared.foreseen);
  }
  Staged staged{Error(errc::unavailable, "not answered yet"), {}, {}};
  if (!decision) {
    staged.answer = decision.error();
    // A refusal may rest on appends that are not durable yet: it must not be heard before they are.
    if (open_->idle() && !committing_) return staged;
  } else if (decision->seems_duplicate) {
    STELE_ASSERT(decision->first <= parts_.index.last(), "what is repeated is in the log",
                 decision->first.value(), parts_.index.last().value());
    staged.duplicate_of = decision->first;
  } else {
    staged.answer = stage_fresh(lock, prepared, *decision);
    if (!staged.answer) return staged;
  }
  open_->awaited = true;
  staged.wait_for = open_;
  return staged;
}

result<Timestamp> Writer::next_time(const std::optional<Timestamp>& given) {
  if (given && *given < last_time_) {
    return Error(errc::invalid, "the recorded time " + to_string(*given) +
                                    " lies before the log's last one, " + to_string(last_time_))
        .help("import older events into an empty store");
  }
  if (given) return *given;
  const auto now = parts_.world.clock.now();
  if (now < last_time_) clamped_.fetch_add(1);
  return std::max(now, last_time_);
}

result<AppendResult> Writer::stage_fresh(Guard& lock, Prepared& prepared, const Decision& decision) {
  STELE_ASSERT(lock.owns_lock(), "staging is serial");
  STELE_ASSERT(decision.first == parts_.index.last().next(), "positions are dense", decision.first.value());
  STELE_TRY(const auto time, next_time(prepared.request.recorded_at));
  STELE_ASSERT(time >= last_time_, "recorded times never decrease", to_string(time), to_string(last_time_));
  last_time_ = time;
  const auto& writes = prepared.request.writes;
  auto& frame = prepared.frame;
  log::seal(frame, {.first = decision.first,
                    .recorded_at = time,
                    .durable = parts_.visibility.head(),
                    .first_revisions = decision.first_revisions,
                    .salt = segment_->header().salt,
                    .offset = end_});
  // Memory first: an index that knew of events which are not in the batch could never be made right again.
  const auto bytes = open_->bytes.size() + frame.bytes.size();
  if (bytes > open_->bytes.capacity()) open_->bytes.reserve(std::max(bytes, 2 * open_->bytes.capacity()));
  if (open_->bytes.empty()) open_->offset = end_;
  STELE_ASSERT(open_->offset + open_->bytes.size() == end_, "a batch is contiguous", open_->offset, end_);
  parts_.index.add(ordinal_, end_, decision.first, writes, decision.first_revisions, frame);
  deletions_.staged(writes, decision.first);
  STELE_ASSERT(parts_.index.last().value() + 1 == decision.first.value() + frame.events(),
               "the index has every staged event", parts_.index.last().value(), decision.first.value(),
               frame.events());
  open_->bytes += frame.bytes;
  open_->last = parts_.index.last();
  end_ += frame.bytes.size();
  STELE_ASSERT(end_ % log::frame_alignment == 0, "the next frame is aligned", end_, frame.bytes.size());
  STELE_ASSERT(end_ <= segment_->filled(), "the batch ends in the prepared part", end_, segment_->filled());

  AppendResult answer{decision.first, open_->last, {}, time, false};
  answer.revisions.reserve(writes.size());
  for (std::size_t i = 0; i < writes.size(); ++i) {
    answer.revisions.push_back(
        {writes[i].stream, Revision(decision.first_revisions[i].value() + writes[i].events.size() - 1)});
  }
  return answer;
}

result<bool> Writer::make_place(Guard& lock, std::uint64_t frame_bytes) {
  bool let_go = false;
  // Recovery relies on it: a segment is begun only when all of the one before is durable. Others may have begun
  // it, or filled it, while the lock was let go.
  while (!segment_ || !segment_->has_room(end_, frame_bytes)) {
    if (open_->idle() && !committing_) {
      STELE_CHECK(open_segment(frame_bytes));
      break;
    }
    let_go = true;
    wait_until_idle(lock);
    if (broken_) return *broken_;
  }
  if (end_ + frame_bytes > segment_->filled()) STELE_CHECK(segment_->make_room(end_ + frame_bytes));
  STELE_ASSERT(end_ + frame_bytes <= segment_->filled(), "there is room now", end_, frame_bytes,
               segment_->filled());
  if ((!bulk_ && segment_->wants_fill(end_)) || wants_spare()) {
    filler_rests_ = false;
    filling_.notify_one();
  }
  return let_go;
}

result<void> Writer::open_segment(std::uint64_t frame_bytes) {
  STELE_ASSERT(open_->idle() && !committing_, "nothing is on its way to the segment before",
               open_->bytes.size(), committing_);
  STELE_ASSERT(parts_.visibility.head() == parts_.index.last(), "all before a new segment is durable",
               parts_.visibility.head().value(), parts_.index.last().value());
  if (!log_directory_) {
    STELE_TRY(log_directory_, parts_.world.disk.open_directory(parts_.log_directory));
  }
  STELE_TRY(auto created, log::SegmentFile::create(parts_.world, parts_.log_directory,
                                                   {.store = parts_.store,
                                                    .first = parts_.index.last().next(),
                                                    .segment_bytes = parts_.segment_bytes,
                                                    .frame_bytes = frame_bytes,
                                                    .use_spare = std::exchange(spare_ready_, false),
                                                    .sync_name = false}));
  segment_ = std::move(created);
  name_unsynced_ = true;
  spare_tried_ = false;
  end_ = log::segment_header_bytes;
  ordinal_ = parts_.segments.add(segment_->file(), segment_->header(), end_);
  // Compaction may have added others meanwhile.
  STELE_ASSERT(ordinal_ < parts_.segments.size(), "the segment that is written is open", ordinal_,
               parts_.segments.size());
  // Now, and not with the first frame, which may still be refused: the segment before is closed for everybody.
  parts_.index.roll();
  return {};
}

void Writer::give_up(const Error& why) {
  if (broken_) return;
  broken_ = Error(errc::read_only, "the store accepts no more appends: " + why.message())
                .help("find out what the disk has, then open the store again");
}

// ---- Committing

void Writer::commit(Guard& lock) {
  STELE_ASSERT(lock.owns_lock() && !committing_, "one batch at a time is on its way");
  committing_ = true;
  auto batch = std::exchange(open_, std::make_shared<Batch>());
  open_->bytes = std::move(spare_bytes_);
  open_->bytes.clear();
  const auto segment = segment_;
  if (broken_) batch->failure = *broken_;
  lock.unlock();
  if (!batch->failure) {
    if (auto written = write_batch(*batch); !written) batch->failure = std::move(written).error();
  }
  if (!batch->failure) publish(*batch);
  lock.lock();
  STELE_ASSERT(committing_ && batch != open_, "nobody else took the batch", committing_);
  if (batch->failure) give_up(*batch->failure);
  committing_ = false;
  bulk_ = batch->bytes.size() >= bulk_bytes;
  if (batch->bytes.capacity() <= largest_kept_buffer) spare_bytes_ = std::move(batch->bytes);
  const bool more = !open_->idle();
  if (more) work_.notify_one();
  idle_.notify_all();
  lock.unlock();
  finish(*batch);
  lock.lock();
}

result<void> Writer::write_batch(const Batch& batch) {
  if (batch.bytes.empty()) return {};
  STELE_ASSERT(batch.last > parts_.visibility.head(), "what is written is not visible yet",
               batch.last.value(), parts_.visibility.head().value());
  STELE_CHECK(segment_->append_at(batch.offset, batch.bytes));
  STELE_CHECK(segment_->sync());
  // Nobody else looks at it while a batch is on its way, and no other segment is begun.
  return std::exchange(name_unsynced_, false) ? log_directory_->sync() : result<void>{};
}

bool Writer::wants_spare() const {
  return segment_ && !spare_ready_ && !spare_tried_ && !spare_on_its_way_ &&
         end_ >= segment_->header().capacity / 2;
}

// Without one the next segment takes a little longer to begin, and if that fails, it is told there.
void Writer::prepare_spare(Guard& lock) {
  STELE_ASSERT(lock.owns_lock() && !spare_on_its_way_, "one spare at a time");
  spare_on_its_way_ = spare_tried_ = true;
  lock.unlock();
  const auto made =
      log::SegmentFile::prepare_spare(parts_.world.disk, parts_.log_directory, parts_.segment_bytes);
  lock.lock();
  spare_on_its_way_ = false;
  spare_ready_ = made.has_value();
}

void Writer::publish(const Batch& batch) {
  if (batch.bytes.empty()) return;
  auto& segment = parts_.segments.at(ordinal_);
  const auto end = batch.offset + batch.bytes.size();
  STELE_ASSERT(segment.visible_end.load(std::memory_order_relaxed) == batch.offset, "no gap between batches",
               segment.visible_end.load(), batch.offset);
  STELE_ASSERT(batch.last >= segment.first, "a batch lies in its segment", batch.last.value(),
               segment.first.value());
  segment.visible_end.store(end, std::memory_order_release);
  parts_.watermark.publish({batch.last, segment.first, end});
  parts_.visibility.publish(batch.last);
}

void Writer::finish(Batch& batch) {
  STELE_ASSERT(batch.finished.load() == 0, "a batch is answered once", batch.last.value());
  batch.finished.store(1, std::memory_order_release);
  batch.finished.notify_all();
  for (auto& sleeper : batch.sleepers) sleeper->wake();
  batch.sleepers.clear();  // they hold on to us, and nobody asks twice
  for (auto& pending : batch.completions) {
    if (pending.probe && !batch.failure) {
      pending.done(confirm_duplicate(pending.probe->request, pending.probe->first));
    } else {
      pending.done(outcome(batch, std::move(pending.answer)));
    }
  }
}

// What happened to an append whose batch failed is not known: some of it may be on the disk. A refusal rested on
// appends of which the same is true.
result<AppendResult> Writer::outcome(const Batch& batch, result<AppendResult> answer) const {
  if (!batch.failure) return answer;
  return Error(errc::unavailable, "it is not known whether the append happened: " + batch.failure->message())
      .help("repeat it with the same event ids once the store is open again");
}

result<AppendResult> Writer::confirm_duplicate(const AppendRequest& request, Position first) {
  STELE_ASSERT(first > Position{}, "a known event has a position", first.value());
  EventReader reader(read_state_);
  Arena arena;
  AppendResult answer{first, first, {}, {}, true};
  auto position = first;
  for (const auto& write : request.writes) {
    for (const auto& event : write.events) {
      if (position > parts_.visibility.head()) return reused_id(event, position);
      STELE_TRY(const auto stored, reader.read(position, arena));
      if (stored.stream != write.stream || !same_content(event, stored)) return reused_id(event, position);
      answer.last = position;
      answer.recorded_at = stored.recorded_at;
      if (&event == &write.events.back()) answer.revisions.push_back({write.stream, stored.revision});
      position = position.next();
    }
  }
  STELE_ASSERT(answer.revisions.size() == request.writes.size(), "a revision for every write",
               answer.revisions.size(), request.writes.size());
  return answer;
}

void Writer::wait_until_idle(Guard& lock) {
  STELE_ASSERT(lock.owns_lock(), "idleness is seen under the lock");
  while (!open_->idle() || committing_) {
    if (committing_) {
      idle_.wait(lock);
    } else {
      commit(lock);
    }
  }
}

void Writer::run_committer() {
  Guard lock(mutex_);
  while (!stopping_) {
    if (committing_ || open_->idle()) {
      work_.wait(lock);
    } else {
      commit(lock);
    }
  }
}

bool Writer::commit_step() {
  Guard lock(mutex_);
  if (committing_ || open_->idle()) return false;
  commit(lock);
  return true;
}

bool Writer::fill_step() {
  std::shared_ptr<log::SegmentFile> segment;
  {
    Guard lock(mutex_);
    if (wants_spare()) {
      prepare_spare(lock);
      return true;
    }
    if (segment_ && !bulk_ && segment_->wants_fill(end_)) segment = segment_;
  }
  return segment && segment->fill_ahead();
}

// Zero-fills the segment ahead of the writer, so that commits never change the size of the file.
void Writer::run_filler() {
  Guard lock(mutex_);
  while (!stopping_) {
    if (wants_spare()) prepare_spare(lock);
    if (stopping_) break;
    const auto segment = segment_;
    if (!segment || bulk_ || !segment->wants_fill(end_)) {
      rest_filler(lock);
      continue;
    }
    lock.unlock();
    const auto filled = segment->fill_ahead();
    lock.lock();
    // A full disk is told to the append that needs the room; trying again at once would only spin.
    if (!filled && !stopping_) rest_filler(lock);
  }
}

void Writer::rest_filler(Guard& lock) {
  filler_rests_ = true;
  filled_.notify_all();
  filling_.wait(lock);
}

void Writer::wait_until_prepared() {
  Guard lock(mutex_);
  if (filler_.joinable()) filled_.wait(lock, [&] { return filler_rests_ || stopping_; });
}

}  // namespace stele::engine
