// http_client.cpp - sockets, answers, event streams, as little of each as the tests need.
#include "support/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "stele/wire.hpp"

namespace stele::test {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::size_t number(std::string_view text, int base = 10) {
  std::size_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out, base);
  return out;
}

struct Start {
  int status = 0;
  std::map<std::string, std::string> headers;
};

std::optional<Start> read_start(Wire& wire) {
  const auto first = wire.read_until("\r\n");
  if (!first || first->size() < 12) return std::nullopt;
  Start out{static_cast<int>(number(std::string_view(*first).substr(9, 3))), {}};
  while (const auto line = wire.read_until("\r\n")) {
    if (line->empty()) return out;
    const auto colon = line->find(':');
    out.headers[lower(line->substr(0, colon))] = line->substr(std::min(line->size(), colon + 2));
  }
  return std::nullopt;
}

std::optional<std::string> read_chunk(Wire& wire) {
  const auto size = wire.read_until("\r\n");
  if (!size) return std::nullopt;
  auto bytes = wire.read_exactly(number(*size, 16));
  if (!bytes || !wire.read_until("\r\n")) return std::nullopt;
  return bytes;
}

std::optional<std::string> read_body(Wire& wire, const Start& start) {
  const auto length = start.headers.find("content-length");
  if (length != start.headers.end()) return wire.read_exactly(number(length->second));
  if (!start.headers.contains("transfer-encoding")) return std::string();
  std::string body;
  while (auto chunk = read_chunk(wire)) {
    if (chunk->empty()) return body;
    body += *chunk;
  }
  return std::nullopt;
}

std::string request_text(const std::string& method, const std::string& target, std::string_view body,
                         const Headers& headers) {
  std::string out = method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  bool typed = false;
  for (const auto& [name, value] : headers) {
    out += name + ": " + value + "\r\n";
    typed = typed || lower(name) == "content-type";
  }
  if (method == "POST" || method == "PATCH") {
    if (!typed) out += "Content-Type: application/json\r\n";
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return out + "\r\n" + std::string(body);
}

std::optional<JsonValue> child(const JsonValue& value, std::string_view key) {
  if (value.is(JsonType::object)) return value.find(key);
  auto index = number(key);
  for (const auto element : value.elements())
    if (index-- == 0) return element;
  return std::nullopt;
}

}  // namespace

std::string Reply::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::string Reply::at(std::string_view pointer) const {
  const auto document = JsonDocument::parse(body);
  if (!document) return "";
  std::optional value = document->root();
  while (value && !pointer.empty()) {
    pointer.remove_prefix(1);
    value = child(*value, pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(std::min(pointer.size(), pointer.find('/')));
  }
  if (!value) return "";
  return std::string(value->as_string().value_or(value->raw()));
}

Wire::Wire(std::uint16_t port, std::chrono::seconds patience) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{patience.count(), 0};
  const int on = 1;
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
  ::close(socket_);
  socket_ = -1;
}

Wire::~Wire() {
  if (socket_ >= 0) ::close(socket_);
}

Wire::Wire(Wire&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), buffer_(std::move(other.buffer_)) {}

bool Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Wire::fill() {
  char block[16384];
  const auto got = ::recv(socket_, block, sizeof block, 0);
  if (got <= 0) return false;
  buffer_.append(block, static_cast<std::size_t>(got));
  return true;
}

std::optional<std::string> Wire::read_until(std::string_view delimiter) {
  std::size_t at;
  while ((at = buffer_.find(delimiter)) == std::string::npos)
    if (!fill()) return std::nullopt;
  auto out = buffer_.substr(0, at);
  buffer_.erase(0, at + delimiter.size());
  return out;
}

std::optional<std::string> Wire::read_exactly(std::size_t bytes) {
  while (buffer_.size() < bytes)
    if (!fill()) return std::nullopt;
  auto out = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return out;
}

Reply HttpClient::get(const std::string& target, const Headers& headers) {
  return send("GET", target, "", headers);
}

Reply HttpClient::post(const std::string& target, std::string_view body, const Headers& headers) {
  return send("POST", target, body, headers);
}

Reply HttpClient::send(const std::string& method, const std::string& target, std::string_view body,
                       const Headers& headers) {
  if (!wire_) wire_.emplace(port_);
  // An answer may come before the whole body was taken (413): a failed send is no reason not to look.
  (void)wire_->send(request_text(method, target, body, headers));
  Reply reply;
  const auto start = read_start(*wire_);
  if (start && method != "HEAD") {
    if (auto text = read_body(*wire_, *start)) reply = {start->status, start->headers, std::move(*text)};
  } else if (start) {
    reply = {start->status, start->headers, ""};
  }
  if (reply.status == 0 || lower(reply.header("connection")) == "close") wire_.reset();
  return reply;
}

SseClient::SseClient(std::uint16_t port, const std::string& target, const std::string& last_event_id)
    : wire_(port) {
  Headers headers{{"Accept", "text/event-stream"}};
  if (!last_event_id.empty()) headers.emplace_back("Last-Event-ID", last_event_id);
  wire_.send(request_text("GET", target, "", headers));
  if (const auto start = read_start(wire_)) {
    status_ = start->status;
    chunked_ = start->headers.contains("transfer-encoding");
  }
}

std::optional<std::string> SseClient::line() {
  if (!chunked_) return wire_.read_until("\n");
  std::size_t end;
  while ((end = text_.find('\n')) == std::string::npos) {
    const auto chunk = read_chunk(wire_);
    if (!chunk || chunk->empty()) return std::nullopt;
    text_ += *chunk;
  }
  auto out = text_.substr(0, end);
  text_.erase(0, end + 1);
  return out;
}

std::optional<SseMessage> SseClient::next() {
  SseMessage message;
  bool any = false;
  while (const auto text = line()) {
    if (text->empty()) {
      if (any) return message;
      continue;
    }
    const auto colon = text->find(": ");
    const auto field = text->substr(0, colon);
    const auto value = colon == std::string::npos ? "" : text->substr(colon + 2);
    if (field == "data") message.data += (message.data.empty() ? "" : "\n") + value;
    if (field == "event") message.event = value;
    if (field == "id") message.id = value;
    any = any || field == "data" || field == "event";
  }
  return std::nullopt;
}

}  // namespace stele::test
