// live_test.cpp - event streams of the real server: resumed at random moments, and a thousand of them at once.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <random>
#include <thread>

#include "support/http_client.hpp"
#include "support/process.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {
namespace {

#ifdef STELE_SANITIZED
constexpr int disconnects = 30;
constexpr std::size_t idle_clients = 100;
#else
constexpr int disconnects = 100;
constexpr std::size_t idle_clients = 1000;
#endif

std::string one_event(int number) {
  return R"({"type":"Happened","data":{"n":)" + std::to_string(number) + "}}";
}

TEST(Live, a_client_that_leaves_and_comes_back_sees_each_event_once) {
  const TempDirectory dir;
  ServerProcess server("serve", (dir / "store").string());
  std::atomic<bool> done{false};
  std::thread writer([&] {
    HttpClient http(server.port());
    for (int i = 0; !done; ++i) http.post("/v1/streams/s/events", one_event(i));
  });
  constexpr std::uint64_t seed = 3;
  std::mt19937_64 dice(seed);
  std::cout << "seed " << seed << "\n";
  std::string last;
  std::uint64_t expected = 1;
  for (int i = 0; i <= disconnects && !HasFailure(); ++i) {
    SseClient client(server.port(), "/v1/events", last);
    EXPECT_EQ(client.status(), 200);
    for (auto wanted = dice() % 20; wanted > 0 && !HasFailure();) {
      const auto message = client.next();
      if (!message) {
        ADD_FAILURE() << "the stream ended";
        break;
      }
      if (message->event != "message") continue;
      EXPECT_EQ(message->id, std::to_string(expected++));
      last = message->id;
      --wanted;
    }
  }
  done = true;
  writer.join();
  EXPECT_GT(expected, static_cast<std::uint64_t>(disconnects));
}

TEST(Live, a_thousand_idle_clients_get_the_one_event_that_concerns_them) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);  // inherited by the server
  const TempDirectory dir;
  ServerProcess server("serve", (dir / "store").string());
  HttpClient http(server.port());
  ASSERT_EQ(http.post("/v1/streams/quiet/events", one_event(0)).status, 201);
  std::vector<std::unique_ptr<SseClient>> clients;
  for (std::size_t i = 0; i < idle_clients; ++i) {
    clients.push_back(std::make_unique<SseClient>(server.port(), "/v1/streams/quiet/events", "1"));
    ASSERT_EQ(clients.back()->status(), 200) << "client " << i;
  }
  for (int i = 1; i <= 200; ++i) ASSERT_EQ(http.post("/v1/streams/busy/events", one_event(i)).status, 201);
  const auto last = http.post("/v1/streams/quiet/events", one_event(201)).at("/last");
  for (auto& client : clients) {
    auto message = client->next();
    while (message && message->event != "message") message = client->next();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->id, last) << "nothing else was for them";
  }
}

}  // namespace
}  // namespace stele::test
