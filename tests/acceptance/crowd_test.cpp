// crowd_test.cpp - the real server with too much of everything: ten thousand connections, thousands of new streams a
// second, subscribers that never read, no file descriptors left, no memory left. It goes on or says why it cannot, and
// what it had acknowledged is there.
//
// STELE_CROWD sets the number of connections, STELE_NEW_STREAMS that of streams.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "ledger.hpp"
#include "server/raw_socket.hpp"
#include "support/process.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

#ifdef STELE_SANITIZED
constexpr std::size_t usual_crowd = 300;
constexpr std::size_t usual_streams = 1'000;
constexpr bool memory_is_counted = false;  // a sanitizer has its own
#else
constexpr std::size_t usual_crowd = 10'000;
constexpr std::size_t usual_streams = 20'000;
constexpr bool memory_is_counted = true;
#endif

constexpr std::string_view ask_live = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

std::size_t wish(const char* name, std::size_t usual) {
  const char* said = std::getenv(name);
  return said ? std::strtoull(said, nullptr, 10) : usual;
}

class Crowd : public testing::Test {
 protected:
  Crowd() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    start();
  }
  void start() { server_.emplace("serve", (dir_ / "store").string()); }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] HttpClient client() const { return HttpClient(port()); }
  pid_t pid() { return server_->process().pid(); }

  // Until it holds, which is a failure when it takes absurdly long.
  template <class Condition>
  static bool comes_true(Condition condition) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > patience) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // a pace
    }
    return true;
  }
  std::size_t metric(const std::string& name) {
    auto http = client();
    return metric(name, http);
  }
  static std::size_t metric(const std::string& name, HttpClient& http) {
    const auto text = http.get("/metrics").body;
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? 0
                                   : static_cast<std::size_t>(std::stod(text.substr(at + name.size() + 2)));
  }
  // The system may take back more than was added meanwhile.
  static std::size_t grown_since(std::size_t before, HttpClient& http) {
    const auto now = metric("process_resident_memory_bytes", http);
    return now - std::min(now, before);
  }
  void limit(int what, rlim_t most) {
    rlimit both{};
    ASSERT_EQ(::prlimit(pid(), static_cast<__rlimit_resource>(what), nullptr, &both), 0);
    both.rlim_cur = most;
    ASSERT_EQ(::prlimit(pid(), static_cast<__rlimit_resource>(what), &both, nullptr), 0);
  }
  std::size_t lines_of_log_with(const std::string& text) const {
    std::ifstream log((dir_ / "store.log").string());
    std::size_t count = 0;
    for (std::string line; std::getline(log, line);) count += line.find(text) != std::string::npos ? 1 : 0;
    return count;
  }
  void expect_healthy() {
    server_->process().stop(SIGKILL);
    Process verify({"verify", "--dir", (dir_ / "store").string()});
    while (verify.line()) {
    }
    EXPECT_EQ(verify.wait(), 0);
  }

  TempDirectory dir_;
  std::optional<ServerProcess> server_;
};

TEST_F(Crowd, of_ten_thousand_connections_each_is_answered_and_one_more_is_told_there_is_no_place) {
  auto http = client();
  const auto places = std::stoull(http.get("/v1/limits").at("/connections"));
  const auto wanted = wish("STELE_CROWD", usual_crowd);
  const auto count = std::min<std::size_t>(wanted, places) - 1;  // one place is for `http`
  const auto before = metric("process_resident_memory_bytes");
  std::vector<std::unique_ptr<RawSocket>> crowd;
  for (std::size_t i = 0; i < count; ++i) {
    crowd.push_back(std::make_unique<RawSocket>(port()));
    ASSERT_TRUE(crowd.back()->send(ask_live)) << "client " << i;
  }
  for (auto& one : crowd) ASSERT_THAT(one->receive_until("ok\n"), StartsWith("HTTP/1.1 200"));
  for (int i = 0; i < 50; ++i)
    ASSERT_EQ(http.post("/v1/streams/a-1/events", R"({"type":"T","data":1})").status, 201);
  for (auto& one : crowd) ASSERT_TRUE(one->send(ask_live));
  for (auto& one : crowd) ASSERT_THAT(one->receive_until("ok\n"), StartsWith("HTTP/1.1 200"));
  if (count + 1 == places) {
    RawSocket one_more(port());
    ASSERT_TRUE(one_more.send(ask_live));
    EXPECT_THAT(one_more.receive_all(), StartsWith("HTTP/1.1 503 "));
  }
  const auto each = grown_since(before, http) / count;
  std::cout << count + 1 << " connections, " << each << " bytes of memory each\n";
  if (memory_is_counted) {
    EXPECT_LT(each, 32U << 10);
  }
  crowd.clear();
  EXPECT_TRUE(comes_true([&] { return client().get("/livez").status == 200; }));
}

TEST_F(Crowd, subscribers_that_never_read_cost_a_bounded_memory) {
  constexpr std::size_t subscribers = 40;
  constexpr std::size_t events = 24;
  std::vector<std::unique_ptr<RawSocket>> dead;
  for (std::size_t i = 0; i < subscribers; ++i) {
    dead.push_back(std::make_unique<RawSocket>(port(), 4096));
    ASSERT_TRUE(dead.back()->send("GET /v1/events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"));
    ASSERT_THAT(dead.back()->receive_until("caught-up"), HasSubstr("caught-up"));
  }
  const auto before = metric("process_resident_memory_bytes");
  const auto body = R"({"type":"Large","data":")" + std::string(1 << 20, 'x') + "\"}";
  auto http = client();
  for (std::size_t i = 0; i < events; ++i) ASSERT_EQ(http.post("/v1/streams/a-1/events", body).status, 201);
  const auto grown = grown_since(before, http);
  std::cout << grown / subscribers << " bytes of memory for each that never reads\n";
  if (memory_is_counted) {
    EXPECT_LT(grown, subscribers * (6U << 20)) << "not a copy of " << events << " MiB for each";
  }
  EXPECT_EQ(http.get("/v1/streams/a-1").status, 200);
}

TEST_F(Crowd, without_descriptors_nobody_is_accepted_who_is_in_goes_on_and_all_are_served_later) {
#ifdef STELE_SANITIZED
  GTEST_SKIP() << "sanitizers open files themselves when they check a type";
#endif
  auto http = client();
  ASSERT_EQ(http.post("/v1/streams/a-1/events", R"({"type":"T","data":1})").status, 201);
  rlimit files{};
  ASSERT_EQ(::prlimit(pid(), RLIMIT_NOFILE, nullptr, &files), 0);
  const auto open =
      std::distance(std::filesystem::directory_iterator("/proc/" + std::to_string(pid()) + "/fd"), {});
  limit(RLIMIT_NOFILE, static_cast<rlim_t>(open) + 8);
  std::vector<std::unique_ptr<RawSocket>> waiting;
  for (int i = 0; i < 40; ++i) {
    waiting.push_back(std::make_unique<RawSocket>(port()));
    ASSERT_TRUE(waiting.back()->send(ask_live)) << "the system holds who is not accepted yet";
  }
  ASSERT_TRUE(comes_true([&] { return lines_of_log_with("accept.failed") > 0; }));
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(http.post("/v1/streams/a-1/events", R"({"type":"T","data":1})").status, 201);
  limit(RLIMIT_NOFILE, files.rlim_cur);
  for (auto& one : waiting) EXPECT_THAT(one->receive_until("ok\n"), StartsWith("HTTP/1.1 200"));
  // A descriptor that comes free for a moment is an end and a new beginning; tries are not told one by one.
  EXPECT_LT(lines_of_log_with("accept.failed"), 10U);
  EXPECT_EQ(lines_of_log_with("accept.resumed"), lines_of_log_with("accept.failed"));
  EXPECT_EQ(http.get("/v1/streams/a-1").at("/version"), "20");
}

// Whoever asks for more than there is may be refused, or the process may end: never may an acknowledged event be lost.
TEST_F(Crowd, without_memory_it_refuses_or_ends_and_loses_nothing_acknowledged) {
  AcknowledgedLog acknowledged;
  std::atomic<int> refused{0};
  const auto write_large = [&](int writer, int times) {
    HttpClient mine(port());
    const auto stream = "Writer-" + std::to_string(writer);
    for (int n = 0; n < times; ++n) {
      const auto data = R"({"n":)" + std::to_string(n) + R"(,"pad":")" + std::string(1 << 20, 'x') + "\"}";
      const auto reply =
          mine.post("/v1/streams/" + stream + "/events", R"({"type":"Large","data":)" + data + "}");
      if (reply.status == 201) {
        acknowledged.add({std::stoul(reply.at("/first")), stream, data});
      } else {
        ++refused;
        EXPECT_TRUE(reply.status == 0 || reply.status == 500 || reply.status == 503) << reply.status;
      }
    }
  };
  write_large(9, 3);
  EXPECT_EQ(acknowledged.size(), 3U);
  std::ifstream sizes("/proc/" + std::to_string(pid()) + "/statm");
  rlim_t pages = 0;
  ASSERT_TRUE(sizes >> pages);
  if (memory_is_counted) limit(RLIMIT_AS, pages * 4096 + (3U << 20));
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 3; ++writer) threads.emplace_back(write_large, writer, 6);
  for (auto& thread : threads) thread.join();
  std::cout << acknowledged.size() << " acknowledged, " << refused
            << " not; the log says: " << lines_of_log_with("bad_alloc") << " times no memory\n";
  server_->process().stop(SIGKILL);
  start();
  auto again = client();
  Ledger ledger;
  ledger.read(again);
  ledger.expect(acknowledged.take());
  ASSERT_EQ(again.post("/v1/streams/a-1/events", R"({"type":"T","data":1})").status, 201);
  expect_healthy();
}

TEST_F(Crowd, thousands_of_new_streams_a_second_are_all_there_after_a_kill) {
  constexpr std::size_t writers = 4;
  constexpr std::size_t in_one = 250;
  const auto rounds = std::max<std::size_t>(1, wish("STELE_NEW_STREAMS", usual_streams) / writers / in_one);
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (std::size_t writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      HttpClient mine(port());
      for (std::size_t round = 0; round < rounds; ++round) {
        std::string body;
        for (std::size_t i = 0; i < in_one; ++i) {
          body += body.empty() ? R"({"writes":[)" : ",";
          body += R"({"stream":"New-)" + std::to_string((writer * rounds + round) * in_one + i) +
                  R"(","expected":"no_stream","events":[{"type":"T","data":1}]})";
        }
        EXPECT_EQ(mine.post("/v1/append", body + "]}").status, 201);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto all = writers * rounds * in_one;
  std::cout << all << " new streams, " << static_cast<std::uint64_t>(static_cast<double>(all) / took.count())
            << " a second\n";
  server_->process().stop(SIGKILL);
  start();
  auto http = client();
  std::size_t listed = 0;
  std::string target = "/v1/streams?prefix=New-&limit=1000";
  while (!target.empty()) {
    const auto page = http.get(target);
    ASSERT_EQ(page.status, 200) << page.body;
    for (std::size_t at = 0; (at = page.body.find("\"stream\":\"New-", at)) != std::string::npos; ++at)
      ++listed;
    const auto link = page.header("link");
    target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
  }
  EXPECT_EQ(listed, all);
  EXPECT_EQ(http.get("/v1/streams/New-" + std::to_string(all - 1)).at("/version"), "0");
}

}  // namespace
}  // namespace stele::test
