// appends_through.cpp - the queue in front of the models, and the thread that goes through it.
#include "projection/appends_through.hpp"

#include <exception>
#include <future>
#include <utility>

#include "base/assert.hpp"
#include "projection/trial.hpp"

namespace stele::projection {
namespace {

constexpr std::size_t most_waiting = 10'000;

Error closing() {
  return Error(errc::unavailable,
               "nothing was appended: the projections that appends go through are being stopped")
      .help("append again when they have been started");
}

Error too_many_wait() {
  return Error(errc::busy, "nothing was appended: " + std::to_string(most_waiting) +
                               " appends wait for the projections that they go through")
      .help("let earlier ones finish first");
}

Error would_wait_for_itself() {
  return Error(errc::invalid,
               "an append that goes through a projection cannot be waited for on its own thread")
      .help("append from another thread, or use append_async and do not wait for it");
}

}  // namespace

std::vector<Runner*> synchronous_ones(const Projections& projections) {
  auto all = projections.runners();
  std::erase_if(all, [](const Runner* runner) { return !runner->synchronous(); });
  return all;
}

result<AppendResult> AppendsThrough::append(AppendRequest request) {
  const auto models = models_();
  if (models.empty()) return store_.append(std::move(request));
  if (is_waited_for(models)) return would_wait_for_itself();
  std::promise<result<AppendResult>> promise;
  auto answer = promise.get_future();
  append_async(std::move(request), [promise = std::move(promise)](result<AppendResult> done) mutable {
    promise.set_value(std::move(done));
  });
  return answer.get();
}

void AppendsThrough::append_async(AppendRequest request, AppendCompletion done) {
  if (models_().empty()) return store_.append_async(std::move(request), std::move(done));
  if (auto fit = check_writes(request); !fit) return done(fit.error());
  if (auto refused = put(request, done)) done(*std::move(refused));
}

std::optional<Error> AppendsThrough::put(AppendRequest& request, AppendCompletion& done) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return closing();
  if (waiting_.size() >= most_waiting) return too_many_wait();
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  waiting_.push_back({std::move(request), std::move(done)});
  more_.notify_one();
  return std::nullopt;
}

bool AppendsThrough::is_waited_for(const std::vector<Runner*>& models) {
  for (const Runner* model : models)
    if (model->is_this_thread()) return true;
  const std::lock_guard lock(mutex_);
  return thread_.get_id() == std::this_thread::get_id();
}

void AppendsThrough::stop() {
  std::thread ending;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    ending = std::move(thread_);
  }
  more_.notify_all();
  STELE_ASSERT(ending.get_id() != std::this_thread::get_id(), "no completion ends what has called it");
  if (ending.joinable()) ending.join();
}

void AppendsThrough::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    more_.wait(lock, [&] { return stopped_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    const bool refused = stopped_;
    lock.unlock();
    answer(std::move(next), refused);
    lock.lock();
  }
}

// What belongs to the append ends with it, and without the lock.
void AppendsThrough::answer(Waiting next, bool refused) {
  auto done = refused ? result<AppendResult>(closing()) : in_turn(std::move(next.request));
  next.done(std::move(done));
}

// Not known whether it happened, when something throws: it may have been behind the append.
result<AppendResult> AppendsThrough::in_turn(AppendRequest request) {
  try {
    return AppendTurn(store_, models_, std::move(request)).run();
  } catch (const std::exception& thrown) {
    return Error(errc::unavailable, std::string("an append through projections ended: ") + thrown.what());
  }
}

}  // namespace stele::projection
