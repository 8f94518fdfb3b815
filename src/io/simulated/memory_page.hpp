// memory_page.hpp - the simulated shared page: one state per name, shared by everyone who maps it.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "io/shared_page.hpp"
#include "io/simulated/seeded_random.hpp"

namespace stele::io::simulated {

struct MemoryPageState {
  using Words = std::array<std::uint64_t, SharedPage::words>;
  mutable std::mutex mutex;
  mutable std::condition_variable rung;
  Words words{};
  Words before{};  // as they were when the bell rang last: what the disk may still have
  std::uint32_t sequence = 0;

  // A page of a crashed machine: as it is, as it was, or never written.
  void crash(SeededRandom& random);
  // One for another machine.
  [[nodiscard]] std::shared_ptr<MemoryPageState> copy() const;
};

[[nodiscard]] std::unique_ptr<SharedPage> make_memory_page(std::shared_ptr<MemoryPageState> state,
                                                           bool writable);

}  // namespace stele::io::simulated
