// memory_store.hpp - an EventStore in memory for projection tests: a log that can be made to misbehave in the
// ways a subscription may (delivering again), and that is there at once. Not a model of the engine; the same
// tests also run on the real one.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "stele/store.hpp"

namespace stele::test {

inline EventView view_of(const RecordedEvent& event) {
  return {.position = event.position,
          .revision = event.revision,
          .recorded_at = event.recorded_at,
          .id = event.id,
          .stream = event.stream,
          .type = event.type,
          .content_type = event.content_type,
          .data = event.data,
          .metadata = event.metadata,
          .tags = {}};
}

class MemoryStore : public EventStore {
 public:
  // Each batch of a subscription begins up to this many events too early, as after a lost checkpoint.
  std::uint64_t redeliver = 0;

  result<AppendResult> append(AppendRequest request) override {
    const std::unique_lock lock(mutex_);
    AppendResult done;
    done.first = Position(log_.size() + 1);
    done.recorded_at = request.recorded_at.value_or(now());
    for (StreamWrite& write : request.writes) {
      for (NewEvent& event : write.events) add(write.stream, std::move(event), done.recorded_at);
      done.revisions.push_back({write.stream, Revision(revisions_[write.stream] - 1)});
    }
    done.last = Position(log_.size());
    moved_.notify_all();
    return done;
  }
  void append_async(AppendRequest request, AppendCompletion done) override {
    done(append(std::move(request)));
  }

  result<std::unique_ptr<Cursor>> read_stream(StreamRead read) override {
    const std::unique_lock lock(mutex_);
    if (!revisions_.contains(read.stream)) return Error(errc::not_found, "no stream " + read.stream);
    return std::make_unique<ListCursor>(select(read.limit, [&](const RecordedEvent& event) {
      return event.stream == read.stream && event.revision >= read.from.value_or(Revision{});
    }));
  }
  result<std::unique_ptr<Cursor>> read(LogRead read) override {
    const std::unique_lock lock(mutex_);
    return std::make_unique<ListCursor>(select(read.limit, [&](const RecordedEvent& event) {
      return event.position >= read.from.value_or(Position{}) && read.query.matches(view_of(event));
    }));
  }
  result<std::unique_ptr<Subscription>> subscribe(Query query, Position after) override {
    return std::make_unique<LiveSubscription>(*this, std::move(query), after);
  }

  result<StreamInfo> stream_info(std::string_view stream) override {
    const std::unique_lock lock(mutex_);
    const auto found = revisions_.find(std::string(stream));
    if (found == revisions_.end()) return Error(errc::not_found, "no stream");
    return StreamInfo{std::string(stream), Revision(found->second - 1), found->second, {}, {}};
  }
  result<std::vector<StreamInfo>> list_streams(std::string_view, std::string_view, std::size_t) override {
    return std::vector<StreamInfo>{};
  }
  result<RecordedEvent> find_event(const Uuid&) override { return Error(errc::not_found, "not kept"); }
  result<Position> position_at(Timestamp time) override {
    const std::unique_lock lock(mutex_);
    const auto after = std::ranges::upper_bound(log_, time, {}, &RecordedEvent::recorded_at);
    return Position(static_cast<std::uint64_t>(after - log_.begin()));
  }
  [[nodiscard]] Head head() const override {
    const std::unique_lock lock(mutex_);
    return {Position(log_.size()), log_.size(), Position(log_.size())};
  }
  result<void> wait_for(Position, std::chrono::microseconds) override { return {}; }
  std::unique_ptr<Watch> watch(std::function<void(Position)>) override { return nullptr; }
  Records& records() override { std::abort(); }

 private:
  using List = std::vector<RecordedEvent>;

  class ListCursor final : public Cursor {
   public:
    explicit ListCursor(List events) : events_(std::move(events)) {}
    result<std::span<const EventView>> next_batch(std::size_t max) override {
      views_.clear();
      while (at_ < events_.size() && views_.size() < max) views_.push_back(view_of(events_[at_++]));
      return std::span<const EventView>(views_);
    }

   private:
    List events_;
    std::size_t at_ = 0;
    std::vector<EventView> views_;
  };

  class LiveSubscription final : public Subscription {
   public:
    LiveSubscription(MemoryStore& store, Query query, Position after)
        : store_(store), query_(std::move(query)), at_(after) {}

    result<SubscriptionBatch> next_batch(std::size_t max, std::chrono::microseconds timeout) override {
      std::unique_lock lock(store_.mutex_);
      const auto something = [&] { return cancelled_ || !told_ || at_.value() < store_.log_.size(); };
      store_.moved_.wait_for(lock, timeout, something);
      if (cancelled_) return Error(errc::unavailable, "cancelled");
      Position from = at_;
      if (store_.redeliver > 0)
        from = Position(from.value() - std::min(from.value(), random_() % (store_.redeliver + 1)));
      events_.clear();
      Position at = from;
      while (at.value() < store_.log_.size() && events_.size() < max) {
        const RecordedEvent& event = store_.log_[at.value()];
        at = event.position;
        if (query_.matches(view_of(event))) events_.push_back(event);
      }
      at_ = std::max(at, at_);
      told_ = at_.value() == store_.log_.size();
      views_.clear();
      for (const RecordedEvent& event : events_) views_.push_back(view_of(event));
      return SubscriptionBatch{views_, at_, told_};
    }
    void cancel() override {
      const std::unique_lock lock(store_.mutex_);
      cancelled_ = true;
      store_.moved_.notify_all();
    }

   private:
    MemoryStore& store_;
    Query query_;
    Position at_;
    bool told_ = false;  // that it has caught up
    bool cancelled_ = false;
    List events_;
    std::vector<EventView> views_;
    std::mt19937_64 random_{7};
  };

  static Timestamp now() {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
  void add(const std::string& stream, NewEvent event, Timestamp at) {
    log_.push_back({.position = Position(log_.size() + 1),
                    .revision = Revision(revisions_[stream]++),
                    .recorded_at = at,
                    .id = event.id.is_nil() ? Uuid::random() : event.id,
                    .stream = stream,
                    .type = std::move(event.type),
                    .content_type = std::move(event.content_type),
                    .data = std::move(event.data),
                    .metadata = std::move(event.metadata),
                    .tags = {}});
  }
  template <class Wanted>
  List select(std::uint64_t limit, const Wanted& wanted) const {
    List found;
    for (const RecordedEvent& event : log_)
      if (found.size() < limit && wanted(event)) found.push_back(event);
    return found;
  }

  mutable std::mutex mutex_;
  std::condition_variable moved_;
  std::deque<RecordedEvent> log_;
  std::map<std::string, std::uint64_t> revisions_;
};

}  // namespace stele::test
