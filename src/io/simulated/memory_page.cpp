// memory_page.cpp - words under a lock, and a condition variable for the bell.
#include "io/simulated/memory_page.hpp"

#include "base/assert.hpp"

namespace stele::io::simulated {

void MemoryPageState::crash(SeededRandom& random) {
  const std::lock_guard guard(mutex);
  switch (random.below(3)) {
    case 0:
      break;
    case 1:
      words = before;
      break;
    default:
      words = {};
  }
}

std::shared_ptr<MemoryPageState> MemoryPageState::copy() const {
  auto made = std::make_shared<MemoryPageState>();
  const std::lock_guard guard(mutex);
  made->words = words;
  made->before = before;
  made->sequence = sequence;
  return made;
}

namespace {

class MemoryPage final : public SharedPage {
 public:
  MemoryPage(std::shared_ptr<MemoryPageState> state, bool writable)
      : state_(std::move(state)), writable_(writable) {}

  [[nodiscard]] std::uint64_t load(std::size_t word) const override {
    STELE_ASSERT(word < words, "the word is inside the page", word);
    const std::lock_guard guard(state_->mutex);
    return state_->words[word];
  }

  void store(std::size_t word, std::uint64_t value) override {
    STELE_ASSERT(word < words && writable_, "the word is inside a writable page", word, writable_);
    const std::lock_guard guard(state_->mutex);
    state_->words[word] = value;
  }

  void notify() override {
    {
      const std::lock_guard guard(state_->mutex);
      if (writable_) {
        ++state_->sequence;
        state_->before = state_->words;
      }
    }
    state_->rung.notify_all();
  }

  [[nodiscard]] std::uint32_t sequence() const override {
    const std::lock_guard guard(state_->mutex);
    return state_->sequence;
  }

  bool wait(std::uint32_t seen, std::chrono::microseconds timeout) const override {
    std::unique_lock lock(state_->mutex);
    if (state_->sequence == seen) state_->rung.wait_for(lock, timeout);
    return state_->sequence != seen;
  }

 private:
  std::shared_ptr<MemoryPageState> state_;
  bool writable_;
};

}  // namespace

std::unique_ptr<SharedPage> make_memory_page(std::shared_ptr<MemoryPageState> state, bool writable) {
  return std::make_unique<MemoryPage>(std::move(state), writable);
}

}  // namespace stele::io::simulated
