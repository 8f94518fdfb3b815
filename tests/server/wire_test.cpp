// wire_test.cpp - HTTP/1.1 as bytes: split, joined, broken, too much, too slow.
#include <gmock/gmock.h>

#include <random>
#include <thread>

#include "raw_socket.hpp"
#include "server_fixture.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class WireTest : public ServerTest {
 protected:
  std::string exchange(std::string_view bytes) {
    RawSocket socket(port());
    EXPECT_TRUE(socket.send(bytes));
    return socket.receive_all();
  }
  static std::string status_line(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }
};

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    ++found;
  return found;
}

std::string append_text(const std::string& body, const std::string& more = "") {
  return "POST /v1/streams/s-1/events HTTP/1.1\r\nHost: x\r\nContent-Type: "
         "application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

constexpr std::string_view one_event = R"({"type":"Happened","data":1})";
constexpr std::string_view get_live = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view get_live_last = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST_F(WireTest, a_request_split_into_single_bytes_is_one_request) {
  start();
  RawSocket socket(port());
  for (const char c : append_text(std::string(one_event), "Connection: close\r\n")) {
    ASSERT_TRUE(socket.send({&c, 1}));
  }
  EXPECT_THAT(socket.receive_all(), StartsWith("HTTP/1.1 201 Created\r\n"));
  EXPECT_EQ(head(), 1U);
}

TEST_F(WireTest, pipelined_requests_are_answered_in_order) {
  start();
  std::string bytes;
  constexpr std::size_t appends = 100;
  for (std::size_t i = 0; i < appends; ++i) bytes += append_text(std::string(one_event));
  bytes += "GET /v1/log/head HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(get_live_last);
  const auto answer = exchange(bytes);
  EXPECT_EQ(count(answer, "HTTP/1.1 201 Created"), appends);
  std::size_t at = 0;
  for (std::size_t i = 0; i < appends; ++i) {
    const auto next = answer.find("\"s-1\":" + std::to_string(i) + "}", at);
    ASSERT_NE(next, std::string::npos) << "the answer with revision " << i << " is not behind the one before";
    at = next;
  }
  // The read stands behind the appends, so it must have seen them all.
  EXPECT_NE(answer.find("{\"position\":100,\"events\":100,\"durable\":100}", at), std::string::npos);
  EXPECT_THAT(answer, testing::EndsWith("ok\n"));
}

TEST_F(WireTest, a_chunked_body_is_put_together) {
  start();
  const std::string first(one_event.substr(0, 7));
  const std::string second(one_event.substr(7));
  char size[16];
  std::snprintf(size, sizeof size, "%zx", second.size());
  const auto answer = exchange(
      "POST /v1/streams/s-1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: "
      "close\r\n\r\n7\r\n" +
      first + "\r\n" + size + "\r\n" + second + "\r\n0\r\n\r\n");
  EXPECT_EQ(status_line(answer), "HTTP/1.1 201 Created");
  EXPECT_EQ(head(), 1U);
}

TEST_F(WireTest, a_client_that_expects_100_is_told_to_continue) {
  start();
  RawSocket socket(port());
  const auto text = append_text(std::string(one_event), "Expect: 100-continue\r\nConnection: close\r\n");
  const auto body_at = text.size() - one_event.size();
  ASSERT_TRUE(socket.send(std::string_view(text).substr(0, body_at)));
  EXPECT_THAT(socket.receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue\r\n"));
  ASSERT_TRUE(socket.send(one_event));
  EXPECT_THAT(socket.receive_all(), StartsWith("HTTP/1.1 201"));
}

TEST_F(WireTest, an_announced_body_over_the_limit_is_refused_before_it_comes) {
  options_.body_bytes = 1000;
  start();
  RawSocket socket(port());
  ASSERT_TRUE(socket.send(
      "POST /v1/append HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_THAT(socket.receive_all(), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(head(), 0U);
}

TEST_F(WireTest, the_answer_413_survives_a_body_that_keeps_coming) {
  options_.body_bytes = 1000;
  start();
  RawSocket socket(port());
  (void)socket.send("POST /v1/append HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n" +
                    std::string(4'000'000, 'x'));
  EXPECT_THAT(socket.receive_all(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(WireTest, a_chunked_body_over_the_limit_is_refused) {
  options_.body_bytes = 1000;
  start();
  EXPECT_THAT(exchange("POST /v1/append HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                       std::string(2000, 'x')),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(WireTest, a_trailer_that_never_ends_is_answered_at_the_header_limit) {
  options_.header_bytes = 32u << 10;
  start();
  RawSocket socket(port());
  (void)socket.send(
      "POST /v1/append HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nX: " +
      std::string(200'000, 'x'));
  EXPECT_THAT(socket.receive_all(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(WireTest, what_is_no_request_gets_its_status_and_the_end_of_the_connection) {
  options_.header_bytes = 32u << 10;
  start();
  const std::vector<std::pair<std::string, std::string>> cases{
      {std::string("\x16\x03\x01\x02 hello", 10), "400"},
      {"GET\r\n\r\n", "400"},
      {"GET /livez HTTP/1.1\r\n\r\n", "400"},
      {"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
      {"GET /livez HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", "400"},
      {"GET /livez HTTP/3.7\r\nHost: a\r\n\r\n", "505"},
      {"BREW /livez HTTP/1.1\r\nHost: a\r\n\r\n", "501"},
      {"POST /v1/append HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
      {"POST /v1/append HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400"},
      {"POST /v1/append HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400"},
      {"POST /v1/append HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
      {"GET /livez HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", "417"},
      {"GET /" + std::string(17'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"},
      {"GET /" + std::string(70'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"},
      {"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + std::string(70'000, 'a') + "\r\n\r\n", "431"},
  };
  for (const auto& [bytes, status] : cases) {
    const auto answer = exchange(bytes);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status + " ")) << bytes.substr(0, 80);
    EXPECT_THAT(answer, HasSubstr("application/problem+json")) << bytes.substr(0, 80);
  }
  EXPECT_EQ(head(), 0U);
}

TEST_F(WireTest, a_smuggled_second_length_is_refused) {
  start();
  const auto answer = exchange(
      "POST /v1/append HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
}

TEST_F(WireTest, a_client_that_speaks_http2_at_once_is_refused_in_its_own_words) {
  start();
  const auto answer = exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  ASSERT_GE(answer.size(), 9U + 9U + 8U);
  EXPECT_EQ(answer[3], 4);           // SETTINGS
  EXPECT_EQ(answer[12], 7);          // GOAWAY
  EXPECT_EQ(answer[9 + 9 + 7], 13);  // HTTP_1_1_REQUIRED
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1"));
}

TEST_F(WireTest, a_half_closed_client_still_gets_its_answers) {
  start();
  RawSocket socket(port());
  ASSERT_TRUE(socket.send(append_text(std::string(one_event)) + std::string(get_live)));
  socket.shutdown_write();
  const auto answer = socket.receive_all();
  EXPECT_EQ(count(answer, "HTTP/1.1 201"), 1U);
  EXPECT_EQ(count(answer, "HTTP/1.1 200"), 1U);
}

TEST_F(WireTest, an_old_client_gets_its_answer_and_the_end) {
  start();
  const auto answer = exchange("GET /livez HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
}

TEST_F(WireTest, empty_lines_before_a_request_are_forgiven) {
  start();
  EXPECT_THAT(exchange("\r\n\r\n" + std::string(get_live_last)), StartsWith("HTTP/1.1 200"));
}

TEST_F(WireTest, a_request_that_never_ends_is_cut_off) {
  options_.read_timeout = std::chrono::milliseconds(100);
  start();
  EXPECT_THAT(exchange("GET /livez HTTP/1.1\r\nHost"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(exchange("POST /v1/append HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"),
              StartsWith("HTTP/1.1 408 "));
}

TEST_F(WireTest, a_silent_connection_is_closed) {
  options_.idle_timeout = std::chrono::milliseconds(100);
  start();
  EXPECT_EQ(exchange(""), "");
  RawSocket socket(port());
  ASSERT_TRUE(socket.send(get_live));
  EXPECT_THAT(socket.receive_all(), StartsWith("HTTP/1.1 200"));
}

TEST_F(WireTest, empty_lines_do_not_keep_a_connection) {
  options_.idle_timeout = std::chrono::milliseconds(100);
  options_.read_timeout = std::chrono::minutes(10);
  start();
  for (const std::string_view lines : {"\r\n", "\r\n\r", "\n\r"}) {
    RawSocket socket(port());
    if (lines.front() == '\n') {
      ASSERT_TRUE(socket.send("\r"));
    }
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    bool held = true;
    while (held && std::chrono::steady_clock::now() < patience) {
      held = socket.send(lines);
      if (lines.size() == 3) held = held && socket.send("\n");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // a pace, not a wait
    }
    EXPECT_FALSE(held);
  }
}

TEST_F(WireTest, what_is_not_modified_has_no_body_in_any_form) {
  append("a-1");
  append("a-1");
  start();
  for (const std::string accept : {"application/json", "application/x-ndjson"}) {
    const auto text = exchange("GET /v1/streams/a-1/events?limit=1 HTTP/1.1\r\nHost: a\r\nAccept: " + accept +
                               "\r\nIf-None-Match: \"1\"\r\n\r\n" + std::string(get_live_last));
    EXPECT_THAT(text, StartsWith("HTTP/1.1 304 "));
    const auto end = text.find("\r\n\r\n");
    ASSERT_NE(end, std::string::npos);
    EXPECT_THAT(text.substr(end + 4), StartsWith("HTTP/1.1 200 ")) << text;
    EXPECT_THAT(text.substr(0, end), Not(HasSubstr("Transfer-Encoding")));
  }
}

TEST_F(WireTest, the_head_of_a_stream_claims_no_length) {
  append("a-1");
  start();
  for (const std::string accept : {"application/x-ndjson", "text/event-stream"}) {
    const auto text = exchange("HEAD /v1/events HTTP/1.1\r\nHost: a\r\nAccept: " + accept + "\r\n\r\n" +
                               std::string(get_live_last));
    const auto end = text.find("\r\n\r\n");
    ASSERT_NE(end, std::string::npos);
    EXPECT_THAT(text, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(text.substr(0, end), Not(HasSubstr("Content-Length")));
    EXPECT_THAT(text.substr(0, end), HasSubstr("Content-Type: " + accept));
    EXPECT_THAT(text.substr(end + 4), StartsWith("HTTP/1.1 200 ")) << text;
  }
}

TEST_F(WireTest, connections_over_the_limit_are_told_so) {
  options_.connections = 1;
  start();
  RawSocket first(port());
  ASSERT_TRUE(first.send(get_live));
  ASSERT_THAT(first.receive_until("ok\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(exchange(get_live), StartsWith("HTTP/1.1 503 "));
  ASSERT_TRUE(first.send(get_live_last));
  EXPECT_THAT(first.receive_all(), StartsWith("HTTP/1.1 200"));
}

TEST_F(WireTest, random_bytes_never_write_and_never_break_the_server) {
  start();
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string valid = append_text(std::string(one_event));
  for (int round = 0; round < (slow_build ? 60 : 300); ++round) {
    std::string bytes = "XPOST" + valid.substr(4);  // no method that exists, so no append can succeed
    const auto flips = 1 + random() % 8;
    for (std::size_t i = 0; i < flips; ++i)
      bytes[5 + random() % (bytes.size() - 5)] = static_cast<char>(random());
    if (round % 3 == 0) {
      for (auto& c : bytes) c = static_cast<char>(random());
    }
    RawSocket socket(port());
    (void)socket.send(bytes);
    socket.shutdown_write();
    (void)socket.receive_all();
  }
  EXPECT_EQ(head(), 0U);
  EXPECT_EQ(client().get("/livez").status, 200);
}

TEST_F(WireTest, absolute_addresses_and_options_are_understood) {
  start();
  EXPECT_THAT(exchange("GET http://example.org/livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200"));
  const auto answer = exchange("OPTIONS /v1/append HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(answer, HasSubstr("Allow: POST, OPTIONS"));
}

}  // namespace
}  // namespace stele::test
