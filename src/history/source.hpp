// source.hpp - where histories are read from: a store in this process, or whatever a tool reaches it by. As small as
// looking through time allows; only reads.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "stele/store.hpp"

namespace stele::history {

// Called for every event; the view is valid during the call. False: that is enough.
using TakeEvent = std::function<result<bool>(const EventView&)>;

// One thread at a time.
class EventSource {
 public:
  virtual ~EventSource() = default;
  // Errors: not_found for a stream that does not exist.
  virtual result<StreamInfo> stream_info(const std::string& stream) = 0;
  // The events from one revision to another, both included, as far as they exist.
  virtual result<void> read_stream(const std::string& stream, Revision from, Revision to,
                                   const TakeEvent& take) = 0;
  // The same of the log, of those that match.
  virtual result<void> read_log(const Query& query, Position from, Position to, const TakeEvent& take) = 0;
  // Streams whose name begins with `prefix` and sorts behind `after`.
  virtual result<std::vector<StreamInfo>> list_streams(const std::string& prefix, const std::string& after,
                                                       std::size_t limit) = 0;
  virtual result<RecordedEvent> find_event(const Uuid& id) = 0;
  virtual result<Position> head() = 0;
};

class StoreSource final : public EventSource {
 public:
  explicit StoreSource(EventStore& store) : store_(store) {}
  result<StreamInfo> stream_info(const std::string& stream) override { return store_.stream_info(stream); }
  result<void> read_stream(const std::string& stream, Revision from, Revision to,
                           const TakeEvent& take) override;
  result<void> read_log(const Query& query, Position from, Position to, const TakeEvent& take) override;
  result<std::vector<StreamInfo>> list_streams(const std::string& prefix, const std::string& after,
                                               std::size_t limit) override {
    return store_.list_streams(prefix, after, limit);
  }
  result<RecordedEvent> find_event(const Uuid& id) override { return store_.find_event(id); }
  result<Position> head() override { return store_.head().position; }

 private:
  result<bool> read_dense(const std::string& stream, Position begin, Revision& from, Revision to,
                          const TakeEvent& take);
  EventStore& store_;
};

// The revision of the first event that is kept: what a stream keeps is dense up to its end.
[[nodiscard]] inline Revision first_kept(const StreamInfo& info) {
  return Revision(info.last_revision.value() + 1 - info.events);
}

}  // namespace stele::history
