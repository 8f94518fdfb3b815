// feed.cpp - catch-up and live for one event stream.
#include "server/live/feed.hpp"

#include "server/log.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {
constexpr std::size_t feed_batch = 256;
constexpr int batches_a_round = 16;
// Joining fails for a moment (no room, a busy log); without any step forward something is wrong for good.
constexpr int most_fruitless = 16;
}  // namespace

Feed::Feed(std::shared_ptr<Core> core, Query query, Position after, std::shared_ptr<LiveStream> stream)
    : core_(std::move(core)), query_(std::move(query)), stream_(std::move(stream)), cursor_(after) {}

// On a worker, as everything of a feed but offer() and lost().
void Feed::start() {
  // The stream's callbacks keep the feed alive; client_gone() lets go of them.
  stream_->on_room([self = shared_from_this()] { self->room(); });
  stream_->on_close([self = shared_from_this()] { self->close(); });
  read_until_live();
}

// The stream knows first that its client is gone; the callback that says so may still be in the queue.
bool Feed::may_go_on() {
  if (!stream_->open()) {
    close();
    return false;
  }
  const std::lock_guard lock(mutex_);
  return state_ != State::closed;
}

void Feed::next_round() {
  core_->workers.run([self = shared_from_this()] { self->read_until_live(); });
}

void Feed::read_until_live() {
  if (!may_go_on()) return;
  const auto before = cursor_;
  switch (read_on()) {
    case Outcome::no_room:
      if (!wait_for_room()) next_round();
      return;
    case Outcome::more:
      return next_round();
    case Outcome::caught_up:
      break;
  }
  if (join()) return;
  fruitless_ = cursor_ == before ? fruitless_ + 1 : 0;
  if (fruitless_ < most_fruitless) return next_round();
  log_line(LogLevel::error, "live.cannot_join", "an event stream stays behind the log and is closed",
           {{"position", cursor_.value()}});
  stream_->close();
  close();
}

bool Feed::join() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::closed) return true;
    state_ = State::live;
  }
  const bool joined = core_->hub.join(shared_from_this(), query_, cursor_);
  bool closed = false;
  {
    const std::lock_guard lock(mutex_);
    closed = state_ == State::closed;
    if (!joined && state_ == State::live) state_ = State::reading;
  }
  // Closed between the last look and joining: nobody else would tell the hub.
  if (closed) core_->hub.leave(shared_from_this());
  return joined || closed;
}

// The head is taken before the cursor is opened: everything up to it is covered by what the cursor shows.
Feed::Outcome Feed::read_on() {
  if (told_behind_ && !tell("fell-behind")) return Outcome::no_room;
  told_behind_ = false;
  const auto head = core_->store.head().position;
  const auto outcome = read_some();
  if (outcome != Outcome::caught_up) return outcome;
  cursor_ = std::max(cursor_, head);
  if (!told_caught_up_ && !tell("caught-up")) return Outcome::no_room;
  told_caught_up_ = true;
  return Outcome::caught_up;
}

Feed::Outcome Feed::read_some() {
  auto reader = core_->store.read({.query = query_, .from = cursor_.next()});
  for (int batches = 0; batches < batches_a_round; ++batches) {
    auto batch =
        reader ? (*reader)->next_batch(feed_batch) : result<std::span<const EventView>>(reader.error());
    if (!batch) {
      log_line(LogLevel::error, "live.read_failed", "an event stream cannot read on",
               {{"error", batch.error().to_string()}});
      stream_->close();
      return Outcome::no_room;
    }
    if (batch->empty()) return Outcome::caught_up;
    if (!send_batch(*batch)) return Outcome::no_room;
  }
  return Outcome::more;
}

// Stops at the first event without room; the cursor then stands behind the last one that had some.
bool Feed::send_batch(std::span<const EventView> events) {
  std::size_t sent = 0;
  for (const auto& event : events) {
    if (!stream_->send_frame(event_frame(event))) break;
    cursor_ = event.position;
    ++sent;
  }
  core_->metrics.events_read("live", sent);
  return sent == events.size();
}

bool Feed::tell(std::string_view event) {
  const auto position = std::to_string(cursor_.value());
  return stream_->send(
      {.data = "{\"position\":" + position + "}", .event = std::string(event), .id = position});
}

// True: room() will go on. False: room came meanwhile, go on at once.
bool Feed::wait_for_room() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::closed) return true;
  if (room_came_) {
    room_came_ = false;
    return false;
  }
  state_ = State::waiting_for_room;
  return true;
}

// The room may come before the reader has noticed that there was none.
void Feed::room() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::waiting_for_room) {
      room_came_ = true;
      return;
    }
    state_ = State::reading;
  }
  read_until_live();
}

// Events the feed has read itself may be offered again after joining.
bool Feed::offer(Position at, std::string_view frame) {
  if (at <= cursor_) return true;
  if (!stream_->send_frame(frame)) return false;
  cursor_ = at;
  return true;
}

// Back to the log: this is what keeps a slow client from costing memory.
void Feed::lost() {
  if (!stream_->open()) return close();
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::closed) return;
    state_ = State::reading;
  }
  core_->metrics.live_fell_behind();
  core_->workers.run([self = shared_from_this()] {
    self->told_behind_ = true;
    self->told_caught_up_ = false;
    self->read_until_live();
  });
}

void Feed::close() {
  {
    const std::lock_guard lock(mutex_);
    state_ = State::closed;
  }
  core_->hub.leave(shared_from_this());
}

}  // namespace stele::server
