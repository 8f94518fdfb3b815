// link_pool.cpp - lending read connections.
#include "targets/server/link_pool.hpp"

#include "base/assert.hpp"

namespace stele::targets {

// Connecting and closing happen without the lock: both wait for the server.
result<std::unique_ptr<SqlLink>> LinkPool::take(bool fresh) {
  std::vector<std::unique_ptr<SqlLink>> dead;
  {
    const std::lock_guard lock(mutex_);
    if (fresh) dead.swap(idle_);
    if (!idle_.empty()) {
      auto kept = std::move(idle_.back());
      idle_.pop_back();
      ++lent_;
      return kept;
    }
  }
  STELE_TRY(auto made, connect_(space_));
  const std::lock_guard lock(mutex_);
  ++lent_;
  return made;
}

void LinkPool::give_back(std::unique_ptr<SqlLink> link) {
  link->rollback();
  const std::lock_guard lock(mutex_);
  STELE_ASSERT(lent_ > 0, "only what was lent comes back", lent_);
  --lent_;
  if (idle_.size() < keep && !link->broken()) idle_.push_back(std::move(link));
}

std::size_t LinkPool::lent() const {
  const std::lock_guard lock(mutex_);
  return lent_;
}

}  // namespace stele::targets
