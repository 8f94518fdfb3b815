// batch.hpp - appends that go to the disk together: their bytes, and who waits for them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stele/store.hpp"

namespace stele::engine {

// All of the log's events that a request names are there already; their content is compared once they are
// durable.
struct DuplicateProbe {
  AppendRequest request;
  Position first;
};

// An asynchronous append and its answer, should the batch become durable.
struct PendingCompletion {
  AppendCompletion done;
  result<AppendResult> answer;
  std::optional<DuplicateProbe> probe;
};

// A blocking append whose thread sleeps until somebody has staged it and made it durable, or refused it.
class Sleeper {
 public:
  void wait() const { done_.wait(0, std::memory_order_acquire); }
  // The caller keeps this alive: the thread that wakes up may let go of it at once.
  void wake() {
    done_.store(1, std::memory_order_release);
    done_.notify_one();
  }

 private:
  std::atomic<std::uint32_t> done_{0};
};

// Built under the writer's mutex, then owned by whoever commits it. Blocking appenders keep it alive and wait
// for `finished`; what they will answer they know themselves.
struct Batch {
  std::string bytes;         // frames, back to back
  std::uint64_t offset = 0;  // of the first one, in the current segment
  Position last;             // of the last event in it
  bool awaited = false;      // somebody waits, even if there is nothing to write
  std::vector<PendingCompletion> completions;
  std::vector<std::shared_ptr<Sleeper>> sleepers;
  std::optional<Error> failure;  // set before `finished`
  std::atomic<std::uint32_t> finished{0};

  [[nodiscard]] bool idle() const { return bytes.empty() && !awaited; }
};

}  // namespace stele::engine
