// live_stream.cpp - buffering for one event stream.
#include "server/live/live_stream.hpp"

#include "server/live/sse.hpp"

namespace stele::server {

LiveStream::LiveStream(Loop& loop, Workers& workers, std::size_t limit, std::function<void()> poke)
    : loop_(loop), workers_(workers), limit_(limit), poke_(std::move(poke)) {}

// Many messages, one task for the loop.
void LiveStream::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  loop_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->poke_();
  });
}

bool LiveStream::send_frame(std::string_view frame) {
  const std::lock_guard lock(mutex_);
  if (gone_ || close_requested_) return false;
  const auto buffered = pending_.size() + in_flight_;
  // Something larger than the whole buffer may pass when it has the buffer for itself.
  if (buffered > 0 && buffered + frame.size() > limit_) {
    was_full_ = true;
    return false;
  }
  pending_ += frame;
  schedule();
  return true;
}

bool LiveStream::send(const LiveMessage& message) {
  std::string frame;
  append_sse(frame, message);
  return send_frame(frame);
}

void LiveStream::send_latest(LiveMessage message) {
  const std::lock_guard lock(mutex_);
  if (gone_ || close_requested_) return;
  latest_ = std::move(message);
  schedule();
}

// Nothing to take means that all has left: only then is there room worth telling.
std::string LiveStream::take() {
  std::function<void()> room;
  std::string out;
  {
    const std::lock_guard lock(mutex_);
    scheduled_ = false;
    out = std::exchange(pending_, {});
    if (latest_) append_sse(out, *std::exchange(latest_, std::nullopt));
    in_flight_ = out.size();
    if (out.empty() && was_full_) {
      was_full_ = false;
      room = room_;
    }
  }
  if (room) workers_.run(std::move(room));
  return out;
}

void LiveStream::on_room(std::function<void()> room) {
  const std::lock_guard lock(mutex_);
  room_ = std::move(room);
}

void LiveStream::on_close(std::function<void()> closed) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      closed_ = std::move(closed);
      return;
    }
  }
  workers_.run(std::move(closed));
}

void LiveStream::close() {
  const std::lock_guard lock(mutex_);
  if (gone_ || close_requested_) return;
  close_requested_ = true;
  schedule();
}

bool LiveStream::open() const {
  const std::lock_guard lock(mutex_);
  return !gone_ && !close_requested_;
}

bool LiveStream::close_requested() const {
  const std::lock_guard lock(mutex_);
  return close_requested_;
}

// Callbacks are let go of: they may hold what holds this stream.
void LiveStream::client_gone() {
  std::function<void()> closed;
  {
    const std::lock_guard lock(mutex_);
    if (gone_) return;
    gone_ = true;
    pending_.clear();
    closed = std::move(closed_);
    room_ = nullptr;
  }
  if (closed) workers_.run(std::move(closed));
}

}  // namespace stele::server
