// read_ahead.cpp - one thread puts, the other takes; no more than two batches wait between them.
#include "projection/read_ahead.hpp"

#include <exception>

#include "base/assert.hpp"

namespace stele::projection {
namespace {

constexpr std::size_t most_ahead = 2;

}  // namespace

ReadAhead::ReadAhead(EventStore& store, Query query, Position from, Position until, std::size_t batch)
    : store_(store), query_(std::move(query)), from_(from), until_(until), batch_(batch), thread_([this] {
        run();
      }) {
  STELE_ASSERT(batch_ > 0, "a batch has events", batch_);
}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

result<ReadAhead::Batch> ReadAhead::read(Position from) const {
  Batch batch;
  if (from > until_) return batch;
  STELE_TRY(batch.cursor, store_.read({.query = query_, .from = from}));
  STELE_TRY(batch.events, batch.cursor->next_batch(batch_));
  while (!batch.events.empty() && batch.events.back().position > until_)
    batch.events = batch.events.first(batch.events.size() - 1);
  return batch;
}

result<ReadAhead::Batch> ReadAhead::read_or_say_why(Position from) const {
  try {
    return read(from);
  } catch (const std::exception& thrown) {
    return Error(errc::unavailable, std::string("reading ahead: ") + thrown.what());
  }
}

bool ReadAhead::put(result<Batch> batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || ahead_.size() < most_ahead; });
  if (stopping_) return false;
  ahead_.push_back(std::move(batch));
  changed_.notify_all();
  return true;
}

void ReadAhead::run() {
  Position at = from_;
  for (bool more = true; more;) {
    auto batch = read_or_say_why(at);
    more = batch && !batch->events.empty();
    if (more) {
      STELE_ASSERT(batch->events.front().position >= at, "a cursor begins where it was told to", at.value());
      at = batch->events.back().position.next();
    }
    if (!put(std::move(batch))) return;
  }
}

result<std::span<const EventView>> ReadAhead::next() {
  if (ended_) return std::span<const EventView>{};
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ahead_.empty(); });
  auto batch = std::move(ahead_.front());
  ahead_.pop_front();
  changed_.notify_all();
  lock.unlock();
  ended_ = !batch || batch->events.empty();
  if (!batch) return batch.error();
  given_ = *std::move(batch);
  return given_.events;
}

}  // namespace stele::projection
