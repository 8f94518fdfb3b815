// listen.cpp - addresses to listen on.
#include "cli/listen.hpp"

#include <fmt/format.h>

#include <charconv>
#include <condition_variable>
#include <mutex>

#include "cli/report.hpp"

namespace stele::cli {
namespace {

Error bad_listen(const std::string& listen) {
  return usage_error(fmt::format("--listen cannot be '{}'", listen))
      .help("write HOST:PORT, e.g. 127.0.0.1:2113 or [::1]:2113");
}

// Port 0 is valid: the system chooses, and the announcement says which.
std::optional<std::uint16_t> port_of(std::string_view digits) {
  std::uint16_t port = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, port);
  if (digits.empty() || failure != std::errc{} || stop != end) return std::nullopt;
  return port;
}

}  // namespace

result<ServerOptions> parse_listen(const std::string& listen) {
  ServerOptions options;
  if (listen.empty()) return options;
  const auto colon = listen.rfind(':');
  const auto port = port_of(colon == std::string::npos ? std::string_view(listen)
                                                       : std::string_view(listen).substr(colon + 1));
  if (!port) return bad_listen(listen);
  options.port = *port;
  if (colon == std::string::npos || colon == 0) return options;
  auto host = listen.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (!bracketed && host.find(':') != std::string::npos) return bad_listen(listen);
  if (bracketed) host = host.substr(1, host.size() - 2);
  options.address = host == "localhost" ? "127.0.0.1" : host;
  return options;
}

std::string address_of(const ServerOptions& options, std::uint16_t port) {
  const bool v6 = options.address.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", options.address, v6 ? "]" : "", port);
}

// Sleeps until the stop token wakes it; no polling.
void wait_for_stop(Session& session) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait(lock, session.stop, [] { return false; });
}

}  // namespace stele::cli
