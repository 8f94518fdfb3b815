// http_client.hpp - HTTP requests to one server over a connection that is kept. What is asked and answered is
// remote_target's business; the network library stays behind this.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "stele/result.hpp"

namespace stele::cli {

struct HttpRequest {
  std::string method = "GET";
  std::string target{};                // path and query, encoded: "/v1/streams/a%20b/events?limit=10"
  std::vector<std::string> headers{};  // "Name: value"
  std::string body{};
};

struct HttpReply {
  int status = 0;
  std::string body;
};

// Gets the body as it arrives; false: that is enough.
using BodySink = std::function<bool(std::string_view bytes)>;

// One thread at a time.
class HttpClient {
 public:
  // Errors: usage for an address that is not http:// or https://.
  // `token` goes with every request.
  static result<HttpClient> make(const std::string& url, const std::string& token = "");
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  // "http://127.0.0.1:2113"
  [[nodiscard]] const std::string& url() const;
  // Any status is a reply. Errors: unavailable (cannot connect, or the connection broke), timeout.
  [[nodiscard]] result<HttpReply> send(const HttpRequest& request);
  // A body without an end. A status other than 200 is a reply with its body; 200 returns when the server
  // ended it, the sink had enough or a stop was requested.
  [[nodiscard]] result<HttpReply> stream(const HttpRequest& request, const BodySink& sink,
                                         std::stop_token stop);

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A path segment or query value, percent-encoded (RFC 3986 unreserved characters stay).
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace stele::cli
