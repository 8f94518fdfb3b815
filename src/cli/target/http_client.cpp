// http_client.cpp - libcurl's easy interface behind three calls.
#include "cli/target/http_client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <mutex>

#include "cli/report.hpp"

namespace stele::cli {
namespace {

constexpr long connect_seconds = 5;
constexpr long reply_seconds = 120;
// A live stream has a heartbeat every 15 s: three lost ones mean that nobody is there any more.
constexpr long silent_seconds = 45;

// What the callbacks of one transfer share.
struct Transfer {
  CURL* handle = nullptr;
  const BodySink* sink = nullptr;  // null: everything goes to `body`
  std::stop_token stop;
  std::string body;
  bool ended_by_sink = false;
};

// A refusal has a body, too; it is kept apart from what the sink gets.
size_t on_body(char* bytes, size_t unit, size_t count, void* opaque) {
  auto& transfer = *static_cast<Transfer*>(opaque);
  const std::string_view piece(bytes, unit * count);
  long status = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.sink == nullptr || status != 200) {
    transfer.body += piece;
    return piece.size();
  }
  if ((*transfer.sink)(piece)) return piece.size();
  transfer.ended_by_sink = true;
  return 0;
}

// libcurl asks at least once a second: a stop is noticed on a silent connection as well.
int on_progress(void* opaque, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(opaque)->stop.stop_requested() ? 1 : 0;
}

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

HeaderList header_list(const HttpRequest& request, const std::string& authorization) {
  HeaderList list(curl_slist_append(nullptr, "Expect:"));  // bodies go at once, without asking first
  const auto add = [&](const std::string& header) {
    if (auto* longer = curl_slist_append(list.get(), header.c_str())) {
      [[maybe_unused]] auto* same = list.release();
      list.reset(longer);
    }
  };
  for (const auto& header : request.headers) add(header);
  if (!authorization.empty()) add(authorization);
  return list;
}

// Not safe to repeat while other threads use it, hence once for the process.
void start_library() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

struct HttpClient::Impl {
  std::string url;
  std::string authorization;  // a header line; or nothing
  std::unique_ptr<CURL, CloseHandle> handle;
  std::array<char, CURL_ERROR_SIZE> reason{};

  void prepare(const HttpRequest& request, Transfer& transfer, const curl_slist* headers) {
    auto* curl = handle.get();
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, (url + request.target).c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl, CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");  // a database is spoken to directly
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect_seconds);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason.data());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    if (request.method != "POST") return;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }

  void prepare_stream(Transfer& transfer) {
    curl_easy_setopt(handle.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle.get(), CURLOPT_LOW_SPEED_TIME, silent_seconds);
    curl_easy_setopt(handle.get(), CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle.get(), CURLOPT_XFERINFOFUNCTION, &on_progress);
    curl_easy_setopt(handle.get(), CURLOPT_XFERINFODATA, &transfer);
  }

  Error failure(CURLcode code) const {
    const std::string why = reason[0] != '\0' ? reason.data() : curl_easy_strerror(code);
    if (code == CURLE_OPERATION_TIMEDOUT)
      return Error(errc::timeout, fmt::format("{} did not answer in time: {}", url, why))
          .help("what was asked may have happened: repeating it with the same ids is harmless");
    return Error(errc::unavailable, fmt::format("cannot talk to {}: {}", url, why))
        .help("is the server running? stele serve --dir DIRECTORY starts one");
  }
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

result<HttpClient> HttpClient::make(const std::string& url, const std::string& token) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return usage_error(fmt::format("--url cannot be '{}'", url))
        .help("write http://HOST:PORT, e.g. http://127.0.0.1:2113");
  start_library();
  auto impl = std::make_unique<Impl>();
  impl->url = url.substr(0, url.find_last_not_of('/') + 1);
  if (!token.empty()) impl->authorization = "Authorization: Bearer " + token;
  impl->handle.reset(curl_easy_init());
  if (!impl->handle) return Error(errc::unavailable, "the network library could not start");
  return HttpClient(std::move(impl));
}

const std::string& HttpClient::url() const { return impl_->url; }

result<HttpReply> HttpClient::send(const HttpRequest& request) {
  Transfer transfer{.handle = impl_->handle.get(), .sink = nullptr, .stop = {}, .body = {}};
  const auto headers = header_list(request, impl_->authorization);
  impl_->prepare(request, transfer, headers.get());
  curl_easy_setopt(impl_->handle.get(), CURLOPT_TIMEOUT, reply_seconds);
  const auto code = curl_easy_perform(impl_->handle.get());
  if (code != CURLE_OK) return impl_->failure(code);
  long status = 0;
  curl_easy_getinfo(impl_->handle.get(), CURLINFO_RESPONSE_CODE, &status);
  return HttpReply{.status = static_cast<int>(status), .body = std::move(transfer.body)};
}

result<HttpReply> HttpClient::stream(const HttpRequest& request, const BodySink& sink, std::stop_token stop) {
  Transfer transfer{.handle = impl_->handle.get(), .sink = &sink, .stop = std::move(stop), .body = {}};
  const auto headers = header_list(request, impl_->authorization);
  impl_->prepare(request, transfer, headers.get());
  impl_->prepare_stream(transfer);
  const auto code = curl_easy_perform(impl_->handle.get());
  const bool wanted_end = transfer.ended_by_sink || transfer.stop.stop_requested();
  if (code != CURLE_OK && !wanted_end) return impl_->failure(code);
  long status = 0;
  curl_easy_getinfo(impl_->handle.get(), CURLINFO_RESPONSE_CODE, &status);
  return HttpReply{.status = static_cast<int>(wanted_end ? 200 : status), .body = std::move(transfer.body)};
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view unreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    if (unreserved.find(c) != std::string_view::npos)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace stele::cli
