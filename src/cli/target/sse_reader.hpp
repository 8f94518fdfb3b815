// sse_reader.hpp - bytes of a text/event-stream to messages (WHATWG HTML, "server-sent events"). Bytes in,
// messages out; the connection is somebody else's.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace stele::cli {

struct SseMessage {
  std::string event = "message";
  std::string data;  // lines joined by line feeds
  std::string id;    // the last one seen, also of earlier messages
};

// False: that is enough; the rest is dropped.
using SseSink = std::function<bool(const SseMessage&)>;

class SseReader {
 public:
  explicit SseReader(SseSink sink) : sink_(std::move(sink)) {}
  // A piece of the body, cut anywhere. False when the sink has had enough.
  bool take(std::string_view bytes);

 private:
  bool take_line(std::string_view line);
  bool dispatch();

  SseSink sink_;
  std::string line_;
  SseMessage message_;
  bool has_data_ = false;
};

}  // namespace stele::cli
