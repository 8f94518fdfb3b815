// importer_test.cpp - grouping and every kind of refusal, against a target that refuses on purpose.
#include "cli/import/importer.hpp"

#include <random>

#include "event/event_json.hpp"
#include "fake_target.hpp"
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string line_of(std::uint8_t number, const std::string& stream, int microsecond = 0,
                    const std::string& data = "{}") {
  RecordedEvent event;
  event.recorded_at = *parse_time("2026-01-01") + std::chrono::microseconds(microsecond);
  event.id = event_numbered(number, "", "").id;
  event.stream = stream;
  event.type = "T";
  event.content_type = std::string(json_content);
  event.data = data;
  std::string line;
  append_event_json(line, event);
  return line;
}

class Importing : public testing::Test {
 protected:
  struct Refused {
    std::uint64_t number;
    std::string why;
    bool operator==(const Refused&) const = default;
  };

  result<ImportCounts> import_lines(const std::vector<std::string>& lines) {
    Importer importer(target, [&](std::uint64_t number, std::string_view, const Error& why) {
      refused.push_back({number, why.message()});
    });
    std::uint64_t number = 0;
    for (const auto& line : lines) STELE_CHECK(importer.take(++number, line));
    return importer.finish();
  }
  std::vector<std::uint64_t> refused_lines() {
    std::vector<std::uint64_t> numbers;
    for (const auto& one : refused) numbers.push_back(one.number);
    return numbers;
  }

  FakeTarget target;
  std::vector<Refused> refused;
};

TEST_F(Importing, consecutive_events_of_one_time_make_one_append) {
  const auto counts = import_lines({line_of(1, "A"), line_of(2, "A"), line_of(3, "B"), line_of(4, "B", 1)});
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->imported, 4u);
  EXPECT_THAT(target.append_sizes, ElementsAre(3, 1));
}

TEST_F(Importing, a_stream_that_comes_back_begins_a_new_append_so_that_order_is_kept) {
  const auto counts = import_lines({line_of(1, "A"), line_of(2, "B"), line_of(3, "A")});
  ASSERT_TRUE(counts);
  EXPECT_THAT(target.append_sizes, ElementsAre(2, 1));
  EXPECT_EQ(target.log[2].stream, "A");
  EXPECT_EQ(target.log[2].id, event_numbered(3, "", "").id);
}

TEST_F(Importing, large_events_do_not_pile_up_in_one_append) {
  const auto large = "\"" + std::string(700u << 10, 'x') + "\"";
  ASSERT_TRUE(
      import_lines({line_of(1, "A", 0, large), line_of(2, "A", 0, large), line_of(3, "A", 0, large)}));
  EXPECT_THAT(target.append_sizes, ElementsAre(1, 1, 1));
}

TEST_F(Importing, a_refused_group_is_taken_apart_and_only_the_guilty_line_is_rejected) {
  target.refuse = [](const AppendRequest& request) -> std::optional<Error> {
    for (const auto& write : request.writes) {
      if (write.stream == "Bad") return Error(errc::invalid, "not this stream");
    }
    return std::nullopt;
  };
  const auto counts = import_lines({line_of(1, "A"), line_of(2, "Bad"), line_of(3, "C")});
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->imported, 2u);
  EXPECT_EQ(counts->rejected, 1u);
  EXPECT_THAT(refused, ElementsAre(Refused{2, "not this stream"}));
}

TEST_F(Importing, a_full_disk_ends_it_with_the_line_and_what_to_do) {
  target.refuse = [](const AppendRequest&) {
    return Error(errc::disk_full, "no room").help("free some space");
  };
  const auto counts = import_lines({line_of(1, "A"), line_of(2, "B", 1)});
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.error().kind(), errc::disk_full);
  EXPECT_EQ(counts.error().message(), "line 1: no room");
  EXPECT_THAT(counts.error().help(), HasSubstr("free some space; then run the same import again"));
  EXPECT_TRUE(refused.empty());
}

TEST_F(Importing, a_store_that_goes_away_while_groups_are_taken_apart_ends_it) {
  target.refuse = [](const AppendRequest& request) -> std::optional<Error> {
    if (request.writes.size() > 1) return Error(errc::conflict, "not together");
    return Error(errc::unavailable, "gone");
  };
  const auto counts = import_lines({line_of(1, "A"), line_of(2, "B")});
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.error().kind(), errc::unavailable);
}

TEST_F(Importing, without_a_quick_look_up_the_store_itself_recognises_repeats) {
  target.quick = false;
  const std::vector<std::string> lines{line_of(1, "A"), line_of(2, "B")};
  ASSERT_TRUE(import_lines(lines));
  const auto again = import_lines(lines);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->imported, 0u);
  EXPECT_EQ(again->already_there, 2u);
}

TEST_F(Importing, names_and_ids_a_store_would_refuse_are_refused_before_it_is_asked) {
  const auto counts =
      import_lines({line_of(1, "$own"), line_of(0, "A"), line_of(2, std::string(600, 'x')), line_of(3, "A")});
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->imported, 1u);
  EXPECT_THAT(refused_lines(), ElementsAre(1, 2, 3));
  EXPECT_THAT(target.append_sizes, ElementsAre(1));
}

TEST_F(Importing, blank_lines_and_carriage_returns_do_not_matter) {
  const auto counts = import_lines({"", "  ", line_of(1, "A") + "\r", "\r"});
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->imported, 1u);
  EXPECT_TRUE(refused.empty());
}

TEST_F(Importing, garbage_never_ends_it) {
  constexpr std::uint64_t seed = 3;
  std::mt19937_64 random(seed);
  std::vector<std::string> lines;
  for (int i = 0; i < 300; ++i) {
    auto line = line_of(static_cast<std::uint8_t>(i % 250 + 1), "A", i);
    for (auto n = random() % 4; n > 0; --n) line[random() % line.size()] = static_cast<char>(random() % 256);
    std::erase(line, '\n');
    lines.push_back(line);
  }
  const auto counts = import_lines(lines);
  ASSERT_TRUE(counts) << counts.error().to_string() << " seed " << seed;
  EXPECT_LE(counts->imported + counts->already_there + counts->rejected, 300u);
  EXPECT_GT(counts->imported, 0u);
  EXPECT_GT(counts->rejected, 0u);
}

}  // namespace
}  // namespace stele::cli::test
