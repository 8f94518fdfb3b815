// queue.cpp - one committing thread; waiting callers, or completions collected for the submitting thread.
#include "queue.hpp"

#include <atomic>

namespace stele::compare {
namespace {

constexpr std::size_t fill_transaction = 10'000;

class WaitingConnection final : public Connection {
 public:
  explicit WaitingConnection(GroupQueue& queue) : queue_(queue) {}

  result<void> append(const Append& append) override {
    std::atomic<bool> done{false};
    result<void> outcome;
    queue_.put(append, [&](const result<void>& answer) {
      outcome = answer;
      done = true;
      done.notify_one();
    });
    done.wait(false);
    return outcome;
  }

 private:
  GroupQueue& queue_;
};

class QueuePipeline final : public Pipeline {
 public:
  explicit QueuePipeline(GroupQueue& queue) : queue_(queue) {}

  result<void> send(const Append& append, std::uint32_t slot) override {
    queue_.put(append, [this, slot](const result<void>& answer) {
      const std::lock_guard lock(mutex_);
      if (!answer && !failed_) failed_ = answer.error();
      ready_.push_back(slot);
      if (ready_.size() == 1) arrived_.notify_one();
    });
    return {};
  }
  result<void> receive(std::vector<std::uint32_t>& slots) override {
    slots.clear();
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !ready_.empty(); });
    slots.swap(ready_);
    if (failed_) return *failed_;
    return {};
  }

 private:
  GroupQueue& queue_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::uint32_t> ready_;
  std::optional<Error> failed_;
};

}  // namespace

GroupQueue::GroupQueue(CommitAll commit) : commit_(std::move(commit)), thread_([this] { run(); }) {}

GroupQueue::~GroupQueue() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    arrived_.notify_one();
  }
  thread_.join();
}

void GroupQueue::put(const Append& append, Answered answered) {
  const std::lock_guard lock(mutex_);
  appends_.push_back(append);
  answers_.push_back(std::move(answered));
  if (appends_.size() == 1) arrived_.notify_one();
}

void GroupQueue::run() {
  std::vector<Append> appends;
  std::vector<Answered> answers;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [&] { return ending_ || !appends_.empty(); });
      if (appends_.empty()) return;
      appends.swap(appends_);
      answers.swap(answers_);
    }
    const auto outcome = commit_(appends);
    for (const auto& answer : answers) answer(outcome);
    appends.clear();
    answers.clear();
  }
}

GroupQueue& QueuedRival::queue() {
  const std::lock_guard lock(making_);
  if (!queue_)
    queue_ =
        std::make_unique<GroupQueue>([this](std::span<const Append> appends) { return commit(appends); });
  return *queue_;
}

result<std::unique_ptr<Connection>> QueuedRival::connect() {
  return std::make_unique<WaitingConnection>(queue());
}

result<std::unique_ptr<Pipeline>> QueuedRival::pipeline() { return std::make_unique<QueuePipeline>(queue()); }

result<void> QueuedRival::append_all(std::span<const Append> appends) {
  for (; !appends.empty(); appends = appends.subspan(std::min(appends.size(), fill_transaction)))
    STELE_CHECK(commit(appends.first(std::min(appends.size(), fill_transaction))));
  return {};
}

}  // namespace stele::compare
