// small_parts_test.cpp - the pieces without a store: distances, cells, histograms, server-sent events.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "cli/bench/histogram.hpp"
#include "cli/exit_code.hpp"
#include "cli/listen.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "cli/suggest.hpp"
#include "cli/target/http_client.hpp"
#include "cli/target/sse_reader.hpp"
#include "cli/target/wire.hpp"

namespace stele::cli::test {
namespace {

TEST(Suggest, counts_slips_of_the_finger) {
  EXPECT_EQ(edit_distance("read", "read"), 0u);
  EXPECT_EQ(edit_distance("raed", "read"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Suggest, stays_silent_when_nothing_is_near) {
  EXPECT_EQ(nearest("xyz", {"append", "read"}), std::nullopt);
  EXPECT_EQ(nearest("appendd", {"append", "read"}), "append");
  EXPECT_EQ(nearest("vers", {"verify", "version"}), "version");
}

TEST(Text, groups_and_scales_numbers) {
  EXPECT_EQ(grouped(std::uint64_t{0}), "0");
  EXPECT_EQ(grouped(std::uint64_t{1204}), "1,204");
  EXPECT_EQ(grouped(std::uint64_t{1'000'000}), "1,000,000");
  EXPECT_EQ(counted(1, "event"), "1 event");
  EXPECT_EQ(counted(1204, "event"), "1,204 events");
  EXPECT_EQ(byte_size(1023), "1023 B");
  EXPECT_EQ(byte_size(1536), "1.5 KiB");
  EXPECT_EQ(short_count(1'060'000), "1.06 M");
  EXPECT_EQ(short_count(212'000), "212.0 k");
  EXPECT_EQ(duration_text(0.000053), "53 µs");
  EXPECT_EQ(duration_text(11.3), "11.3 s");
}

TEST(Text, cuts_between_characters_and_says_so) {
  EXPECT_EQ(cut_to("añb", 3), "añb");
  EXPECT_EQ(cut_to("añbc", 3), "añ…");
  EXPECT_EQ(cut_to("abc", 0), "");
  EXPECT_EQ(columns_of("añ…"), 3u);
}

TEST(Text, nothing_in_a_cell_can_steer_the_terminal) {
  EXPECT_EQ(one_line("a\x1b[31m\n\x7f"), "a?[31m??");
  EXPECT_EQ(tsv_cell("a\tb\\c\nd\r"), "a\\tb\\\\c\\nd\\r");
  EXPECT_EQ(csv_cell("plain"), "plain");
  EXPECT_EQ(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
}

TEST(Text, tells_how_long_ago) {
  const auto now = *parse_time("2026-03-01T12:00:00Z");
  using namespace std::chrono;
  EXPECT_EQ(time_text(now - seconds(59), TimeStyle::relative, now), "59 s ago");
  EXPECT_EQ(time_text(now - minutes(61), TimeStyle::relative, now), "1 h ago");
  EXPECT_EQ(time_text(now - days(40), TimeStyle::relative, now), "40 d ago");
  EXPECT_EQ(time_text(now + hours(1), TimeStyle::relative, now), "in the future");
  EXPECT_EQ(time_text(now, TimeStyle::iso, now), "2026-03-01T12:00:00.000000Z");
}

TEST(JsonObjectTest, escapes_names_and_text_and_can_be_used_again) {
  JsonObject object;
  EXPECT_EQ(object.text("a\"b", "c\nd").number("n", 7).raw("r", "[1]").boolean("t", true).take(),
            "{\"a\\\"b\":\"c\\nd\",\"n\":7,\"r\":[1],\"t\":true}");
  EXPECT_EQ(object.take(), "{}");
}

TEST(HistogramTest, percentiles_are_within_two_per_cent_of_the_exact_ones) {
  constexpr std::uint64_t seed = 7;
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> spread(11, 1.5);
  bench::Histogram histogram;
  std::vector<std::int64_t> exact;
  for (int i = 0; i < 20'000; ++i) {
    const auto value = static_cast<std::int64_t>(spread(random));
    histogram.add(std::chrono::nanoseconds(value));
    exact.push_back(value);
  }
  std::ranges::sort(exact);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const auto truth = static_cast<double>(exact[static_cast<std::size_t>(share * 20'000) - 1]);
    const auto told = static_cast<double>(histogram.percentile(share).count());
    EXPECT_GE(told, truth) << share << " seed " << seed;
    EXPECT_LE(told, truth * 1.02 + 1) << share << " seed " << seed;
  }
  EXPECT_EQ(histogram.max().count(), exact.back());
  EXPECT_EQ(histogram.percentile(1).count(), exact.back());
}

TEST(HistogramTest, merging_is_adding_and_the_extremes_fit) {
  bench::Histogram left;
  bench::Histogram right;
  left.add(std::chrono::nanoseconds(-5));
  right.add(std::chrono::nanoseconds::max());
  left.merge(right);
  EXPECT_EQ(left.count(), 2u);
  EXPECT_EQ(left.percentile(0.5).count(), 0);
  EXPECT_EQ(left.max(), std::chrono::nanoseconds::max());
  EXPECT_EQ(bench::Histogram().percentile(0.5).count(), 0);
}

std::vector<std::string> sse_messages(std::string_view text, std::size_t piece) {
  std::vector<std::string> seen;
  SseReader reader([&](const SseMessage& message) {
    seen.push_back(message.event + "|" + message.data + "|" + message.id);
    return true;
  });
  for (std::size_t at = 0; at < text.size(); at += piece) EXPECT_TRUE(reader.take(text.substr(at, piece)));
  return seen;
}

TEST(SseReaderTest, messages_are_the_same_however_the_bytes_are_cut) {
  constexpr std::string_view text =
      "retry: 2000\n\n: heartbeat\n\nid: 7\ndata: {\"a\":1}\n\nevent: caught-up\ndata: "
      "{}\n\nid:8\r\ndata:two\r\ndata: lines\r\n\r\n";
  const std::vector<std::string> wanted{"message|{\"a\":1}|7", "caught-up|{}|7", "message|two\nlines|8"};
  for (std::size_t piece = 1; piece < text.size(); ++piece)
    EXPECT_EQ(sse_messages(text, piece), wanted) << piece;
}

TEST(SseReaderTest, a_sink_that_has_had_enough_ends_it) {
  int seen = 0;
  SseReader reader([&](const SseMessage&) { return ++seen < 2; });
  EXPECT_FALSE(reader.take("data: 1\n\ndata: 2\n\ndata: 3\n\n"));
  EXPECT_EQ(seen, 2);
}

TEST(Listen, takes_hosts_and_ports_in_the_usual_forms) {
  EXPECT_EQ(parse_listen("")->port, 2113);
  EXPECT_EQ(parse_listen("8080")->port, 8080);
  EXPECT_EQ(parse_listen("8080")->address, "127.0.0.1");
  EXPECT_EQ(parse_listen("[::1]:0")->address, "::1");
  EXPECT_EQ(parse_listen("0.0.0.0:80")->address, "0.0.0.0");
  EXPECT_EQ(address_of(*parse_listen("[::1]:0"), 42), "http://[::1]:42");
}

TEST(Wire, a_problem_document_becomes_the_error_it_was) {
  const auto error =
      error_of_problem(412, R"({"type":"/problems/version-conflict","title":"T","status":412,)"
                            R"("detail":"moved on","expected":0,"actual":1,"stream":"A-1","help":"read"})");
  EXPECT_EQ(error.kind(), errc::conflict);
  EXPECT_EQ(error.message(), "moved on");
  EXPECT_EQ(error.fact("actual"), "1");
  EXPECT_EQ(error.fact("stream"), "A-1");
  EXPECT_EQ(error.fact("title"), std::nullopt);
  EXPECT_EQ(error.help(), "read");
  EXPECT_EQ(exit_code_of(error), 5);
}

TEST(Wire, an_answer_from_something_else_is_shown_and_not_believed) {
  EXPECT_EQ(error_of_problem(502, "<html>").kind(), errc::unavailable);
  EXPECT_FALSE(read_head("<html>"));
  EXPECT_FALSE(read_head("{}"));
  EXPECT_FALSE(read_stream_info("[]"));
  EXPECT_FALSE(read_append_result("{\"first\":1}", {}));
}

TEST(Wire, names_are_percent_encoded) {
  EXPECT_EQ(percent_encoded("A-1_z.~"), "A-1_z.~");
  EXPECT_EQ(percent_encoded("a b/ä?"), "a%20b%2F%C3%A4%3F");
}

TEST(Report, an_error_is_told_in_four_parts_and_as_a_record) {
  const auto error = Error(errc::conflict, "no").with("a", "1").with("longer", "\x1b[2J").help("do it");
  EXPECT_EQ(describe(error, false),
            "error: no      [conflict]\n  a       1\n  longer  \\x1b[2J\n  help:  do it\n");
  EXPECT_EQ(error_record(Error(errc::busy, "x").with("pid", "7")),
            "{\"$error\":{\"kind\":\"busy\",\"message\":\"x\",\"help\":\"\",\"facts\":{\"pid\":\"7\"}}}");
}

TEST(ExitCodes, follow_what_the_caller_can_do) {
  EXPECT_EQ(exit_code_of(Error(errc::not_found, "")), 3);
  EXPECT_EQ(exit_code_of(Error(errc::denied, "")), 4);
  EXPECT_EQ(exit_code_of(Error(errc::busy, "")), 6);
  EXPECT_EQ(exit_code_of(Error(errc::timeout, "")), 6);
  EXPECT_EQ(exit_code_of(Error(errc::corrupt, "")), 7);
  EXPECT_EQ(exit_code_of(Error(errc::invalid, "")), 1);
}

}  // namespace
}  // namespace stele::cli::test
