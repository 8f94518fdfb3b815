// embedded_store.hpp - the event store in a directory: puts the parts together and answers the contract. One
// object either writes or follows; reading is the same for both.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/follower.hpp"
#include "engine/index/index.hpp"
#include "engine/index/sealer.hpp"
#include "engine/log/directory.hpp"
#include "engine/log/recovery.hpp"
#include "engine/reader/event_reader.hpp"
#include "engine/records/lazy_records.hpp"
#include "engine/retention/life.hpp"
#include "engine/segments.hpp"
#include "engine/visibility.hpp"
#include "engine/writer/writer.hpp"
#include "io/world.hpp"
#include "stele/store.hpp"

namespace stele::engine {

class EmbeddedStore final : public EventStore {
 public:
  // `world` must outlive the store. stele::open() is this on the real one.
  static result<std::unique_ptr<EmbeddedStore>> open(const io::World& world,
                                                     const std::filesystem::path& directory,
                                                     OpenOptions options);
  ~EmbeddedStore() override;
  EmbeddedStore(const EmbeddedStore&) = delete;
  EmbeddedStore& operator=(const EmbeddedStore&) = delete;

  result<AppendResult> append(AppendRequest request) override;
  void append_async(AppendRequest request, AppendCompletion done) override;
  result<std::unique_ptr<Cursor>> read_stream(StreamRead read) override;
  result<std::unique_ptr<Cursor>> read(LogRead read) override;
  result<std::unique_ptr<Subscription>> subscribe(Query query, Position after) override;
  result<StreamInfo> stream_info(std::string_view stream) override;
  result<std::vector<StreamInfo>> list_streams(std::string_view prefix, std::string_view after,
                                               std::size_t limit) override;
  result<RecordedEvent> find_event(const Uuid& id) override;
  result<Position> position_at(Timestamp time) override;
  [[nodiscard]] Head head() const override;
  result<void> wait_for(Position position, std::chrono::microseconds timeout) override;
  std::unique_ptr<Watch> watch(std::function<void(Position)> moved) override;
  Records& records() override { return records_; }

  // See stele::compact().
  result<std::vector<CompactedSegment>> compact(const CompactOptions& options);
  // See stele::archive().
  result<std::vector<ArchivedSegment>> archive(const ArchiveOptions& options);

  // What recovery found when the store was opened.
  [[nodiscard]] const log::RecoveryReport& recovery() const { return recovery_; }
  // Waits until everything that is complete is sealed and merged and the next segment is prepared, or the disk refused.
  void wait_until_sealed() {
    if (sealer_) sealer_->wait_until_idle();
    if (writer_) writer_->wait_until_prepared();
  }
  [[nodiscard]] const Index& index() const { return index_; }

 private:
  EmbeddedStore(const io::World& world, std::filesystem::path directory, OpenOptions options);

  result<void> start();
  result<void> open_watermark();
  result<void> recover();
  result<void> start_writing();
  result<void> start_sealing();
  result<void> start_following(Position durable, std::uint64_t end);
  [[nodiscard]] Error refuse_appends() const;
  // not_found, gone: nothing of the stream is left for readers.
  result<StreamLife> life_of(std::string_view stream, Position head);
  result<bool> is_dropped(Position position) const;
  result<std::uint64_t> not_dropped(std::uint64_t at, std::uint64_t end) const;
  result<void> swap_waiting();
  result<void> keep_only(StreamInfo& info, const StreamLife& life) const;

  io::World world_;
  std::filesystem::path directory_;
  OpenOptions options_;
  log::ColdPlaces cold_;
  std::unique_ptr<io::Lock> lock_;
  log::Manifest manifest_;
  std::optional<log::Watermark> watermark_;
  LazyRecords records_;
  log::RecoveryReport recovery_;

  Index index_;
  Segments segments_;
  std::optional<IndexKeeper> keeper_;
  Visibility visibility_;
  ReadState read_state_{index_, segments_};
  StreamLives lives_{read_state_, world_.clock};
  std::atomic<bool> never_stop_{false};  // wait_for ends by time or closing only
  std::mutex compacting_;                // held during a run, also of archiving
  std::optional<std::uint32_t>
      waiting_swap_;                // under compacting_: a rewritten segment that is not served yet
  bool sealing_ = false;            // before there is a sealer, and until the end
  std::unique_ptr<Sealer> sealer_;  // of a writing store
  std::unique_ptr<Writer> writer_;  // none: read-only
  std::unique_ptr<Follower> follower_;
};

}  // namespace stele::engine
