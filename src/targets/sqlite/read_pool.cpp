// read_pool.cpp - lending read connections.
#include "targets/sqlite/read_pool.hpp"

#include "base/assert.hpp"

namespace stele::targets {

// The last one given back is the first one taken: its pages and statements are the warmest. Opening happens
// without the lock, since it touches the disk.
result<std::unique_ptr<sqlite::Connection>> ReadPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto kept = std::move(idle_.back());
      idle_.pop_back();
      ++lent_;
      return kept;
    }
  }
  STELE_TRY(sqlite::Connection opened, sqlite::Connection::open(path_, sqlite::Mode::read_only));
  const std::lock_guard lock(mutex_);
  ++lent_;
  return std::make_unique<sqlite::Connection>(std::move(opened));
}

void ReadPool::give_back(std::unique_ptr<sqlite::Connection> connection) {
  connection->give_up_after({});
  connection->rollback();  // ends the snapshot, so that the write-ahead log can be tidied
  const std::lock_guard lock(mutex_);
  STELE_ASSERT(lent_ > 0, "only what was lent comes back", path_);
  --lent_;
  if (idle_.size() < keep) idle_.push_back(std::move(connection));
}

std::size_t ReadPool::lent() const {
  const std::lock_guard lock(mutex_);
  return lent_;
}

}  // namespace stele::targets
