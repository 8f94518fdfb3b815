// parser_test.cpp - requests from bytes, without any socket: however the bytes are cut, the request is the same.
#include "server/http/parser.hpp"

#include <gtest/gtest.h>

namespace stele::server {
namespace {

constexpr ParserLimits small{.header_bytes = 4096, .body_bytes = 100};

// Feeds the text in pieces of `step` bytes, as a connection would; returns how much was taken.
std::size_t feed_in_steps(RequestParser& parser, std::string_view text, std::size_t step) {
  std::string waiting;
  std::size_t taken = 0;
  for (std::size_t at = 0; at < text.size(); at += step) {
    waiting += text.substr(at, step);
    const auto used = parser.feed(waiting);
    waiting.erase(0, used);
    taken += used;
    if (parser.failure() || parser.done()) break;
  }
  return taken;
}

TEST(Parser, the_same_request_comes_out_however_it_is_cut) {
  const std::string text =
      "POST /a?b=1 HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-one: 2\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    RequestParser parser(small);
    EXPECT_EQ(feed_in_steps(parser, text, step), text.size()) << step;
    ASSERT_TRUE(parser.done()) << step;
    const auto request = parser.take();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/a?b=1");
    EXPECT_EQ(request.version, 11U);
    EXPECT_TRUE(request.keep_alive);
    EXPECT_EQ(request.body, "hello");
    const std::vector<Field> headers{{"host", "h"}, {"x-one", "1"}, {"x-one", "2"}, {"content-length", "5"}};
    EXPECT_EQ(request.headers, headers);
  }
}

TEST(Parser, chunks_are_joined_however_they_are_cut) {
  const std::string text =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    RequestParser parser(small);
    feed_in_steps(parser, text, step);
    ASSERT_TRUE(parser.done()) << step;
    EXPECT_EQ(parser.take().body, "abc0123456789");
  }
}

// Beast ends the process when it is shown "0\r\n" and then one byte more.
TEST(Parser, a_chunked_body_without_chunks_is_one_however_it_is_cut) {
  for (const std::string trailer : {"", "X: 1\r\n"}) {
    const auto head = std::string("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    const auto text = head + "0\r\n" + trailer + "\r\n";
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      for (const std::size_t more : {std::size_t{1}, std::size_t{2}, text.size()}) {
        RequestParser parser(small);
        auto waiting = text.substr(0, cut);
        waiting.erase(0, parser.feed(waiting));
        for (auto at = cut; at < text.size() && !parser.done(); at += more) {
          waiting += text.substr(at, more);
          waiting.erase(0, parser.feed(waiting));
        }
        ASSERT_TRUE(parser.done()) << cut << " " << more;
        EXPECT_EQ(parser.take().body, "");
      }
    }
  }
}

TEST(Parser, it_stops_at_the_end_of_the_request) {
  const std::string text = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
  RequestParser parser(small);
  EXPECT_EQ(parser.feed(text + "GET /b HTTP/1.1\r\n"), text.size());
  EXPECT_TRUE(parser.done());
  EXPECT_EQ(parser.feed("more"), 0U);
}

TEST(Parser, connection_headers_decide_about_keeping_it) {
  const auto keeps = [](const std::string& text) {
    RequestParser parser(small);
    parser.feed(text);
    EXPECT_TRUE(parser.done()) << text;
    return parser.take().keep_alive;
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
}

TEST(Parser, an_expectation_is_reported_once_and_only_before_the_body) {
  RequestParser parser(small);
  parser.feed("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(parser.take_expect_continue());
  EXPECT_FALSE(parser.take_expect_continue());
  RequestParser whole(small);
  whole.feed("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_FALSE(whole.take_expect_continue());
}

TEST(Parser, limits_are_exact) {
  const auto status_of = [](std::size_t length) {
    RequestParser parser(small);
    parser.feed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" +
                std::string(length, 'x'));
    return parser.failure() ? parser.failure()->status : 0;
  };
  EXPECT_EQ(status_of(100), 0);
  EXPECT_EQ(status_of(101), 413);
}

constexpr std::string_view chunked_head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

int status_when_fed(std::string_view text, std::size_t step) {
  RequestParser parser(small);
  feed_in_steps(parser, text, step);
  return parser.failure() ? parser.failure()->status : 0;
}

TEST(Parser, what_stands_behind_the_body_never_becomes_a_header) {
  const std::string text =
      std::string(chunked_head) + "1\r\na\r\n0\r\nIdempotency-Key: k\r\nIf-Match: *\r\n\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, text.size()}) {
    RequestParser parser(small);
    EXPECT_EQ(feed_in_steps(parser, text, step), text.size());
    ASSERT_TRUE(parser.done()) << step;
    const std::vector<Field> headers{{"host", "h"}, {"transfer-encoding", "chunked"}};
    EXPECT_EQ(parser.take().headers, headers);
  }
}

TEST(Parser, trailers_and_chunk_extensions_that_never_end_are_refused_at_the_limit) {
  const std::string head(chunked_head);
  for (const std::string& start :
       {head + "0\r\n", head + "1\r\na\r\n0\r\nX: ", head + "1;x=", head + "0;x="}) {
    RequestParser parser(small);
    std::string waiting = start;
    std::size_t fed = 0;
    while (!parser.failure() && fed < 4 * small.header_bytes) {
      waiting.erase(0, parser.feed(waiting));
      waiting += start.ends_with("\n") ? "a: b\r\n" : "aaaaaa";
      fed += 6;
    }
    ASSERT_TRUE(parser.failure()) << start;
    EXPECT_EQ(parser.failure()->status, 431) << start;
    EXPECT_LE(waiting.size(), small.header_bytes + 64);
  }
}

TEST(Parser, trailers_and_chunk_extensions_over_the_limit_in_one_piece_are_refused) {
  const std::string head(chunked_head);
  const std::string much(5000, 'x');
  EXPECT_EQ(status_when_fed(head + "0\r\nX: " + much + "\r\n\r\n", 10000), 431);
  EXPECT_EQ(status_when_fed(head + "1;x=" + much + "\r\na\r\n0\r\n\r\n", 10000), 431);
  EXPECT_EQ(status_when_fed(head + "0\r\nX: " + much.substr(0, 3000) + "\r\n\r\n", 10000), 0);
}

TEST(Parser, headers_are_limited_however_they_arrive) {
  std::string lines = "GET / HTTP/1.1\r\nHost: h\r\n";
  while (lines.size() < 3 * small.header_bytes) lines += "name: val\r\n";
  for (const std::size_t step : {std::size_t{11}, std::size_t{500}, lines.size()})
    EXPECT_EQ(status_when_fed(lines, step), 431) << step;
}

TEST(Parser, only_a_target_is_too_long_an_address) {
  const std::string much(20'000, 'a');
  for (const std::size_t step : {std::size_t{1000}, std::size_t{64000}}) {
    EXPECT_EQ(status_when_fed("GET /" + much + " HTTP/1.1\r\nHost: h\r\n\r\n", step), 414) << step;
    EXPECT_EQ(status_when_fed("GET / HTTP/1.1\r\nHost: h\r\nX: " + much + "\r\n\r\n", step), 431) << step;
  }
  constexpr ParserLimits usual{.header_bytes = 64u << 10, .body_bytes = 100};
  RequestParser parser(usual);
  std::string waiting = "GET / HTTP/1.1\r\nHost: h\r\n";
  waiting.erase(0, parser.feed(waiting));
  waiting += "X: " + std::string(70'000, 'a');
  waiting.erase(0, parser.feed(waiting));
  ASSERT_TRUE(parser.failure());
  EXPECT_EQ(parser.failure()->status, 431) << "the start line was taken before";
}

TEST(Parser, a_transfer_coding_is_refused_where_the_protocol_knows_none) {
  EXPECT_EQ(status_when_fed("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1000), 400);
  EXPECT_EQ(status_when_fed("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", 1000), 400);
}

TEST(Parser, after_a_failure_nothing_is_taken) {
  RequestParser parser(small);
  parser.feed("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(parser.failure());
  EXPECT_EQ(parser.failure()->status, 400);
  EXPECT_EQ(parser.feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 0U);
}

TEST(Parser, unknown_methods_are_parsed_and_marked) {
  RequestParser parser(small);
  parser.feed("BREW / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(parser.done());
  EXPECT_FALSE(parser.method_is_known());
}

}  // namespace
}  // namespace stele::server
