// local_target.cpp - a store directory as a target: read-only (so beside a running server) for reading
// commands, the one writer for writing ones.
#include <condition_variable>
#include <mutex>

#include "cli/target/plan.hpp"
#include "cli/target/target.hpp"

namespace stele::cli {
namespace {

constexpr std::size_t read_batch = 512;
constexpr std::size_t appends_in_flight = 256;
// A subscription is woken by appends and by cancel(); this only bounds how long a forgotten one would sleep.
constexpr std::chrono::seconds idle_wait{3600};

class LocalTarget final : public Target {
 public:
  LocalTarget(std::string directory, std::unique_ptr<EventStore> store)
      : directory_(std::move(directory)), store_(std::move(store)) {}
  ~LocalTarget() override { wait_until_in_flight(0); }
  LocalTarget(const LocalTarget&) = delete;
  LocalTarget& operator=(const LocalTarget&) = delete;

  [[nodiscard]] std::string name() const override { return directory_; }

  result<AppendResult> append(AppendRequest request) override { return store_->append(std::move(request)); }

  // Waiting here is the back-pressure: a file is read no faster than it can be written.
  void append_async(AppendRequest request, AppendCompletion done) override {
    wait_until_in_flight(appends_in_flight - 1);
    {
      const std::lock_guard lock(mutex_);
      ++in_flight_;
    }
    store_->append_async(std::move(request),
                         [this, done = std::move(done)](result<AppendResult> outcome) mutable {
                           done(std::move(outcome));
                           const std::lock_guard lock(mutex_);
                           --in_flight_;
                           changed_.notify_all();
                         });
  }

  void drain() override { wait_until_in_flight(0); }

  result<void> read(const ReadPlan& plan, const EventSink& sink) override {
    PlanWalk walk(plan, sink);
    STELE_TRY(const auto cursor, open_cursor(plan));
    while (!walk.done()) {
      STELE_TRY(const auto events, cursor->next_batch(read_batch));
      if (events.empty()) return {};
      STELE_CHECK(deliver(walk, events));
    }
    return {};
  }

  // cancel() comes from the thread that requests the stop, so the wait ends at once.
  result<void> follow(const ReadPlan& plan, Position after, const EventSink& sink,
                      const std::function<void()>& live, std::stop_token stop) override {
    PlanWalk walk(plan, sink);
    STELE_TRY(const auto subscription, store_->subscribe(query_of(plan), after));
    const std::stop_callback wake(stop, [&] { subscription->cancel(); });
    while (!walk.done()) {
      auto batch = subscription->next_batch(read_batch, idle_wait);
      if (stop.stop_requested()) return {};
      if (!batch) return batch.error();
      STELE_CHECK(deliver(walk, batch->events));
      if (batch->caught_up) live();
    }
    return {};
  }

  result<StreamInfo> stream_info(const std::string& stream) override { return store_->stream_info(stream); }
  result<std::vector<StreamInfo>> list_streams(const std::string& prefix, const std::string& after,
                                               std::size_t limit) override {
    return store_->list_streams(prefix, after, limit);
  }
  result<Head> head() override { return store_->head(); }
  result<Position> position_at(Timestamp time) override { return store_->position_at(time); }
  result<RecordedEvent> find_event(const Uuid& id) override { return store_->find_event(id); }
  [[nodiscard]] bool finds_quickly() const override { return true; }

 private:
  static result<void> deliver(PlanWalk& walk, std::span<const EventView> events) {
    for (const auto& event : events) {
      STELE_TRY(const bool more, walk.take(event));
      if (!more) break;
    }
    return {};
  }

  // Revisions are found by the stream's own read, positions and filters by the log's.
  result<std::unique_ptr<Cursor>> open_cursor(const ReadPlan& plan) {
    const bool forward = plan.direction == Direction::forward;
    if (!plan.stream.empty()) STELE_CHECK(store_->stream_info(plan.stream));
    const bool by_revision =
        !plan.stream.empty() && !has_filter(plan.filter) && !plan.from_position && !plan.to_position;
    if (by_revision) {
      const auto from = forward ? plan.from_revision : plan.to_revision;
      return store_->read_stream(
          {.stream = plan.stream, .from = within(plan, from), .direction = plan.direction});
    }
    const auto from = forward ? plan.from_position : plan.to_position;
    return store_->read({.query = query_of(plan), .from = from, .direction = plan.direction});
  }

  // Backward from behind the end means from the end.
  std::optional<Revision> within(const ReadPlan& plan, std::optional<Revision> from) {
    if (!from || plan.direction == Direction::forward) return from;
    const auto info = store_->stream_info(plan.stream);
    return info ? std::min(*from, info->last_revision) : from;
  }

  void wait_until_in_flight(std::size_t at_most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return in_flight_ <= at_most; });
  }

  std::string directory_;
  std::unique_ptr<EventStore> store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t in_flight_ = 0;
};

}  // namespace

result<std::unique_ptr<Target>> open_local_target(const std::string& directory, Use use) {
  const OpenOptions options{.access = use == Use::writing ? Access::read_write : Access::read_only};
  STELE_TRY(auto store, open(directory, options));
  return std::make_unique<LocalTarget>(directory, std::move(store));
}

}  // namespace stele::cli
