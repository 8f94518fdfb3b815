// writer.hpp - the single writer: checks appends one after another, gathers them into batches, makes each
// batch durable with one write and one sync, then lets readers see it and answers.
//
// No timer: while one batch is on its way to the disk the next one is being staged, each append checked against
// everything staged before it. One caller at a time stages, for itself and for those who have queued meanwhile (flat
// combining: Hendler et al., SPAA 2010), so that many writers cost one wake-up each and not a fight for a lock. When
// nothing is on its way, a blocking append commits on its own thread, so a lone writer pays for no hand-over;
// otherwise the committer thread goes on with what has gathered.
//
// A failed write or sync is final: nothing is known about what reached the disk, so the writer refuses
// everything from then on and says why. It never tries a sync twice.
//
// Threading: append() and append_async() from any thread.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "engine/index/index.hpp"
#include "engine/log/directory.hpp"
#include "engine/log/segment.hpp"
#include "engine/reader/event_reader.hpp"
#include "engine/retention/deletions.hpp"
#include "engine/segments.hpp"
#include "engine/visibility.hpp"
#include "engine/writer/batch.hpp"
#include "engine/writer/decision.hpp"
#include "io/world.hpp"

namespace stele::engine {

// What the writer works on; owned by the store, which outlives it.
struct WriterParts {
  const io::World& world;
  std::filesystem::path log_directory;
  Uuid store;
  std::uint64_t segment_bytes;
  Index& index;
  Segments& segments;
  Visibility& visibility;
  log::Watermark& watermark;
};

// Where the log ended when the writer took over.
struct WriterStart {
  std::unique_ptr<log::SegmentFile> segment;  // the last one; none in an empty log
  std::uint64_t end = 0;                      // behind its last frame
  Timestamp last_recorded_at;
};

class Writer {
 public:
  Writer(WriterParts parts, WriterStart start);
  // Finishes what is staged, then ends.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  result<AppendResult> append(AppendRequest request);
  void append_async(AppendRequest request, AppendCompletion done);

  // Waits until the room ahead and the next segment are prepared, or the disk refused. For who must know what the disk
  // is asked for next.
  void wait_until_prepared();

  // How often the clock was behind the log and the last recorded time was used instead.
  [[nodiscard]] std::uint64_t clamped_times() const { return clamped_.load(); }

 private:
  using Guard = std::unique_lock<std::mutex>;

  // A request that passed check_request(), with ids, and its bytes.
  struct Prepared {
    AppendRequest request;
    log::EncodedFrame frame;
    bool fresh_ids = false;
    Foreseen foreseen;
  };
  struct Staged {
    result<AppendResult> answer;
    std::optional<Position> duplicate_of;  // then the answer comes from confirm_duplicate()
    std::shared_ptr<Batch> wait_for;       // none: the answer stands now
  };

  // A blocking append in the queue: its request lives on the sleeping thread's stack.
  struct Queued : Sleeper {
    explicit Queued(Prepared& from) : prepared(&from) {}
    Prepared* prepared;
    bool has_turn = false;  // woken to stage for itself and the others
    Staged staged{Error(errc::unavailable, "not staged yet"), {}, {}};
  };

  result<Prepared> prepare(AppendRequest request) const;
  // Stages the caller's own append, and whatever has queued until it leaves; commits when nothing is on its way.
  Staged take_turn(Prepared& prepared);
  // Stages the queue and gives the turn away.
  void serve_queue(Guard& lock);
  // False: it has done enough for others, and some still wait.
  bool stage_queued(Guard& lock);
  void hand_over_turn();
  Staged sleep_in_queue(Prepared& prepared);
  // The serial section.
  Staged stage(Guard& lock, Prepared& prepared);
  result<AppendResult> stage_fresh(Guard& lock, Prepared& prepared, const Decision& decision);
  result<Timestamp> next_time(const std::optional<Timestamp>& given);
  // A current segment with room for the frame. True: the lock was let go meanwhile, so that earlier batches could
  // finish, and what was decided before must be decided again.
  result<bool> make_place(Guard& lock, std::uint64_t frame_bytes);
  result<void> open_segment(std::uint64_t frame_bytes);
  // From now on everything is refused.
  void give_up(const Error& why);

  // Takes the open batch to the disk and answers. Precondition: none is on its way. The lock is held again
  // after.
  void commit(Guard& lock);
  result<void> write_batch(const Batch& batch);
  void publish(const Batch& batch);
  void finish(Batch& batch);
  void wait_until_idle(Guard& lock);
  result<AppendResult> confirm_duplicate(const AppendRequest& request, Position first);
  result<AppendResult> outcome(const Batch& batch, result<AppendResult> answer) const;

  void start_working();
  void run_committer();
  void run_filler();
  // The same by steps, for a world that has its own idea of threads. False: there was nothing to do.
  bool commit_step();
  bool fill_step();
  void rest_filler(Guard& lock);
  // Whether the segment is half full and the file for the next one is not there yet.
  [[nodiscard]] bool wants_spare() const;
  void prepare_spare(Guard& lock);

  WriterParts parts_;
  ReadState read_state_;
  StagedDeletions deletions_;  // under mutex_

  std::mutex mutex_;
  std::condition_variable work_;     // for the committer
  std::condition_variable idle_;     // for wait_until_idle
  std::condition_variable filling_;  // for the filler
  std::condition_variable filled_;   // it rests
  std::shared_ptr<Batch> open_ = std::make_shared<Batch>();
  std::string spare_bytes_;  // the last batch's memory, to be used again
  bool bulk_ = false;        // the last batch was large: zeros ahead of such would cost more than they save
  bool committing_ = false;
  bool stopping_ = false;
  std::optional<Error> broken_;  // set once, for good
  std::shared_ptr<log::SegmentFile> segment_;
  std::uint32_t ordinal_ = 0;
  std::uint64_t end_ = 0;       // where the next frame goes
  bool name_unsynced_ = false;  // the segment's: before its first batch is answered the directory is synced
  // Opened before the first segment is made: later, when events hang on its sync, a descriptor may be missing.
  std::unique_ptr<io::Directory> log_directory_;
  bool filler_rests_ = true;
  bool spare_ready_ = false;  // a file for the next segment
  bool spare_tried_ = false;  // once for each segment
  bool spare_on_its_way_ = false;
  Timestamp last_time_;
  std::atomic<std::uint64_t> clamped_{0};

  // Those who wait for their turn. Whoever sets `turn_taken_` stages for all of them; who finds it set, queues.
  std::atomic<bool> turn_taken_{false};
  std::mutex queue_mutex_;
  std::vector<std::shared_ptr<Queued>> queue_;
  std::atomic<std::uint64_t> queued_{0};  // the size of queue_, to be looked at without its lock

  std::thread committer_;
  std::thread filler_;
  std::vector<std::unique_ptr<io::Background::Job>> jobs_;  // instead of the threads
};

}  // namespace stele::engine
