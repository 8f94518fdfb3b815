// crowd_test.cpp - clients that are too many, too slow, dead in the middle of what they said, or gone without a word:
// each is told or let go of, and nobody else notices. Thousands of them on a process of its own:
// tests/acceptance/crowd_test.cpp.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <random>
#include <sstream>
#include <thread>

#include "raw_socket.hpp"
#include "server_fixture.hpp"

namespace stele::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view ask_live = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view ask_events =
    "GET /v1/events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n";

class CrowdTest : public ServerTest {
 protected:
  using Sockets = std::vector<std::unique_ptr<RawSocket>>;

  // Until it holds, which is a failure when it takes absurdly long.
  template <class Condition>
  static bool comes_true(Condition condition) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > patience) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // a pace
    }
    return true;
  }
  Sockets that_say(std::size_t count, std::string_view text, int receive_buffer = 0) const {
    Sockets sockets;
    for (std::size_t i = 0; i < count; ++i) {
      sockets.push_back(std::make_unique<RawSocket>(port(), receive_buffer));
      EXPECT_TRUE(sockets.back()->connected()) << "client " << i;
      EXPECT_TRUE(sockets.back()->send(text)) << "client " << i;
    }
    return sockets;
  }
  bool subscribers_are(int count) const {
    const auto wanted = "stele_live_connections{protocol=\"sse\"} " + std::to_string(count) + "\n";
    return client().get("/metrics").body.find(wanted) != std::string::npos;
  }
};

TEST_F(CrowdTest, who_comes_when_all_places_are_taken_is_told_or_turned_away_and_served_when_there_is_one) {
  options_.connections = 10;
  start();
  auto inside = that_say(10, ask_live);
  for (auto& one : inside) EXPECT_THAT(one->receive_until("ok\n"), StartsWith("HTTP/1.1 200"));
  std::size_t told = 0;
  Sockets outside;
  for (int i = 0; i < 120; ++i) {  // more than are told
    outside.push_back(std::make_unique<RawSocket>(port()));
    (void)outside.back()->send(ask_live);
    const auto answer = outside.back()->receive_all();
    EXPECT_THAT(answer, AnyOf(IsEmpty(), StartsWith("HTTP/1.1 503 "))) << "client " << i;
    if (answer.empty()) continue;
    ++told;
    EXPECT_THAT(answer, HasSubstr("Retry-After: "));
    EXPECT_THAT(answer, HasSubstr("too many connections are open"));
  }
  EXPECT_GE(told, 10U);
  ASSERT_TRUE(inside.front()->send(ask_live));
  EXPECT_THAT(inside.front()->receive_until("ok\n"), StartsWith("HTTP/1.1 200")) << "who is inside stays";
  inside.clear();
  outside.clear();
  EXPECT_TRUE(comes_true([&] { return client().get("/livez").status == 200; }));
}

TEST_F(CrowdTest, who_is_turned_away_and_says_nothing_does_not_keep_the_place) {
  options_.connections = 1;
  start();
  auto inside = that_say(1, ask_live);
  EXPECT_THAT(inside[0]->receive_until("ok\n"), StartsWith("HTTP/1.1 200"));
  const RawSocket silent(port());
  ASSERT_TRUE(silent.connected());
  inside.clear();
  EXPECT_TRUE(comes_true([&] { return client().get("/livez").status == 200; }));
}

TEST_F(CrowdTest, hundreds_who_send_a_byte_now_and_then_are_cut_off_and_hold_nobody_up) {
  options_.read_timeout = std::chrono::milliseconds(200);
  start();
  auto slow = that_say(slow_build ? 40 : 300, "POST /v1/append HTTP/1.1\r\nHost: a\r\nX-Slow: ");
  auto http = client();
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(http.post("/v1/streams/a-1/events", R"({"type":"T","data":1})").status, 201);
  }
  const auto all_cut_off = [&] {
    std::size_t cut_off = 0;
    for (auto& one : slow) {
      if (one->has_news()) {
        ++cut_off;
      } else {
        (void)one->send("x");
      }
    }
    return cut_off == slow.size();
  };
  EXPECT_TRUE(comes_true(all_cut_off)) << "a byte now and then is no request";
  for (auto& one : slow) EXPECT_THAT(one->receive_all(), AnyOf(IsEmpty(), StartsWith("HTTP/1.1 408 ")));
  EXPECT_EQ(http.post("/v1/streams/a-1/events", R"({"type":"T","data":1})").status, 201);
}

// A dead one takes what the system buffers for it, and no more; then its time runs out.
TEST_F(CrowdTest, subscribers_that_never_read_are_let_go_and_what_they_missed_is_there) {
  options_.write_timeout = std::chrono::milliseconds(200);
  options_.live_buffer_bytes = 16 << 10;
  start();
  auto dead = that_say(5, ask_events, 4096);
  for (auto& one : dead) EXPECT_THAT(one->receive_until("caught-up"), StartsWith("HTTP/1.1 200"));
  const std::string large = '"' + std::string(1 << 20, 'x') + '"';
  for (int i = 0; i < 12; ++i) append("a-1", "Large");
  for (int i = 0; i < 12; ++i) append_many("a-1", 1, large);
  auto http = client();
  EXPECT_EQ(http.get("/livez").status, 200);
  EXPECT_TRUE(comes_true([&] { return subscribers_are(0); }));
  EXPECT_EQ(http.get("/v1/streams/a-1").status, 200);
  EXPECT_EQ(head(), 24U);
}

TEST_F(CrowdTest, clients_that_die_anywhere_in_an_append_leave_all_of_it_or_nothing) {
  start();
  const std::string body = R"([{"type":"A","data":1},{"type":"B","data":2},{"type":"C","data":3}])";
  const auto text =
      "POST /v1/streams/a-1/events HTTP/1.1\r\nHost: a\r\nContent-Type: "
      "application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  std::size_t whole = 0;
  for (std::size_t cut = 0; cut <= text.size(); cut += slow_build ? 11 : 3) {
    RawSocket living(port());
    ASSERT_TRUE(living.send(text.substr(0, cut)));
    ASSERT_TRUE(living.send(text.substr(cut)));
    living.shutdown_write();
    EXPECT_THAT(living.receive_all(), StartsWith("HTTP/1.1 201 "));
    ++whole;
    RawSocket gone(port());
    ASSERT_TRUE(gone.send(text.substr(0, cut)));
  }
  EXPECT_TRUE(comes_true([&] {
    return client().get("/metrics").body.find("stele_live_connections{protocol=\"http\"} 1\n") !=
           std::string::npos;
  }));
  EXPECT_EQ(head() % 3, 0U);
  EXPECT_GE(head(), 3 * whole);
  EXPECT_LE(head(), 3 * (whole + 1)) << "only the one that was sent to its end may be there besides";
}

// A network of the test's own, so that it can be cut: packets are lost, and nobody hears of it.
class NoNetwork : public CrowdTest {
 protected:
  void SetUp() override {
    outside_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (outside_ < 0 || ::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "no network of its own is allowed here";
    inside_ = true;
    ASSERT_TRUE(network(true));
  }
  void TearDown() override {
    stop();
    if (inside_) {
      EXPECT_EQ(::setns(outside_, CLONE_NEWNET), 0);
    }
    if (outside_ >= 0) ::close(outside_);
  }
  static bool network(bool up) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
    bool done = ::ioctl(socket, SIOCGIFFLAGS, &request) == 0;
    const auto flags = request.ifr_flags;
    request.ifr_flags = static_cast<short>(up ? flags | IFF_UP : flags & ~IFF_UP);
    done = done && ::ioctl(socket, SIOCSIFFLAGS, &request) == 0;
    ::close(socket);
    return done;
  }
  // Sockets of the server that are connected, as the kernel lists them.
  [[nodiscard]] int established() const {
    std::ifstream table("/proc/thread-self/net/tcp");
    std::ostringstream wanted;
    wanted << ':' << std::uppercase << std::hex << std::setw(4) << std::setfill('0') << port();
    int count = 0;
    for (std::string line; std::getline(table, line);) {
      std::istringstream words(line);
      std::string number;
      std::string local;
      std::string remote;
      std::string state;
      words >> number >> local >> remote >> state;
      if (local.ends_with(wanted.str()) && state == "01") ++count;
    }
    return count;
  }

 private:
  int outside_ = -1;
  bool inside_ = false;
};

TEST_F(NoNetwork, a_subscriber_whose_machine_is_gone_is_let_go) {
  options_.heartbeat = std::chrono::milliseconds(50);
  options_.write_timeout = std::chrono::milliseconds(300);
  start();
  auto gone = that_say(3, ask_events);
  for (auto& one : gone) EXPECT_THAT(one->receive_until("caught-up"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(established(), 3);
  ASSERT_TRUE(network(false));
  EXPECT_TRUE(comes_true([&] { return established() == 0; })) << "nobody acknowledges its heartbeats";
  ASSERT_TRUE(network(true));
  EXPECT_TRUE(comes_true([&] { return subscribers_are(0); }));
}

TEST_F(NoNetwork, appends_whose_answers_were_lost_are_sent_again_and_happen_once) {
  start();
  const std::uint64_t rounds = slow_build ? 4 : 8;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const auto id = "00000000-0000-4000-8000-" + std::to_string(100000000000 + i);
    const auto body = R"({"id":")" + id + R"(","type":"T","data":1})";
    {
      RawSocket lost(port());
      ASSERT_TRUE(
          lost.send("POST /v1/streams/a-1/events HTTP/1.1\r\nHost: a\r\nContent-Type: "
                    "application/json\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, body.size() - i % 2)));
      ASSERT_TRUE(network(false));
      if (i % 2 == 1) (void)lost.send("}");
    }
    ASSERT_TRUE(network(true));
    const auto again = client().post("/v1/streams/a-1/events", body);
    EXPECT_THAT(again.status, AnyOf(200, 201)) << again.body;
    EXPECT_EQ(again.at("/first"), std::to_string(i + 1));
  }
  EXPECT_EQ(head(), rounds);
}

}  // namespace
}  // namespace stele::test
