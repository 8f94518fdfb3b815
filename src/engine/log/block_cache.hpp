// block_cache.hpp - blocks of compressed segments that were inflated lately, for reads of single events. Bounded in
// bytes over all files of a store; scans go past it.
//
// Threading: every member from any thread.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/assert.hpp"

namespace stele::engine::log {

class BlockCache {
 public:
  using Block = std::shared_ptr<const std::string>;

  explicit BlockCache(std::size_t most_bytes = std::size_t{16} << 20) : most_(most_bytes) {}

  // What tells the blocks of one file from those of another.
  [[nodiscard]] std::uint64_t new_file() {
    const std::lock_guard lock(mutex_);
    return ++files_;
  }
  // Nothing: it is not here.
  [[nodiscard]] Block find(std::uint64_t file, std::uint64_t block) {
    const std::lock_guard lock(mutex_);
    const auto found = where_.find({file, block});
    if (found == where_.end()) return nullptr;
    used_.splice(used_.begin(), used_, found->second);
    return found->second->bytes;
  }
  // The one that was not asked for the longest makes room.
  void keep(std::uint64_t file, std::uint64_t block, Block bytes) {
    const std::lock_guard lock(mutex_);
    if (where_.contains({file, block}) || bytes->size() > most_) return;
    held_ += bytes->size();
    used_.push_front({{file, block}, std::move(bytes)});
    where_.emplace(used_.front().key, used_.begin());
    while (held_ > most_) forget_oldest();
    STELE_ASSERT(used_.size() == where_.size() && !used_.empty(), "every block is in both lists",
                 used_.size(), where_.size());
  }
  [[nodiscard]] std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return held_;
  }

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  struct Kept {
    Key key;
    Block bytes;
  };

  void forget_oldest() {
    STELE_ASSERT(!used_.empty() && held_ >= used_.back().bytes->size(), "what is held is known", held_);
    held_ -= used_.back().bytes->size();
    where_.erase(used_.back().key);
    used_.pop_back();
  }

  mutable std::mutex mutex_;
  std::list<Kept> used_;  // the last one asked for in front
  std::map<Key, std::list<Kept>::iterator> where_;
  std::size_t held_ = 0;
  std::size_t most_;
  std::uint64_t files_ = 0;
};

}  // namespace stele::engine::log
