// read_ahead.hpp - the next events of the log, read and checked by a thread of their own while those in front of them
// are applied. For a long way to go: a batch or two are in memory, and a reader that waits for new events is a
// subscription's business.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "stele/store.hpp"

namespace stele::projection {

// One thread takes; the store outlives it.
class ReadAhead {
 public:
  // Up to `until`, inclusive: what is appended meanwhile is for the next one.
  ReadAhead(EventStore& store, Query query, Position from, Position until, std::size_t batch);
  // Waits for the batch that is being read.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The next events, valid until the next call; none at the end, nor later. Errors: those of a cursor; the
  // first is the end, too.
  result<std::span<const EventView>> next();

 private:
  // Each batch has a cursor of its own, because a cursor's events go with its next ones.
  struct Batch {
    std::unique_ptr<Cursor> cursor;
    std::span<const EventView> events;
  };
  [[nodiscard]] result<Batch> read(Position from) const;
  // The same; an exception is an error like any other.
  [[nodiscard]] result<Batch> read_or_say_why(Position from) const;
  // False: nobody wants more.
  bool put(result<Batch> batch);
  void run();

  EventStore& store_;
  Query query_;
  Position from_;
  Position until_;
  std::size_t batch_;
  Batch given_;
  bool ended_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<result<Batch>> ahead_;
  bool stopping_ = false;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace stele::projection
