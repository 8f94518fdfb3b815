// listener.cpp - one acceptor, on the first loop.
#include "server/net/listener.hpp"

#include "server/log.hpp"
#include "server/net/loop_io.hpp"
#include "server/net/socket.hpp"

namespace stele::server {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;
constexpr std::chrono::milliseconds pause_after_failure{100};

// The two a person can do something about have their own kind.
Error listen_error(const std::string& where, const ErrorCode& ec) {
  if (ec == boost::asio::error::address_in_use) {
    return Error(errc::busy, where + " is in use by another process")
        .help("choose another port with --listen");
  }
  if (ec == boost::asio::error::access_denied) return Error(errc::denied, where + ": " + ec.message());
  return Error(errc::unavailable, "cannot listen on " + where + ": " + ec.message());
}

// Host names are refused: what they resolve to may be public tomorrow.
result<tcp::endpoint> endpoint_of(const ListenOptions& options) {
  const std::string text = options.address == "localhost" ? "127.0.0.1" : options.address;
  ErrorCode ec;
  const auto address = boost::asio::ip::make_address(text, ec);
  if (ec) {
    return Error(errc::invalid, "`" + options.address + "` is not an address to listen on")
        .help("use a numeric address such as 127.0.0.1 or ::1");
  }
  if (!address.is_loopback() && !options.allow_public) {
    return Error(errc::denied,
                 "refusing to listen on " + text + ": others could reach it, without TLS and users")
        .help("listen on 127.0.0.1, or say --allow-insecure if the network around it is trusted");
  }
  return tcp::endpoint(address, options.port);
}

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(std::vector<Loop*> all, Accepted on_accepted)
      : loops(std::move(all)), accepted(std::move(on_accepted)), acceptor(loops.front()->io().context) {}

  std::vector<Loop*> loops;
  Accepted accepted;
  tcp::acceptor acceptor;
  std::size_t turn = 0;
  std::uint64_t failures = 0;  // in a row

  result<void> open(const tcp::endpoint& where);
  void accept_next();
  void take(Loop& loop, const ErrorCode& ec, tcp::socket socket);
};

result<void> Listener::Impl::open(const tcp::endpoint& where) {
  const auto name = where.address().to_string() + ":" + std::to_string(where.port());
  ErrorCode ec;
  acceptor.open(where.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(where, ec);
  if (!ec) acceptor.listen(4096, ec);
  if (ec) return listen_error(name, ec);
  return {};
}

void Listener::Impl::accept_next() {
  if (!acceptor.is_open()) return;
  auto& loop = *loops[turn++ % loops.size()];
  acceptor.async_accept(loop.io().context,
                        [self = shared_from_this(), &loop](const ErrorCode& ec, tcp::socket socket) {
                          self->take(loop, ec, std::move(socket));
                        });
}

// Out of file descriptors is a state that passes: a pause, not the end, and one line in the log however long it takes.
void Listener::Impl::take(Loop& loop, const ErrorCode& ec, tcp::socket socket) {
  if (ec == boost::asio::error::operation_aborted || !acceptor.is_open()) return;
  if (ec) {
    if (failures++ == 0)
      log_line(LogLevel::warn, "accept.failed", "cannot accept connections for now",
               {{"error", ec.message()}});
    return loops.front()->after(pause_after_failure, [self = shared_from_this()] { self->accept_next(); });
  }
  if (failures > 0)
    log_line(LogLevel::info, "accept.resumed", "connections are accepted again", {{"tries", failures}});
  failures = 0;
  Connection::SocketPtr owned(new Connection::Socket{std::move(socket)});
  loop.post([self = shared_from_this(), &loop, owned = std::move(owned)]() mutable {
    self->accepted(loop, std::move(owned));
  });
  accept_next();
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() = default;

result<std::unique_ptr<Listener>> Listener::open(const std::vector<Loop*>& loops,
                                                 const ListenOptions& options, Accepted accepted) {
  STELE_TRY(const auto where, endpoint_of(options));
  auto impl = std::make_shared<Impl>(loops, std::move(accepted));
  STELE_CHECK(impl->open(where));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

std::uint16_t Listener::port() const {
  ErrorCode ec;
  const auto where = impl_->acceptor.local_endpoint(ec);
  return ec ? std::uint16_t{0} : where.port();
}

void Listener::start() {
  impl_->loops.front()->post([impl = impl_] { impl->accept_next(); });
}

void Listener::close(Task done) {
  impl_->loops.front()->post([impl = impl_, done = std::move(done)]() mutable {
    ErrorCode ignored;
    impl->acceptor.close(ignored);
    done();
  });
}

}  // namespace stele::server
