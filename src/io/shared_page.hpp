// shared_page.hpp - one page of memory that processes share through a file: how a follower learns, without
// polling, what the writer made durable. Not a queue: only the latest values are there.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace stele::io {

// 4096 bytes: 64-bit words for the user, the last eight bytes for waking. Safe from any thread and process.
// The page reaches the disk whenever the kernel likes; nothing in it may be true only after a sync of the
// page.
class SharedPage {
 public:
  static constexpr std::size_t bytes = 4096;
  static constexpr std::size_t words = bytes / 8 - 1;

  virtual ~SharedPage() = default;
  [[nodiscard]] virtual std::uint64_t load(std::size_t word) const = 0;  // acquire
  virtual void store(std::size_t word, std::uint64_t value) = 0;         // release; writable pages only
  // Wakes every waiter in every process. On a page that is not writable it wakes without counting.
  virtual void notify() = 0;
  // Counts the notifications; take it, look at the words, then wait for it to move.
  [[nodiscard]] virtual std::uint32_t sequence() const = 0;
  // True once the sequence is not `seen` any more; false when the timeout went by.
  virtual bool wait(std::uint32_t seen, std::chrono::microseconds timeout) const = 0;
};

}  // namespace stele::io
