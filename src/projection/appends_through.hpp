// appends_through.hpp - the log's store with models in front of its appends: each is asked before the next, the log
// comes last. Everything else is the store's own answer.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "stele/projection.hpp"

namespace stele::projection {

// Threading: as the store's. The store and the runners outlive it.
class AppendsThrough final : public EventStore {
 public:
  using Models = std::function<std::vector<Runner*>()>;
  // `models` is asked with every append.
  AppendsThrough(EventStore& store, Models models) : store_(store), models_(std::move(models)) {}

  result<AppendResult> append(AppendRequest request) override;
  void append_async(AppendRequest request, AppendCompletion done) override;

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
  // The door behind the first of these models.
  [[nodiscard]] std::shared_ptr<AppendsThrough> behind_first(std::vector<Runner*> models) const;

  EventStore& store_;
  Models models_;
};

}  // namespace stele::projection
