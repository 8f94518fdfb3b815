// live_clients_bench.cpp - what a thousand idle event streams cost an append. One store and one server in this
// process; appends by four threads are measured in turn without and with the clients, so that a disk in a mood
// meets both. Not a test: the figure is printed, nothing is asserted.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "stele/app.hpp"

namespace {

constexpr int writers = 4;
constexpr int appends_each = 250;
constexpr int rounds = 15;

stele::AppendRequest one_append(const std::string& stream) {
  stele::NewEvent event;
  event.type = "Happened";
  event.data = "{\"text\":\"" + std::string(230, 'x') + "\"}";
  stele::AppendRequest request;
  request.writes.push_back({stream, {}, {std::move(event)}});
  return request;
}

double appends_per_second(stele::EventStore& store) {
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i)
    threads.emplace_back([&store, stream = "busy-" + std::to_string(i)] {
      for (int n = 0; n < appends_each; ++n) benchmark::DoNotOptimize(store.append(one_append(stream)));
    });
  for (auto& thread : threads) thread.join();
  return writers * appends_each /
         std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

// An open event stream of a stream in which nothing happens.
class IdleClient {
 public:
  explicit IdleClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    constexpr std::string_view request =
        "GET /v1/streams/quiet/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nLast-Event-ID: "
        "1\r\n\r\n";
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
    if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return;
    std::string answer;
    char block[4096];
    while (answer.find("caught-up") == std::string::npos) {  // before that it is not idle
      const auto got = ::recv(socket_, block, sizeof block, 0);
      if (got <= 0) return;
      answer.append(block, static_cast<std::size_t>(got));
    }
    open_ = true;
  }
  IdleClient(IdleClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)), open_(other.open_) {}
  IdleClient& operator=(IdleClient&&) = delete;
  ~IdleClient() {
    if (socket_ >= 0) ::close(socket_);
  }
  [[nodiscard]] bool open() const { return open_; }

 private:
  int socket_;
  bool open_ = false;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void appends_beside_idle_clients(benchmark::State& state) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  auto pattern = (std::filesystem::temp_directory_path() / "stele-bench-XXXXXX").string();
  const std::filesystem::path dir = ::mkdtemp(pattern.data());
  {
    auto store = stele::open(dir);
    stele::ServerOptions options;
    options.port = 0;
    options.log_requests = false;
    auto server = store ? stele::Server::start(**store, nullptr, options) : store.error();
    if (!server || !(*store)->append(one_append("quiet"))) return state.SkipWithError("no server");
    for (auto _ : state) {
      std::vector<double> alone;
      std::vector<double> beside;
      for (int round = 0; round < rounds; ++round) {
        alone.push_back(appends_per_second(**store));
        std::vector<IdleClient> clients;
        for (int i = 0; i < state.range(0); ++i) {
          clients.emplace_back((*server)->port());
          if (!clients.back().open()) return state.SkipWithError("a client was refused");
        }
        beside.push_back(appends_per_second(**store));
      }
      std::vector<double> ratios;
      for (std::size_t i = 0; i < alone.size(); ++i) ratios.push_back(beside[i] / alone[i]);
      state.counters["alone/s"] = median(alone);
      state.counters["beside/s"] = median(beside);
      state.counters["ratio"] = median(ratios);  // neighbours in time
    }
  }
  std::filesystem::remove_all(dir);
}
BENCHMARK(appends_beside_idle_clients)
    ->Arg(0)
    ->Arg(1000)
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();

}  // namespace
