// connection.cpp - readiness in, bytes moved. Reads go through one buffer per thread, so an idle connection
// holds no read buffer.
#include "server/net/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <limits>
#include <utility>

#include "server/net/loop_io.hpp"
#include "server/net/socket.hpp"

namespace stele::server {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::size_t read_buffer_bytes = 64u << 10;
constexpr std::size_t kept_write_buffer = 16u << 10;
constexpr std::size_t linger_bytes = 64u << 20;
constexpr std::chrono::milliseconds linger_time{2000};
constexpr std::chrono::milliseconds linger_time_when_stopping{100};

std::array<char, read_buffer_bytes>& read_buffer() {
  thread_local std::array<char, read_buffer_bytes> buffer;
  return buffer;
}

bool is_would_block(const ErrorCode& ec) {
  return ec == boost::asio::error::would_block || ec == boost::asio::error::try_again;
}

// Bytes that nobody acknowledges end a connection as late as those that nobody takes: a client whose machine is gone
// sends no word of it, and the system's own patience is a quarter of an hour.
void limit_silence(tcp::socket& socket, std::chrono::milliseconds patience) {
  const int most = std::numeric_limits<int>::max();
  const int limit = patience.count() < most ? static_cast<int>(patience.count()) : most;
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
}

}  // namespace

Connection::Connection(Loop& loop, SocketPtr socket, ConnectionOptions options)
    : loop_(loop), socket_(std::move(socket)), options_(std::move(options)) {}

Connection::~Connection() = default;
void Connection::DeleteSocket::operator()(Socket* socket) const { delete socket; }

void Connection::start() {
  ErrorCode ignored;
  socket_->tcp.non_blocking(true, ignored);
  socket_->tcp.set_option(tcp::no_delay(true), ignored);
  limit_silence(socket_->tcp, options_.write_timeout);
  loop_.add(shared_from_this());
  wait_readable();
}

// The wait holds the connection alive; abort() ends it with an error.
void Connection::wait_readable() {
  if (reading_ || closed_ || eof_) return;
  reading_ = true;
  socket_->tcp.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const ErrorCode& ec) {
    self->reading_ = false;
    if (!ec) self->read_ready();
    self->loop_.flush_dirty();
  });
}

void Connection::read_ready() {
  if (closed_) return;
  // Several reads per wake-up, but not forever: the other connections want their turn.
  for (int turn = 0; turn < 4 && read_once(); ++turn) {
  }
  if (!closed_ && !eof_ && (lingering_ || !stalled_)) wait_readable();
}

bool Connection::read_once() {
  if (closed_ || eof_ || (stalled_ && !lingering_)) return false;
  auto& buffer = read_buffer();
  ErrorCode ec;
  const auto count = socket_->tcp.read_some(boost::asio::buffer(buffer), ec);
  if (is_would_block(ec)) return false;
  if (ec == boost::asio::error::eof) {
    end_of_input();
    return false;
  }
  if (ec) {
    abort();
    return false;
  }
  accept_bytes({buffer.data(), count});
  return count == buffer.size();
}

// Most requests arrive in one piece and are parsed where they were read, without a copy.
void Connection::accept_bytes(std::string_view bytes) {
  if (lingering_ || finishing_) {
    discarded_ += bytes.size();
    if (discarded_ > linger_bytes) abort();
    return;
  }
  if (!in_.empty() || !protocol_) {
    in_ += bytes;
    return feed();
  }
  const auto used = protocol_->on_bytes(bytes);
  if (closed_) return;
  in_.assign(bytes.substr(used));
  stalled_ = !protocol_->wants_input();
}

void Connection::feed() {
  if (!protocol_) {
    protocol_ = options_.choose(in_, *this);
    if (!protocol_) return;
  }
  const auto used = protocol_->on_bytes(in_);
  if (closed_) return;
  in_.erase(0, used);
  stalled_ = !protocol_->wants_input();
}

// Called freely; does something only if the protocol has turned input down before.
void Connection::resume() {
  if (closed_ || finishing_ || !protocol_ || !stalled_) return;
  stalled_ = !protocol_->wants_input();
  if (stalled_) return;
  if (!in_.empty()) feed();
  if (!closed_ && !stalled_ && !finishing_) {
    if (eof_) {
      protocol_->on_eof();
    } else {
      wait_readable();
    }
  }
}

// A protocol that has not yet seen all bytes must not hear of their end.
void Connection::end_of_input() {
  eof_ = true;
  if (lingering_ || !protocol_) return abort();
  if (!stalled_) protocol_->on_eof();  // otherwise when it has seen what came before: resume()
}

// A large answer is moved, not copied, when nothing waits before it.
void Connection::write(std::string bytes) {
  if (closed_ || bytes.empty()) return;
  if (out_.size() == sent_) {
    progress_ = Clock::now();
    out_.clear();
    sent_ = 0;
  }
  if (out_.empty()) {
    out_ = std::move(bytes);
  } else {
    out_ += bytes;
  }
  touch_dirty();
}

void Connection::touch_dirty() {
  if (dirty_ || closed_) return;
  dirty_ = true;
  loop_.mark_dirty(shared_from_this());
}

// Writing is tried at once: mostly the socket takes it all and no readiness is asked for.
void Connection::flush() {
  dirty_ = false;
  if (closed_ || writing_) return;
  while (sent_ < out_.size()) {
    ErrorCode ec;
    const auto count =
        socket_->tcp.write_some(boost::asio::buffer(out_.data() + sent_, out_.size() - sent_), ec);
    if (is_would_block(ec)) return wait_writable();
    if (ec) return abort();
    sent_ += count;
    progress_ = Clock::now();
  }
  drained();
}

void Connection::wait_writable() {
  writing_ = true;
  socket_->tcp.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const ErrorCode& ec) {
    self->writing_ = false;
    if (!ec) self->flush();
    self->loop_.flush_dirty();
  });
}

// One large answer must not cost an idle connection its memory.
void Connection::drained() {
  const bool had_bytes = !out_.empty();
  out_.clear();
  sent_ = 0;
  if (out_.capacity() > kept_write_buffer) out_.shrink_to_fit();
  if (finishing_) return begin_linger();
  if (had_bytes && protocol_) protocol_->on_drained();
}

void Connection::finish() {
  if (closed_ || finishing_) return;
  finishing_ = true;
  touch_dirty();
}

// Closing at once would answer bytes still arriving with a reset, which can destroy our last answer.
void Connection::begin_linger() {
  if (lingering_) return;
  if (eof_) return abort();
  lingering_ = true;
  linger_until_ = Clock::now() + (stopping_ ? linger_time_when_stopping : linger_time);
  ErrorCode ignored;
  socket_->tcp.shutdown(tcp::socket::shutdown_send, ignored);
  wait_readable();
}

void Connection::abort() {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();
  ErrorCode ignored;
  socket_->tcp.close(ignored);
  loop_.remove(self);
  if (protocol_) protocol_->on_closed();
  if (options_.closed) std::exchange(options_.closed, nullptr)();
}

// Progress counts, not size: a slow client that takes something is left alone.
void Connection::tick(Clock::time_point now) {
  if (closed_) return;
  if (lingering_) {
    if (now >= linger_until_) abort();
    return;
  }
  if (unsent() > 0 && now - progress_ > options_.write_timeout) return abort();
  if (!protocol_) {
    if (now - opened_ > options_.idle_timeout) abort();
    return;
  }
  protocol_->on_tick(now);
}

void Connection::stopping() {
  stopping_ = true;
  if (lingering_) linger_until_ = std::min(linger_until_, Clock::now() + linger_time_when_stopping);
  if (closed_ || lingering_) return;
  if (!protocol_) return abort();
  protocol_->on_stopping();
}

}  // namespace stele::server
