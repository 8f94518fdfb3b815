// wire.cpp - writes status lines, header fields and chunks.
#include "server/http/wire.hpp"

#include <array>
#include <charconv>
#include <ctime>
#include <utility>

namespace stele::server {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 39> reasons{{
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
}};

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  // A line break in a value would let data become headers.
  for (const char c : value) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  out += "\r\n";
}

void append_decimal(std::string& out, std::uint64_t number, int base = 10) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

// RFC 9110 section 8.6: no length where there can be no body.
void append_framing(std::string& out, int status, HeadOptions options) {
  if (status == 204 || status == 304 || status < 200) return;
  if (options.framing == Framing::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (options.framing == Framing::length) {
    out += "Content-Length: ";
    append_decimal(out, options.length);
    out += "\r\n";
  }
}

// A frame header of RFC 9113 section 4.1 on stream 0.
void append_frame(std::string& out, char type, std::string_view payload) {
  const auto size = payload.size();
  out += {static_cast<char>(size >> 16), static_cast<char>(size >> 8), static_cast<char>(size), type};
  out.append(5, '\0');
  out += payload;
}

}  // namespace

std::string_view reason_phrase(int status) {
  for (const auto& [code, text] : reasons) {
    if (code == status) return text;
  }
  return "Unknown";
}

void append_head(std::string& out, const Response& response, HeadOptions options) {
  out += "HTTP/1.1 ";
  append_decimal(out, static_cast<std::uint64_t>(response.status));
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\nDate: ";
  out += http_date();
  out += "\r\n";
  if (!response.content_type.empty()) append_line(out, "Content-Type", response.content_type);
  append_framing(out, response.status, options);
  for (const auto& field : response.headers) append_line(out, field.name, field.value);
  if (!options.keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
}

void append_chunk(std::string& out, std::string_view bytes) {
  if (bytes.empty()) return;  // an empty chunk would be the end
  append_decimal(out, bytes.size(), 16);
  out += "\r\n";
  out += bytes;
  out += "\r\n";
}

// gmtime_r and strftime for each answer would be a measurable part of it.
std::string_view http_date() {
  thread_local std::time_t cached = 0;
  thread_local std::array<char, 32> text{};
  const std::time_t now = std::time(nullptr);
  if (now != cached) {
    cached = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }
  return text.data();
}

// A server's first frame must be SETTINGS; then the connection may be refused.
std::string http2_refusal() {
  constexpr char settings = 4;
  constexpr char goaway = 7;
  constexpr char http_1_1_required = 13;
  std::string out;
  append_frame(out, settings, {});
  std::string payload(7, '\0');  // last stream id, then the error code
  payload += http_1_1_required;
  payload += "this server speaks HTTP/1.1 only";
  append_frame(out, goaway, payload);
  return out;
}

}  // namespace stele::server
