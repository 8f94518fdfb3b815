// model_wait.cpp - one waiting request as a small object that its two ends - the model and the clock - share.
#include "server/app/model_wait.hpp"

#include <atomic>

namespace stele::server {
namespace {

class PendingWait : public std::enable_shared_from_this<PendingWait> {
 public:
  PendingWait(std::shared_ptr<Core> core, const Route& route, std::shared_ptr<const Request> request,
              std::move_only_function<void(ModelWait)> done)
      : core_(std::move(core)), route_(route), request_(std::move(request)), done_(std::move(done)) {}

  // A model that is there already costs no timer.
  void start() {
    if (request_->after_position) wanted_ = *request_->after_position;
    if (!request_->after_version && route_.model->position() >= *wanted_) return end(true);
    if (!request_->after_version) {
      wait_for_position();
      return limit_patience();
    }
    // Patience begins when it is known what to wait for, so that a refusal can name it.
    core_->workers.run([self = shared_from_this()] {
      self->find_version();
      self->limit_patience();
    });
  }

 private:
  void limit_patience() {
    core_->timer_loop().after(request_->prefer.wait, [self = shared_from_this()] { self->give_up(); });
  }

  // Where the wanted version stands in the log; waits for the log to have it. On a worker.
  void find_version() {
    if (ended_.load()) return;
    const auto seen = core_->store.head().position;
    const auto found = position_of_version();
    if (found) {
      {
        const std::lock_guard lock(mutex_);
        wanted_ = std::max(*found, wanted_.value_or(Position()));
      }
      return wait_for_position();
    }
    core_->hub.when_head_passes(seen, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self) self->core_->workers.run([self] { self->find_version(); });
    });
  }

  // Errors count as "not there yet": the clock decides in the end.
  std::optional<Position> position_of_version() {
    auto cursor = core_->store.read_stream(
        {.stream = route_.stream(*request_), .from = request_->after_version, .limit = 1});
    if (!cursor) return std::nullopt;
    const auto batch = (*cursor)->next_batch(1);
    if (!batch || batch->empty()) return std::nullopt;
    return batch->front().position;
  }

  // The model may call back before the ticket is known; then there is nothing to cancel.
  void wait_for_position() {
    const auto ticket = route_.model->notify_at(*wanted(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->end(true);
    });
    {
      const std::lock_guard lock(mutex_);
      ticket_ = ticket;
    }
    if (ended_.load()) cancel();
  }

  // cancel() may wait for a callback that runs: not on a network thread.
  void give_up() {
    end(false);
    core_->workers.run([self = shared_from_this()] { self->cancel(); });
  }

  void cancel() {
    std::optional<std::uint64_t> ticket;
    {
      const std::lock_guard lock(mutex_);
      ticket = std::exchange(ticket_, std::nullopt);
    }
    if (ticket && !reached_.load()) route_.model->cancel(*ticket);
  }

  // Model and clock race for it; the first one counts.
  void end(bool reached) {
    if (ended_.exchange(true)) return;
    reached_.store(reached);
    core_->metrics.consistency_wait(reached, std::chrono::steady_clock::now() - began_);
    auto done = std::exchange(done_, nullptr);  // the timer may keep this object; not the request as well
    done({.reached = reached, .wanted = wanted()});
  }

  std::optional<Position> wanted() {
    const std::lock_guard lock(mutex_);
    return wanted_;
  }

  const std::shared_ptr<Core> core_;
  const Route& route_;
  const std::shared_ptr<const Request> request_;
  std::move_only_function<void(ModelWait)> done_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::atomic<bool> ended_{false};
  std::atomic<bool> reached_{false};
  std::mutex mutex_;
  std::optional<Position> wanted_;
  std::optional<std::uint64_t> ticket_;
};

}  // namespace

void wait_for_model(const std::shared_ptr<Core>& core, const Route& route,
                    const std::shared_ptr<const Request>& request,
                    std::move_only_function<void(ModelWait)> done) {
  std::make_shared<PendingWait>(core, route, request, std::move(done))->start();
}

}  // namespace stele::server
