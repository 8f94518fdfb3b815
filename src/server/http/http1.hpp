// http1.hpp - HTTP/1.1 on one connection: requests in order, answers in the same order, pipelining, streamed
// bodies, event streams. Bytes in, bytes out; what a request means is app/exchange.hpp.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "server/app/exchange.hpp"
#include "server/http/parser.hpp"
#include "server/live/live_stream.hpp"
#include "server/net/transport.hpp"

namespace stele::server {

class Http1 final : public Protocol {
 public:
  Http1(std::shared_ptr<Core> core, Transport& transport);
  ~Http1() override;

  std::size_t on_bytes(std::string_view input) override;
  [[nodiscard]] bool wants_input() const override;
  void on_eof() override;
  void on_drained() override;
  void on_tick(Clock::time_point now) override;
  void on_stopping() override;
  void on_closed() override;

 private:
  // One request that was begun; answered in the order of the queue.
  struct Slot {
    std::uint64_t id = 0;
    bool head_only = false;
    bool keep_alive = true;
    bool http10 = false;
    bool pipelined = false;
    std::size_t body_bytes = 0;
    std::optional<Response> response{};
  };

  // One step of parsing; how many bytes it took. 0: more are needed.
  std::size_t parse_some(std::string_view input);
  // Answers what is no request, behind the answers still owed, and ends the connection.
  void fail(const ParseFailure& failure);
  // False: all bodies together hold too much memory; the request was failed.
  bool count_body();
  void request_complete();
  [[nodiscard]] bool may_start(const Exchange& exchange) const;
  void start(const std::shared_ptr<Exchange>& exchange);
  void completed(std::uint64_t id, Response response);
  // Sends answers from the front as far as they are there.
  void send_ready();
  bool send_front();
  void begin_stream(Slot& slot, bool keep);
  void begin_live(Slot& slot);
  // Asks a worker for the next part of a streamed body, one at a time.
  void pump_stream();
  void stream_part(std::string bytes, bool more);
  void stream_broke();
  void pump_live();
  void pop_front();
  void settle();
  void release_bytes(std::size_t bytes);

  std::shared_ptr<Core> core_;
  Transport* transport_;
  RequestParser parser_;
  // In the order of the requests; the front one is the next to be sent.
  std::deque<Slot> slots_;
  std::shared_ptr<Exchange> waiting_;  // complete, but may not start beside those before it
  Slot waiting_slot_;
  std::uint64_t next_id_ = 1;
  std::size_t counted_body_ = 0;                    // of the request being read
  Clock::time_point last_activity_ = Clock::now();  // the connection's begin or its last answer
  std::optional<Clock::time_point> partial_since_;  // a request has begun to arrive
  bool ending_ = false;                             // no further request is read
  // The client sends no more, but may still read.
  bool eof_ = false;

  // The streamed answer at the front of the queue, if any.
  std::shared_ptr<BodySource> source_;
  bool source_busy_ = false;
  bool chunked_ = false;
  bool keep_after_stream_ = false;
  std::shared_ptr<LiveStream> live_;
  Clock::time_point last_live_write_{};
};

}  // namespace stele::server
