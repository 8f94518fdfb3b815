// forward_reader.hpp - events in log order, by whole frames and large reads: full scans, subscriptions,
// rebuilds.
//
// Every frame is verified. A damaged one is reported once per lost event; what can still be read behind it
// is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/reader/event_reader.hpp"
#include "engine/reader/places.hpp"

namespace stele::engine {

// One thread at a time.
class ForwardReader {
 public:
  ForwardReader(const ReadState& state, Position from)
      : state_(state), single_(state), places_(state.index), next_(from) {}

  // Events up to and including `until` (which must be visible) that match: at most `max` of them, and at most
  // what a few reads of the log bring, so it may return none although there are more: then position() has
  // moved. The views stay valid until the next call. After an error the next call goes on behind the damage.
  result<std::span<const EventView>> next_batch(const Query& query, Position until, std::size_t max);
  // The next position that will be looked at.
  [[nodiscard]] Position position() const { return next_; }
  // Leaves out what lies between.
  void go_to(Position position) {
    if (position == next_) return;
    next_ = position;
    walk_.reset();
    placed_ = false;
  }

 private:
  enum class Step : std::uint8_t {
    passed,   // the frame is behind us
    paused,   // enough events were taken out of it
    starved,  // the buffer ends inside it
    damaged,  // it does not parse
  };

  // Whether the frame of next_ should begin where the last one has ended.
  [[nodiscard]] bool goes_on() const;
  result<bool> find_place();
  // Makes the buffer begin at the frame of next_.
  result<void> place(Location location);
  // More of the segment behind frame_at_; false when there is none.
  result<bool> read_more(std::size_t needed);
  Step take_frame(const Query& query, Position until, std::size_t max);
  Step begin_frame();
  // One event out of a frame that is damaged elsewhere.
  result<void> take_single(const Query& query);
  // One step of next_batch; false when the batch is complete.
  result<bool> advance(const Query& query, Position until, std::size_t max);

  const ReadState& state_;
  EventReader single_;
  Places places_;
  Arena arena_;  // of single events
  Position next_;
  const OpenSegment* segment_ = nullptr;
  std::uint32_t ordinal_ = 0;
  std::uint64_t buffer_offset_ = 0;       // of the buffer, in the segment
  std::size_t frame_at_ = 0;              // where the frame of next_ begins in the buffer
  bool placed_ = false;                   // whether those three are right
  bool follows_ = false;                  // and the frame of next_ was not yet found damaged there
  std::optional<log::FrameEvents> walk_;  // inside a verified frame
  std::size_t frame_size_ = 0;            // of the frame being walked
  std::size_t needed_ = 0;                // bytes that the starved frame has
  std::size_t step_ = smallest_step;
  std::uint32_t refills_ = 0;  // reads of this batch: a scan without matches must end now and then
  std::string buffer_;
  std::vector<EventView> events_;

  static constexpr std::size_t smallest_step = 32 << 10;
  static constexpr std::size_t largest_step = 1 << 20;
  static constexpr std::size_t largest_kept = 4 << 20;
  static constexpr std::uint32_t refills_per_batch = 16;
};

}  // namespace stele::engine
