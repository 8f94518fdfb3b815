// appends_through.hpp - the log's store with models in front of its appends: one append after the other has its turn
// (append_turn.hpp), on a thread of its own. Everything else is the store's own answer, and so are appends while there
// is no such model.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "projection/append_turn.hpp"
#include "stele/projection.hpp"

namespace stele::projection {

// Those of a registry that appends go through.
[[nodiscard]] std::vector<Runner*> synchronous_ones(const Projections& projections);

// Threading: as the store's. The store outlives it, and so do the runners.
class AppendsThrough final : public EventStore {
 public:
  // `models` is asked with every append.
  AppendsThrough(EventStore& store, AppendTurn::Models models) : store_(store), models_(std::move(models)) {}
  ~AppendsThrough() override { stop(); }
  AppendsThrough(const AppendsThrough&) = delete;
  AppendsThrough& operator=(const AppendsThrough&) = delete;

  // `invalid` on the thread of one of the models, which would wait for itself.
  result<AppendResult> append(AppendRequest request) override;
  void append_async(AppendRequest request, AppendCompletion done) override;

  // Returns when the append whose turn it is has ended. Those that wait and later ones are refused with `unavailable`.
  void stop();

  result<std::unique_ptr<Cursor>> read_stream(StreamRead read) override {
    return store_.read_stream(std::move(read));
  }
  result<std::unique_ptr<Cursor>> read(LogRead read) override { return store_.read(std::move(read)); }
  result<std::unique_ptr<Subscription>> subscribe(Query query, Position after) override {
    return store_.subscribe(std::move(query), after);
  }
  result<StreamInfo> stream_info(std::string_view stream) override { return store_.stream_info(stream); }
  result<std::vector<StreamInfo>> list_streams(std::string_view prefix, std::string_view after,
                                               std::size_t limit) override {
    return store_.list_streams(prefix, after, limit);
  }
  result<RecordedEvent> find_event(const Uuid& id) override { return store_.find_event(id); }
  result<Position> position_at(Timestamp time) override { return store_.position_at(time); }
  [[nodiscard]] Head head() const override { return store_.head(); }
  result<void> wait_for(Position position, std::chrono::microseconds timeout) override {
    return store_.wait_for(position, timeout);
  }
  std::unique_ptr<Watch> watch(std::function<void(Position)> moved) override {
    return store_.watch(std::move(moved));
  }
  Records& records() override { return store_.records(); }

 private:
  struct Waiting {
    AppendRequest request;
    AppendCompletion done;
    std::uint64_t bytes;  // of its events
  };
  // Nothing: it waits for its turn now.
  std::optional<Error> put(AppendRequest& request, AppendCompletion& done);
  [[nodiscard]] bool is_waited_for(const std::vector<Runner*>& models);
  void run();
  void answer(Waiting next, bool refused);
  result<AppendResult> in_turn(AppendRequest request);

  EventStore& store_;
  const AppendTurn::Models models_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Waiting> waiting_;
  std::uint64_t bytes_waiting_ = 0;
  bool stopped_ = false;
  std::thread thread_;  // from the first append on
};

}  // namespace stele::projection
