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
constexpr std::uint64_t most_bytes_waiting = 64u << 20;

// What it holds on to while it waits; what a request and an event are besides is small.
std::uint64_t bytes_of_events(const AppendRequest& request) {
  std::uint64_t bytes = 0;
  for (const auto& write : request.writes)
    for (const auto& event : write.events) bytes += event.data.size() + event.metadata.size();
  return bytes;
}

Error closing() {
  return Error(errc::unavailable,
               "nothing was appended: the projections that appends go through are being stopped")
      .help("append again when they have been started");
}

Error too_many_wait(std::size_t appends, std::uint64_t bytes) {
  return Error(errc::busy, "nothing was appended: " + std::to_string(appends) + " appends, " +
                               std::to_string(bytes) +
                               " bytes, wait for the projections that they go through")
      .help("let earlier ones finish first");
}

Error would_wait_for_itself() {
  return Error(errc::invalid,
               "an append that goes through a projection cannot be waited for on its own thread")
      .help(
          "append from another thread; callbacks may use append_async and not wait for it, but project() "
          "is tried and repeated, so it must have no effects");
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
  const std::uint64_t bytes = bytes_of_events(request);
  const bool fits = waiting_.empty() || bytes_waiting_ + bytes <= most_bytes_waiting;
  if (!fits || waiting_.size() >= most_waiting) return too_many_wait(waiting_.size(), bytes_waiting_);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  bytes_waiting_ += bytes;
  waiting_.push_back({std::move(request), std::move(done), bytes});
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
    STELE_ASSERT(next.bytes <= bytes_waiting_, "what leaves has been counted", next.bytes, bytes_waiting_);
    bytes_waiting_ -= next.bytes;
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
    return Error(errc::unavailable,
                 std::string("it is not known whether the append happened: ") + thrown.what())
        .help("repeat it with the same ids");
  }
}

}  // namespace stele::projection
