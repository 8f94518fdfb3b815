// wire.hpp - answers as HTTP/1.1 bytes: status lines, heads, chunks. The counterpart of parser.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stele/app.hpp"

namespace stele::server {

[[nodiscard]] std::string_view reason_phrase(int status);

// How the end of the body is marked.
enum class Framing : std::uint8_t {
  length,   // Content-Length
  chunked,  // HTTP/1.1 streams
  close,    // HTTP/1.0 streams: the end of the connection
  none,     // HEAD of a stream: no body follows, and nobody knows its length
};

struct HeadOptions {
  Framing framing = Framing::length;
  std::size_t length = 0;
  bool keep_alive = true;
};

// The head up to and including the empty line; 204 and 304 get no length.
void append_head(std::string& out, const Response& response, HeadOptions options);
void append_chunk(std::string& out, std::string_view bytes);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

// "Sun, 06 Nov 1994 08:49:37 GMT"; computed once a second per thread.
[[nodiscard]] std::string_view http_date();

// SETTINGS and GOAWAY(HTTP_1_1_REQUIRED): what a client that speaks HTTP/2 at once is told.
[[nodiscard]] std::string http2_refusal();
inline constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace stele::server
