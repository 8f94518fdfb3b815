// http_client.hpp - the tests' own HTTP/1.1 client on bare sockets: it shares no code with the server, so the
// two cannot agree on a mistake. One connection each, kept alive; 127.0.0.1 only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stele::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Reply {
  int status = 0;                              // 0: the connection broke before the whole answer was here
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  [[nodiscard]] std::string header(const std::string& name) const;
  // The member of the body (an object) at a JSON Pointer: a string unescaped, anything else as its text.
  // Empty when there is none.
  [[nodiscard]] std::string at(std::string_view pointer) const;
};

// A connected socket with a buffer. Every wait ends after `patience`, which is a failure, never a measure.
class Wire {
 public:
  explicit Wire(std::uint16_t port, std::chrono::seconds patience = std::chrono::seconds(60));
  ~Wire();
  Wire(Wire&& other) noexcept;
  Wire& operator=(Wire&&) = delete;

  [[nodiscard]] bool connected() const { return socket_ >= 0; }
  bool send(std::string_view bytes);
  // Up to and without the delimiter.
  std::optional<std::string> read_until(std::string_view delimiter);
  std::optional<std::string> read_exactly(std::size_t bytes);

 private:
  bool fill();
  int socket_ = -1;
  std::string buffer_;
};

class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : port_(port) {}

  Reply get(const std::string& target, const Headers& headers = {});
  Reply post(const std::string& target, std::string_view body, const Headers& headers = {});
  Reply send(const std::string& method, const std::string& target, std::string_view body,
             const Headers& headers);

 private:
  std::uint16_t port_;
  std::optional<Wire> wire_;
};

// One message of an event stream.
struct SseMessage {
  std::string event = "message";
  std::string id;
  std::string data;
};

class SseClient {
 public:
  SseClient(std::uint16_t port, const std::string& target, const std::string& last_event_id = "");
  [[nodiscard]] int status() const { return status_; }
  // Comments and retry hints are passed over. Nothing: the stream ended.
  std::optional<SseMessage> next();

 private:
  std::optional<std::string> line();
  Wire wire_;
  int status_ = 0;
  bool chunked_ = false;
  std::string text_;
};

}  // namespace stele::test
