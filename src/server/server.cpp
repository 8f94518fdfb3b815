// server.cpp - puts a server together, and takes it apart in the right order.
#include <sys/resource.h>

#include <algorithm>
#include <future>
#include <thread>

#include "declared/shelf.hpp"
#include "projection/appends_through.hpp"
#include "server/api/store_api.hpp"
#include "server/app/core.hpp"
#include "server/http/http1.hpp"
#include "server/http/wire.hpp"
#include "server/log.hpp"
#include "server/net/listener.hpp"
#include "server/ops/ops_routes.hpp"
#include "stele/evolution.hpp"

namespace stele {

using namespace std::chrono_literals;

namespace server {

Core::Core(EventStore& the_store, const App* the_app, ServerOptions the_options)
    : store(the_store),
      app(the_app),
      options(std::move(the_options)),
      tokens(options.tokens),
      idempotency(store.records()),
      workers(options.workers, 10'000),
      hub(store),
      appends(std::make_shared<projection::AppendsThrough>(store, [this] { return have_a_say(); })) {}

std::vector<Runner*> Core::have_a_say() const {
  std::vector<Runner*> all = shelf ? shelf->have_a_say() : std::vector<Runner*>();
  if (!app) return all;
  for (const Projections* projections : app->projections())
    for (Runner* runner : projection::synchronous_ones(*projections)) all.push_back(runner);
  return all;
}

void Core::add_older_names(Query& query) const {
  if (!app) return;
  for (const auto& names : app->type_names()) detail::add_older_names(query, names);
}

namespace {

constexpr std::chrono::milliseconds forget_interval = 1h;
// Of the files this process may have open: for those of the store, its read models and their servers.
constexpr std::size_t files_kept_free = 256;
// Connections over the limit that are told so when they ask; those beyond are closed without a word. They take up
// places as well, so they must not keep them.
constexpr std::size_t most_turned_away = 64;
constexpr std::chrono::milliseconds silence_when_crowded = 2s;

// What a client is told that speaks HTTP/2 from its first byte.
class Http2Refusal final : public Protocol {
 public:
  explicit Http2Refusal(Transport& transport) : transport_(transport) {}
  std::size_t on_bytes(std::string_view input) override {
    if (!std::exchange(told_, true)) {
      transport_.write(http2_refusal());
      transport_.finish();
    }
    return input.size();
  }
  [[nodiscard]] bool wants_input() const override { return true; }
  void on_eof() override { transport_.finish(); }
  void on_drained() override {}
  void on_tick(Clock::time_point) override {}
  void on_stopping() override { transport_.finish(); }
  void on_closed() override {}

 private:
  Transport& transport_;
  bool told_ = false;
};

// The connection does not count: too many are open.
class Overcrowded final : public Protocol {
 public:
  Overcrowded(std::shared_ptr<Core> core, Transport& transport)
      : core_(std::move(core)), transport_(transport) {}
  std::size_t on_bytes(std::string_view input) override {
    if (std::exchange(told_, true)) return input.size();
    auto response = render_problem(
        *core_, Problem(503, "busy", "too many connections are open").retry_after(std::chrono::seconds(2)),
        "", "");
    std::string out;
    append_head(out, response, {.length = response.body.size(), .keep_alive = false});
    transport_.write(out + response.body);
    transport_.finish();
    return input.size();
  }
  [[nodiscard]] bool wants_input() const override { return true; }
  void on_eof() override { transport_.finish(); }
  void on_drained() override {}
  void on_tick(Clock::time_point) override {}
  void on_stopping() override { transport_.finish(); }
  void on_closed() override {}

 private:
  std::shared_ptr<Core> core_;
  Transport& transport_;
  bool told_ = false;
};

// By the first bytes: this is where HTTP/2 will join.
std::shared_ptr<Protocol> choose_protocol(const std::shared_ptr<Core>& core, bool crowded,
                                          std::string_view first, Transport& transport) {
  const auto length = std::min(first.size(), http2_preface.size());
  const bool http2 = first.substr(0, length) == http2_preface.substr(0, length);
  if (http2 && length < http2_preface.size()) return nullptr;
  if (http2) return std::make_shared<Http2Refusal>(transport);
  if (crowded) return std::make_shared<Overcrowded>(core, transport);
  return std::make_shared<Http1>(core, transport);
}

void open_connection(const std::shared_ptr<Core>& core, Loop& loop, Connection::SocketPtr socket) {
  if (core->stopping.load()) return;
  const auto others = core->connections.fetch_add(1);
  if (others >= core->options.connections + most_turned_away) {
    core->connections.fetch_sub(1);
    return;
  }
  const bool crowded = others >= core->options.connections;
  core->metrics.connection(LiveKind::http, 1);
  const auto silence = crowded ? silence_when_crowded : core->options.idle_timeout;
  ConnectionOptions options{.write_timeout = core->options.write_timeout,
                            .idle_timeout = std::min(silence, core->options.idle_timeout),
                            .choose =
                                [core, crowded](std::string_view first, Transport& transport) {
                                  return choose_protocol(core, crowded, first, transport);
                                },
                            .closed =
                                [core] {
                                  core->metrics.connection(LiveKind::http, -1);
                                  core->connections.fetch_sub(1);
                                }};
  std::make_shared<Connection>(loop, std::move(socket), std::move(options))->start();
}

// The application's come last: it cannot take an address of the server's, and is told which it tried.
result<void> add_routes(const std::shared_ptr<Core>& core) {
  std::vector<ServedRoute> all;
  for (auto make : {append_routes, read_routes, stream_routes, retention_routes, history_routes, saga_routes,
                    projection_routes, sql_routes, query_routes, ops_routes}) {
    for (auto& route : make(core)) all.push_back(std::move(route));
  }
  if (core->app) {
    for (const auto& route : core->app->routes()) {
      if (route.pattern == "/v1" || route.pattern.starts_with("/v1/")) {
        return Error(errc::invalid, "route `" + route.pattern + "`: /v1 belongs to the store");
      }
      all.push_back({.route = route});
    }
    for (const auto& type : core->app->problems()) {
      if (!core->problems.declare(type)) {
        return Error(errc::invalid, "problem `" + type.slug + "` is declared already");
      }
    }
  }
  STELE_TRY(core->router, Router::build(std::move(all)));
  std::vector<std::string> patterns;
  for (const auto& served : core->router.routes()) patterns.push_back(served.route.pattern);
  core->metrics.declare_routes(patterns);
  return {};
}

// Before the routes: they know what there is.
result<void> open_shelf(Core& core) {
  if (core.options.models.empty()) return {};
  const auto names = core.app ? core.app->type_names() : std::vector<std::vector<std::string>>();
  STELE_TRY(core.shelf, declared::Shelf::open(core.store, {.models = core.options.models,
                                                           .folder = core.options.projections,
                                                           .type_names = names}));
  return {};
}

// Only what would make a server that cannot work; the rest is the operator's choice.
result<void> check_options(const ServerOptions& options) {
  if (options.io_threads == 0 || options.workers == 0 || options.connections == 0) {
    return Error(errc::invalid, "io_threads, workers and connections must be at least 1");
  }
  if (options.header_bytes < 1024 || options.header_bytes > (1u << 24)) {
    return Error(errc::invalid, "header_bytes must be from 1 KiB to 16 MiB");
  }
  return {};
}

// However many connect, the store must be able to open its next segment.
void leave_room_for_files(ServerOptions& options) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return;
  const auto all = static_cast<std::size_t>(files.rlim_cur);
  const auto most = std::max<std::size_t>(1, all - std::min(all / 2, files_kept_free + most_turned_away));
  if (options.connections <= most) return;
  log_line(LogLevel::warn, "connections.limited",
           "this process may not open enough files for all connections",
           {{"files", std::uint64_t{all}},
            {"wanted", std::uint64_t{options.connections}},
            {"connections", std::uint64_t{most}}});
  options.connections = most;
}

// Often enough that no time-out is late by more than a quarter of itself.
std::chrono::milliseconds tick_of(const ServerOptions& options) {
  const auto shortest =
      std::min({options.read_timeout, options.idle_timeout, options.write_timeout, options.heartbeat});
  return std::clamp(shortest / 4, 10ms, 500ms);
}

// Old answers of Idempotency-Keys: now, and every hour.
void forget_old_answers(const std::weak_ptr<Core>& weak) {
  const auto core = weak.lock();
  if (!core || core->stopping.load()) return;
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  core->workers.run([core, before = now - core->options.idempotency_window] {
    const auto done = core->idempotency.forget_before(before);
    if (!done && done.error().kind() != errc::read_only) {  // a follower's are the writer's business
      log_line(LogLevel::warn, "idempotency.not_forgotten", "old answers could not be removed",
               {{"error", done.error().to_string()}});
    }
  });
  core->timer_loop().after(forget_interval, [weak] { forget_old_answers(weak); });
}

}  // namespace
}  // namespace server

struct Server::Impl {
  std::shared_ptr<server::Core> core;
  std::unique_ptr<server::Listener> listener;
  std::uint16_t port = 0;
  bool stopped = false;

  // Waits until there are no connections and no running requests, or the time is over.
  void wait_for_quiet(std::chrono::milliseconds patience) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
      if (core->running.load() == 0 && core->connections.load() == 0) return;
      std::this_thread::sleep_for(5ms);
    }
  }
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
// A lock or a thread that fails here leaves nothing to go on with: the process ends.
Server::~Server() { stop(); }  // NOLINT(bugprone-exception-escape)
std::uint16_t Server::port() const { return impl_->port; }

// What can fail comes before the first thread is started.
result<std::unique_ptr<Server>> Server::start(EventStore& store, const App* app, ServerOptions options) {
  STELE_CHECK(server::check_options(options));
  server::leave_room_for_files(options);
  auto impl = std::make_unique<Impl>();
  impl->core = std::make_shared<server::Core>(store, app, std::move(options));
  auto& core = *impl->core;
  STELE_CHECK(server::open_shelf(core));
  STELE_CHECK(server::add_routes(impl->core));
  std::vector<server::Loop*> loops;
  for (std::size_t i = 0; i < core.options.io_threads; ++i) {
    core.loops.push_back(std::make_unique<server::Loop>(server::tick_of(core.options)));
    loops.push_back(core.loops.back().get());
  }
  const server::ListenOptions listen{.address = core.options.address,
                                     .port = core.options.port,
                                     .allow_public = core.options.allow_insecure};
  STELE_TRY(
      impl->listener,
      server::Listener::open(
          loops, listen, [core_ref = impl->core](server::Loop& loop, server::Connection::SocketPtr socket) {
            server::open_connection(core_ref, loop, std::move(socket));
          }));
  impl->port = impl->listener->port();
  core.hub.start();
  for (auto* loop : loops) loop->start();
  impl->listener->start();
  server::forget_old_answers(impl->core);
  server::log_line(server::LogLevel::info, "server.started", "listening",
                   {{"address", core.options.address}, {"port", std::uint64_t{impl->port}}});
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

// From the outside in: no new connections, then requests, then those who work for them, then the wires.
void Server::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  auto& core = *impl_->core;
  core.stopping.store(true);
  std::promise<void> closed;
  impl_->listener->close([&closed] { closed.set_value(); });
  closed.get_future().wait();
  for (auto& loop : core.loops) {
    loop->post(
        [&loop = *loop] { loop.for_each([](server::Connection& connection) { connection.stopping(); }); });
  }
  impl_->wait_for_quiet(core.options.grace);
  core.hub.stop();
  core.workers.stop();
  core.appends->stop();
  if (core.shelf) core.shelf->projections().stop();
  for (auto& loop : core.loops) loop->stop();
  impl_->listener.reset();
  server::log_line(server::LogLevel::info, "server.stopped", "stopped");
}

}  // namespace stele
