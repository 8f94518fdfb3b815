// watermark.hpp - what the writer tells its followers, and the next recovery, through one shared page: how
// far the log is durable. Latest value only.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "io/shared_page.hpp"
#include "stele/types.hpp"

namespace stele::engine::log {

struct Mark {
  Position durable;          // every event up to here survives
  Position segment;          // first position of the segment that is being written
  std::uint64_t offset = 0;  // behind the last durable frame in it
  bool operator==(const Mark&) const = default;
};

// One publisher, any number of readers in any process. A half-published mark is never read: words carry their
// own checksum.
class Watermark {
 public:
  Watermark(std::unique_ptr<io::SharedPage> page, const Uuid& store)
      : page_(std::move(page)), store_(store) {}

  // After the sync, before acknowledging. Wakes all waiters.
  void publish(const Mark& mark);
  // Nothing: never published, of another store, or damaged. No knowledge is safe; wrong knowledge is not.
  [[nodiscard]] std::optional<Mark> read() const;
  // To wait without missing anything: take sequence(), read(), then wait(sequence).
  [[nodiscard]] std::uint32_t sequence() const { return page_->sequence(); }
  bool wait(std::uint32_t seen, std::chrono::microseconds timeout) const {
    return page_->wait(seen, timeout);
  }
  // Ends waits early, for closing. A waiter that is just about to wait misses it: keep its timeouts short.
  void wake() { page_->notify(); }

 private:
  std::unique_ptr<io::SharedPage> page_;
  Uuid store_;
};

// Which word of the page holds what; for the decoder of `stele inspect` too.
struct WatermarkWords {
  static constexpr std::size_t magic = 0, store = 1, durable = 3, segment = 4, offset = 5, check = 6;
  static constexpr std::uint64_t magic_value = 0x4B4D57454C455453;  // "STELEWMK"
  std::array<std::uint64_t, 7> values{};

  [[nodiscard]] std::uint64_t expected_check() const;
  [[nodiscard]] bool whole() const {
    return values[magic] == magic_value && values[check] == expected_check();
  }
};

}  // namespace stele::engine::log
