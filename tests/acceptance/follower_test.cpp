// follower_test.cpp - a second process follows the same directory: it sees everything, in order, soon, and never
// an event that a crash of the writer takes back.
#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "ledger.hpp"
#include "support/process.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {
namespace {

using Clock = std::chrono::steady_clock;

// `stele tail` in a process of its own, its lines kept with the time they came.
class Tail {
 public:
  explicit Tail(const std::string& dir)
      : process_({"tail", "@all", "--since", "start", "--dir", dir, "-o", "ndjson"}),
        reader_([this] { run(); }) {}
  ~Tail() {
    process_.signal(SIGINT);
    reader_.join();
  }
  struct Seen {
    std::string line;
    Clock::time_point at;
  };
  std::vector<Seen> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::minutes(1), [&] { return seen_.size() >= count; });
    return seen_;
  }

 private:
  void run() {
    while (auto line = process_.line()) {
      const std::lock_guard lock(mutex_);
      seen_.push_back({*std::move(line), Clock::now()});
      changed_.notify_all();
    }
  }
  Process process_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Seen> seen_;
  std::thread reader_;
};

#ifdef STELE_SANITIZED
constexpr std::size_t appends = 50;
#else
constexpr std::size_t appends = 500;
#endif

std::string one_event(std::size_t number) {
  return R"({"type":"Happened","data":{"n":)" + std::to_string(number) + "}}";
}

TEST(Follower, sees_every_event_in_order_and_soon) {
  const TempDirectory dir;
  const auto store = (dir / "store").string();
  ServerProcess server("serve", store);
  HttpClient http(server.port());
  ASSERT_EQ(http.post("/v1/streams/s/events", one_event(0)).status, 201);
  Tail tail(store);
  ASSERT_EQ(tail.wait_for(1).size(), 1u);
  std::vector<Clock::time_point> acknowledged(1);
  for (std::size_t i = 1; i < appends; ++i) {
    ASSERT_EQ(http.post("/v1/streams/s/events", one_event(i)).status, 201);
    acknowledged.push_back(Clock::now());
    if (i % 10 == 0) tail.wait_for(i + 1);  // from time to time it is caught up, and woken anew
  }
  const auto seen = tail.wait_for(appends);
  ASSERT_EQ(seen.size(), appends);
  std::vector<std::chrono::microseconds> delays;
  for (std::size_t i = 0; i < appends; ++i) {
    EXPECT_EQ((Reply{0, {}, seen[i].line}.at("/global_position")), std::to_string(i + 1));
    EXPECT_EQ((Reply{0, {}, seen[i].line}.at("/data/n")), std::to_string(i));
    if (i > 0)
      delays.push_back(std::chrono::duration_cast<std::chrono::microseconds>(seen[i].at - acknowledged[i]));
  }
  std::sort(delays.begin(), delays.end());
  std::cout << "acknowledged to seen by the follower: p50 " << delays[delays.size() / 2].count()
            << " us, p99 " << delays[delays.size() * 99 / 100].count() << " us\n";
}

TEST(Follower, never_sees_what_a_killed_writer_did_not_make_durable) {
  const TempDirectory dir;
  const auto store = (dir / "store").string();
  AcknowledgedLog log;
  std::vector<Tail::Seen> seen;
  {
    ServerProcess server("serve", store);
    ASSERT_EQ(HttpClient(server.port()).post("/v1/streams/s/events", one_event(0)).status, 201);
    Tail tail(store);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i)
      threads.emplace_back([&, i] {
        HttpClient http(server.port());
        const auto stream = "s-" + std::to_string(i);
        for (std::size_t n = 0;; ++n) {
          const auto reply = http.post("/v1/streams/" + stream + "/events", one_event(n));
          if (reply.status != 201) return;
          log.add({std::stoul(reply.at("/first")), stream, R"({"n":)" + std::to_string(n) + "}"});
        }
      });
    while (log.size() < appends) std::this_thread::yield();
    server.process().stop(SIGKILL);
    for (auto& thread : threads) thread.join();
    seen = tail.wait_for(log.size() + 1);
  }
  ServerProcess server("serve", store);
  HttpClient http(server.port());
  Ledger ledger;
  ledger.read(http);
  ledger.expect(log.take());
  ASSERT_LE(seen.size(), ledger.lines().size()) << "the follower has seen more than there is";
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_EQ((Reply{0, {}, seen[i].line}.at("/id")), (Reply{0, {}, ledger.lines()[i]}.at("/id")));
}

}  // namespace
}  // namespace stele::test
