// parser.hpp - one HTTP/1.1 request at a time from bytes. Bytes in, a request out; it never touches a socket
// and never answers. Beast's parser does the grammar, behind this header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/app.hpp"

namespace stele::server {

// The longest request target; longer ones are 414 whatever the header limit says.
inline constexpr std::size_t max_target_bytes = 16u << 10;

struct ParserLimits {
  std::size_t
      header_bytes;  // of the head; also of headers and trailers together, and of a chunk's extensions
  std::size_t body_bytes;
};

// What was read. Header names are lower case; trailers are not kept.
struct ParsedRequest {
  std::string method;
  std::string target;
  unsigned version = 11;  // 10 or 11
  std::vector<Field> headers;
  std::string body;
  bool keep_alive = true;
};

// Why a request cannot be understood: the status to answer before closing, and a sentence.
struct ParseFailure {
  int status;
  std::string detail;
};

class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits);
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;

  // Takes bytes from the front of `input` and says how many; what is left must be shown again with more behind
  // it. Stops at the end of the request. After failure() it takes nothing.
  std::size_t feed(std::string_view input);

  [[nodiscard]] const std::optional<ParseFailure>& failure() const;
  [[nodiscard]] bool header_done() const;
  [[nodiscard]] bool done() const;
  // True once, when the head asked for `100 Continue` and its body is still to come.
  [[nodiscard]] bool take_expect_continue();
  [[nodiscard]] bool method_is_known() const;
  [[nodiscard]] std::size_t body_bytes() const;
  // After done(): the request. The parser is used up.
  [[nodiscard]] ParsedRequest take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stele::server
