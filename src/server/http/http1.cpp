// http1.cpp - the state machine of one HTTP/1.1 connection.
#include "server/http/http1.hpp"

#include <exception>

#include "base/assert.hpp"
#include "server/http/wire.hpp"
#include "server/live/sse.hpp"
#include "server/log.hpp"

namespace stele::server {
namespace {

constexpr std::size_t most_pipelined = 64;
constexpr std::size_t most_unsent = 1u << 20;
constexpr std::size_t stream_part_bytes = 64u << 10;
// A body may take longer than the time-out if it keeps coming at this rate.
constexpr std::size_t slowest_body_bytes_per_second = 32u << 10;

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

bool may_begin_request(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '\r'; }

// RFC 9112 section 2.2: empty lines before a request are to be forgiven. They begin none, and they are no sign
// of life: else a connection could be held for ever with them.
bool is_empty_line(std::string_view input) { return input.starts_with("\r\n") || input == "\r"; }

struct StreamPart {
  std::string bytes{};
  bool more = false;
  bool broken = false;  // the body cannot be ended properly
};

// Lines can say that they end too early; what the source wrote before it threw may be half a line and is dropped.
StreamPart broken_part(const Core& core, bool lines, std::string_view what) {
  log_line(LogLevel::error, "body.threw", what, {});
  if (!lines) return {.broken = true};
  const Problem problem(500, "internal", "the answer could not be read to its end");
  return {.bytes = "{\"$error\":" + core.problems.render(problem, "", "") + "}\n"};
}

StreamPart next_part(const Core& core, BodySource& source, bool lines) {
  StreamPart out;
  try {
    out.more = source(out.bytes, stream_part_bytes);
    return out;
  } catch (const std::exception& thrown) {
    return broken_part(core, lines, thrown.what());
  } catch (...) {
    return broken_part(core, lines, "not an std::exception");
  }
}

// What an application sends first; when that fails there will be nothing more to wait for.
void open_stream(StreamOpened& opened, const std::shared_ptr<LiveStream>& stream) {
  try {
    return opened(stream);
  } catch (const std::exception& thrown) {
    log_line(LogLevel::error, "live.threw", thrown.what(), {});
  } catch (...) {
    log_line(LogLevel::error, "live.threw", "not an std::exception", {});
  }
  stream->close();
}

ParserLimits limits_of(const ServerOptions& options) { return {options.header_bytes, options.body_bytes}; }

std::string_view slug_of_status(int status) {
  switch (status) {
    case 408:
      return "request-timeout";
    case 413:
      return "too-large";
    case 414:
      return "uri-too-long";
    case 417:
      return "expectation-failed";
    case 431:
      return "headers-too-large";
    case 501:
      return "not-implemented";
    case 503:
      return "unavailable";
    case 505:
      return "http-version";
    default:
      return "invalid-request";
  }
}

}  // namespace

Http1::Http1(std::shared_ptr<Core> core, Transport& transport)
    : core_(std::move(core)), transport_(&transport), parser_(limits_of(core_->options)) {}

Http1::~Http1() = default;

// Back-pressure: who does not take answers, or sends faster than requests end, is not read from.
bool Http1::wants_input() const {
  if (ending_ || !transport_) return false;
  if (live_) return true;  // to notice that the client leaves
  return !waiting_ && slots_.size() < most_pipelined && transport_->unsent() < most_unsent;
}

// A request counts as begun with its first byte; from then on its time is limited.
std::size_t Http1::on_bytes(std::string_view input) {
  if (live_ || ending_) return input.size();
  std::size_t used = 0;
  const auto first_id = next_id_;
  while (wants_input() && used < input.size()) {
    const auto took = parse_some(input.substr(used));
    used += took;
    if (took == 0) break;
  }
  const auto rest = input.substr(used);
  const bool partial = wants_input() && (parser_.header_done() || (!rest.empty() && !is_empty_line(rest)));
  if (!partial) {
    partial_since_.reset();
  } else if (!partial_since_ || next_id_ != first_id) {
    partial_since_ = Clock::now();
  }
  return ending_ ? input.size() : used;
}

// Requests that cannot begin like this are told so now: waiting for an empty line may take for ever.
std::size_t Http1::parse_some(std::string_view input) {
  if (!parser_.header_done() && input.starts_with("\r\n")) return 2;
  if (!parser_.header_done() && !may_begin_request(input.front())) {
    fail({400, "these bytes are no HTTP request"});
    return input.size();
  }
  const auto used = parser_.feed(input);
  if (parser_.failure()) {
    fail(*parser_.failure());
    return used;
  }
  if (!count_body()) return used;
  if (parser_.header_done() && !parser_.method_is_known()) {
    fail({501, "this server does not know the method"});
  } else if (parser_.done()) {
    request_complete();
  } else if (slots_.empty() && parser_.take_expect_continue()) {
    transport_->write(std::string(continue_line));
  }
  return used;
}

bool Http1::count_body() {
  const auto now = parser_.body_bytes();
  const auto total = core_->buffered_bytes.fetch_add(now - counted_body_) + now - counted_body_;
  counted_body_ = now;
  if (total <= max_buffered_bodies) return true;
  fail({503, "too many request bodies are in memory; send it again in a moment"});
  return false;
}

void Http1::release_bytes(std::size_t bytes) { core_->buffered_bytes.fetch_sub(bytes); }

// The connection ends here: what follows on it cannot be told apart from the broken request.
void Http1::fail(const ParseFailure& failure) {
  ending_ = true;
  release_bytes(std::exchange(counted_body_, 0));
  core_->metrics.request_done(core_->router.routes().size(), "-", failure.status, {});
  Slot slot{.id = next_id_++, .keep_alive = false};
  slot.response = render_problem(
      *core_, Problem(failure.status, std::string(slug_of_status(failure.status)), failure.detail), "", "");
  slots_.push_back(std::move(slot));
  send_ready();
}

// The slot is made before the request runs: the order of slots is the order of answers.
void Http1::request_complete() {
  auto parsed = parser_.take();
  Slot slot{.id = next_id_++,
            .head_only = parsed.method == "HEAD",
            .keep_alive = parsed.keep_alive && parsed.version == 11,
            .http10 = parsed.version == 10,
            .body_bytes = std::exchange(counted_body_, 0)};
  parser_ = RequestParser(limits_of(core_->options));
  if (!slot.keep_alive) ending_ = true;
  auto exchange = Exchange::prepare(core_, std::move(parsed));
  slot.pipelined = exchange->pipelined();
  if (!may_start(*exchange)) {
    waiting_ = std::move(exchange);
    waiting_slot_ = std::move(slot);
    return;
  }
  slots_.push_back(std::move(slot));
  start(exchange);
}

// Requests that may overlap are those whose order of effect is fixed when they start.
bool Http1::may_start(const Exchange& exchange) const {
  if (slots_.empty()) return true;
  if (!exchange.pipelined()) return false;
  for (const auto& slot : slots_) {
    if (!slot.pipelined && !slot.response) return false;
  }
  return true;
}

// The answer finds its way by the slot's number; the connection may be gone by then.
void Http1::start(const std::shared_ptr<Exchange>& exchange) {
  const auto id = slots_.back().id;
  auto& loop = transport_->loop();
  exchange->run([weak = weak_from_this(), core = core_, &loop, id](Response response) {
    loop.post([weak, id, response = std::move(response)]() mutable {
      const auto self = std::static_pointer_cast<Http1>(weak.lock());
      if (self) self->completed(id, std::move(response));
    });
  });
}

void Http1::completed(std::uint64_t id, Response response) {
  if (transport_ == nullptr) return;
  for (auto& slot : slots_) {
    if (slot.id != id) continue;
    STELE_ASSERT(!slot.response, "one answer for each request", id);
    slot.response = std::move(response);
    break;
  }
  send_ready();
}

void Http1::send_ready() {
  while (transport_ && !source_ && !live_ && !slots_.empty() && slots_.front().response) {
    if (!send_front()) return;
  }
  settle();
}

// Sends the first answer; false when it goes on (a streamed body) or was the last.
bool Http1::send_front() {
  auto& slot = slots_.front();
  auto& response = *slot.response;
  const bool last = ending_ && slots_.size() == 1 && !waiting_;
  const bool keep = slot.keep_alive && !last && !core_->stopping.load();
  const bool has_body = !slot.head_only && response.status != 204 && response.status != 304;
  if (response.opened && has_body) {
    begin_live(slot);
    return false;
  }
  if (response.source && has_body) {
    begin_stream(slot, keep);
    return false;
  }
  std::string out;
  const bool streamed = response.opened || response.source;
  append_head(out, response,
              {.framing = streamed ? Framing::none : Framing::length,
               .length = response.body.size(),
               .keep_alive = keep});
  if (has_body && response.body.size() < stream_part_bytes) {
    out += response.body;
    transport_->write(std::move(out));
  } else {
    transport_->write(std::move(out));
    if (has_body) transport_->write(std::move(response.body));
  }
  pop_front();
  if (keep) return true;
  ending_ = true;
  while (!slots_.empty()) pop_front();
  transport_->finish();
  return false;
}

// A request's body counts as memory until its answer has been handed over.
void Http1::pop_front() {
  release_bytes(slots_.front().body_bytes);
  slots_.pop_front();
  last_activity_ = Clock::now();
}

// After answers have left the queue: the next request may start, more may be read, or this was all.
void Http1::settle() {
  if (transport_ == nullptr || source_ || live_) return;
  if (waiting_ && may_start(*waiting_)) {
    slots_.push_back(std::move(waiting_slot_));
    start(std::exchange(waiting_, nullptr));
  }
  if (slots_.empty() && !waiting_ && (eof_ || ending_)) return transport_->finish();
  if (slots_.empty() && parser_.take_expect_continue()) transport_->write(std::string(continue_line));
  transport_->resume();
}

// HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
void Http1::begin_stream(Slot& slot, bool keep) {
  chunked_ = !slot.http10;
  keep_after_stream_ = keep && chunked_;
  std::string out;
  append_head(out, *slot.response,
              {.framing = chunked_ ? Framing::chunked : Framing::close, .keep_alive = keep_after_stream_});
  transport_->write(std::move(out));
  source_ = std::make_shared<BodySource>(std::move(slot.response->source));
  pump_stream();
}

// One part at a time, made by a worker when the one before has left: a slow client holds neither thread nor memory.
void Http1::pump_stream() {
  if (!source_ || source_busy_) return;
  source_busy_ = true;
  auto& loop = transport_->loop();
  const bool lines = slots_.front().response->content_type.starts_with("application/x-ndjson");
  core_->workers.run([weak = weak_from_this(), core = core_, source = source_, &loop, lines] {
    auto part = next_part(*core, *source, lines);
    loop.post([weak, part = std::move(part)]() mutable {
      const auto self = std::static_pointer_cast<Http1>(weak.lock());
      if (!self) return;
      if (part.broken) return self->stream_broke();
      self->stream_part(std::move(part.bytes), part.more);
    });
  });
}

void Http1::stream_part(std::string bytes, bool more) {
  source_busy_ = false;
  if (transport_ == nullptr) return;
  if (chunked_) {
    std::string out;
    out.reserve(bytes.size() + 32);
    append_chunk(out, bytes);
    if (!more) out += last_chunk;
    bytes = std::move(out);
  }
  const bool nothing = bytes.empty();
  transport_->write(std::move(bytes));
  if (more) {
    if (nothing) pump_stream();
    return;
  }
  source_.reset();
  pop_front();
  if (keep_after_stream_) return send_ready();
  ending_ = true;
  transport_->finish();
}

// Without the last chunk: a cut transfer must not look complete.
void Http1::stream_broke() {
  source_busy_ = false;
  ending_ = true;
  if (transport_ != nullptr) transport_->abort();
}

// Ends with the connection: an event stream has no end a client could wait for.
void Http1::begin_live(Slot& slot) {
  auto& response = *slot.response;
  response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.push_back({"X-Accel-Buffering", "no"});
  std::string out;
  append_head(out, response, {.framing = Framing::close, .keep_alive = false});
  out += sse_opening;
  transport_->write(std::move(out));
  last_live_write_ = Clock::now();
  live_ = std::make_shared<LiveStream>(transport_->loop(), core_->workers, core_->options.live_buffer_bytes,
                                       [weak = weak_from_this()] {
                                         const auto self = std::static_pointer_cast<Http1>(weak.lock());
                                         if (self) self->pump_live();
                                       });
  core_->metrics.connection(LiveKind::sse, 1);
  core_->workers.run(
      [opened = std::move(response.opened), stream = live_]() mutable { open_stream(opened, stream); });
  transport_->resume();
}

// The buffer is taken only when all that was taken before has left: so its limit is the client's limit.
void Http1::pump_live() {
  if (!live_ || !transport_ || transport_->unsent() > 0) return;
  auto bytes = live_->take();
  if (!bytes.empty()) {
    last_live_write_ = Clock::now();
    return transport_->write(std::move(bytes));
  }
  if (live_->close_requested()) {
    ending_ = true;
    transport_->finish();
  }
}

void Http1::on_drained() {
  if (live_) return pump_live();
  if (source_) return pump_stream();
  transport_->resume();
}

// Half-closed clients get the answers they wait for; a follower that will not read is gone.
void Http1::on_eof() {
  eof_ = true;
  if (live_) return transport_->abort();
  if (slots_.empty() && !waiting_) transport_->finish();
}

// A client that takes its answers slowly is the connection's business (write time-out), not ours.
void Http1::on_tick(Clock::time_point now) {
  const auto& options = core_->options;
  if (live_) {
    if (now - last_live_write_ >= options.heartbeat && transport_->unsent() == 0) {
      last_live_write_ = now;
      transport_->write(std::string(sse_heartbeat));
    }
    return;
  }
  if (ending_) return;
  if (partial_since_) {
    const auto extra = std::chrono::seconds(parser_.body_bytes() / slowest_body_bytes_per_second);
    if (now - *partial_since_ > options.read_timeout + extra) {
      fail({408, "the request did not arrive in time"});
    }
  } else if (slots_.empty() && !waiting_ && now - last_activity_ > options.idle_timeout) {
    ending_ = true;
    transport_->finish();
  }
}

// Event streams never end by themselves; everything else ends with the answer under way.
void Http1::on_stopping() {
  if (live_) {
    (void)live_->send({.data = "{\"reason\":\"the server is stopping\"}", .event = "gone"});
    return live_->close();
  }
  if (!slots_.empty() || waiting_) return;  // the answer under way closes the connection
  ending_ = true;
  transport_->finish();
}

// Answers still on their way find no connection and are dropped.
void Http1::on_closed() {
  transport_ = nullptr;
  std::size_t held = std::exchange(counted_body_, 0);
  for (const auto& slot : slots_) held += slot.body_bytes;
  if (waiting_) held += waiting_slot_.body_bytes;
  release_bytes(held);
  slots_.clear();
  waiting_.reset();
  source_.reset();
  if (!live_) return;
  core_->metrics.connection(LiveKind::sse, -1);
  live_->client_gone();
  live_.reset();
}

}  // namespace stele::server
