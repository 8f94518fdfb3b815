// parser.cpp - the one place that knows Beast: its parser, with hooks that fill our own request.
#include "server/http/parser.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace stele::server {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;
using BeastText = boost::beast::string_view;

std::string_view plain(BeastText text) { return {text.data(), text.size()}; }

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// Called by the grammar as it reads; refuses by our own rules through the same error path.
class Hooks : public beast_http::basic_parser<true> {
 public:
  ParsedRequest request;
  std::optional<ParseFailure> refused;  // by us, not by the grammar
  bool known_method = true;
  bool expects_continue = false;
  bool start_line_done = false;
  std::size_t fields_limit = 0;  // of all fields, before and behind the body

 private:
  void refuse(int status, std::string detail, error_code& ec) {
    if (!refused) refused = ParseFailure{status, std::move(detail)};
    ec = beast_http::error::bad_value;
  }

  void on_request_impl(beast_http::verb method, BeastText text, BeastText target, int version,
                       error_code& ec) override {
    start_line_done = true;
    known_method = method != beast_http::verb::unknown;
    request.method = plain(text);
    request.target = plain(target);
    request.version = static_cast<unsigned>(version);
    if (request.target.size() > max_target_bytes) {
      refuse(414, "the request target is longer than " + std::to_string(max_target_bytes) + " bytes", ec);
    }
  }

  void on_response_impl(int, BeastText, int, error_code&) override {}

  // Beast limits what it is shown at once; a sum of many small pieces is limited here. What stands behind the body
  // may come from somewhere else than the head, so it never becomes a header: it is counted and dropped.
  void on_field_impl(beast_http::field, BeastText name, BeastText value, error_code& ec) override {
    constexpr std::size_t around = 4;  // ": " and the end of the line
    fields_bytes_ += name.size() + value.size() + around;
    if (fields_bytes_ > fields_limit) return refuse(431, fields_too_large(), ec);
    if (head_done_) return;
    request.headers.push_back({lower_case(plain(name)), std::string(plain(value))});
  }

  [[nodiscard]] std::string fields_too_large() const {
    return std::string("the ") + (head_done_ ? "headers and trailers" : "headers") + " are larger than " +
           std::to_string(fields_limit) + " bytes";
  }

  // Request smuggling lives on headers that two servers read differently: anything doubtful is refused.
  void on_header_impl(error_code& ec) override {
    head_done_ = true;
    std::size_t hosts = 0;
    for (const auto& field : request.headers) {
      if (field.name == "host") ++hosts;
      if (field.name == "transfer-encoding" && request.version == 10)
        return refuse(400, "HTTP/1.0 knows no Transfer-Encoding", ec);
      if (field.name == "transfer-encoding" && lower_case(field.value) != "chunked") {
        return refuse(501, "only the transfer coding `chunked` is understood", ec);
      }
      if (field.name == "expect") {
        if (lower_case(field.value) != "100-continue")
          return refuse(417, "only `100-continue` can be expected", ec);
        expects_continue = request.version == 11;
      }
    }
    if (request.version == 11 && hosts != 1) refuse(400, "a request needs exactly one Host header", ec);
    request.keep_alive = keep_alive();
  }

  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(BeastText body, error_code&) override {
    request.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, BeastText extensions, error_code& ec) override {
    if (extensions.size() > fields_limit) {
      refuse(431, "a chunk's extensions are larger than " + std::to_string(fields_limit) + " bytes", ec);
    }
  }
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText body, error_code&) override {
    request.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  std::size_t fields_bytes_ = 0;
  bool head_done_ = false;
};

}  // namespace

struct RequestParser::Impl {
  Hooks hooks;
  ParserLimits limits;
  std::optional<ParseFailure> failure;

  ParseFailure explain(error_code ec, std::string_view input) const {
    using beast_http::error;
    if (hooks.refused) return *hooks.refused;
    if (ec == error::header_limit) {
      const auto longest = std::min(max_target_bytes, limits.header_bytes);
      const bool in_start_line =
          !hooks.start_line_done && input.substr(0, longest).find('\n') == std::string_view::npos;
      if (in_start_line) {
        return {414, "the request target is longer than " + std::to_string(longest) + " bytes"};
      }
      return {431, "the headers are larger than " + std::to_string(limits.header_bytes) + " bytes"};
    }
    if (ec == error::body_limit) {
      return {413, "the body is larger than " + std::to_string(limits.body_bytes) + " bytes"};
    }
    if (ec == error::bad_version) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
    return {400, "this is not an HTTP/1.1 request: " + ec.message()};
  }

  // Behind the head only the lines around chunks are held back until they are complete: they are not for ever.
  void limit_waiting(std::size_t bytes) {
    if (!hooks.is_header_done() || bytes <= limits.header_bytes) return;
    failure = ParseFailure{431, "the trailers or a chunk's extensions are larger than " +
                                    std::to_string(limits.header_bytes) + " bytes"};
  }
};

RequestParser::RequestParser(ParserLimits limits) : impl_(std::make_unique<Impl>()) {
  impl_->limits = limits;
  impl_->hooks.fields_limit = limits.header_bytes;
  impl_->hooks.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  impl_->hooks.body_limit(limits.body_bytes);
  impl_->hooks.eager(true);
}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;

// What is left of a chunked body is never shorter than its end, "0" and two line ends. Shown less than that for a
// second time, the grammar ends the process (an assertion of Beast, on the end of a body without chunks): so it is not.
constexpr std::size_t shortest_chunked_rest = 5;

// The grammar wants a head in one piece: until it is complete nothing is taken.
std::size_t RequestParser::feed(std::string_view input) {
  if (impl_->failure || impl_->hooks.is_done() || input.empty()) return 0;
  std::size_t used = 0;
  while (used < input.size() && !impl_->hooks.is_done()) {
    const bool in_chunks = impl_->hooks.is_header_done() && impl_->hooks.chunked();
    if (in_chunks && input.size() - used < shortest_chunked_rest) return used;
    error_code ec;
    const auto took = impl_->hooks.put(boost::asio::buffer(input.data() + used, input.size() - used), ec);
    used += took;
    if (ec == beast_http::error::need_more) {
      impl_->limit_waiting(input.size() - used);
      return used;
    }
    if (ec) {
      impl_->failure = impl_->explain(ec, input);
      return used;
    }
    if (took == 0) return used;
  }
  return used;
}

const std::optional<ParseFailure>& RequestParser::failure() const { return impl_->failure; }
bool RequestParser::header_done() const { return impl_->hooks.is_header_done(); }
bool RequestParser::done() const { return impl_->hooks.is_done(); }
bool RequestParser::method_is_known() const { return impl_->hooks.known_method; }
std::size_t RequestParser::body_bytes() const { return impl_->hooks.request.body.size(); }
ParsedRequest RequestParser::take() { return std::move(impl_->hooks.request); }

bool RequestParser::take_expect_continue() {
  const bool wanted = impl_->hooks.expects_continue && header_done() && !done();
  if (wanted) impl_->hooks.expects_continue = false;
  return wanted;
}

}  // namespace stele::server
