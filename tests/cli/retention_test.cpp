// stream set, rm, tombstone and compact: what a stream keeps, told and changed from the command line.
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class KeepingStreams : public testing::Test {
 protected:
  void SetUp() override { fill_small_store(directory.path("store")); }
  Outcome stele(std::vector<std::string> words) {
    words.insert(words.end(), {"--dir", directory.path("store")});
    return shell(words);
  }

  TempDirectory directory;
  Shell shell;
};

TEST_F(KeepingStreams, what_is_set_is_shown_and_holds) {
  EXPECT_EQ(stele({"stream", "set", "Account-1"}).out,
            "{\"stream\":\"Account-1\",\"truncate_before\":null,\"max_count\":null,\"max_age\":null,"
            "\"metadata_version\":null}\n");
  const auto set = stele({"stream", "set", "Account-1", "--max-count", "1", "--max-age", "52w"});
  EXPECT_EQ(set.code, 0) << set.err;
  EXPECT_EQ(stele({"stream", "set", "Account-1"}).out,
            "{\"stream\":\"Account-1\",\"truncate_before\":null,\"max_count\":1,\"max_age\":31449600,"
            "\"metadata_version\":0}\n");
  EXPECT_EQ(stele({"read", "Account-1", "--fields", "stream_position"}).out, "{\"stream_position\":1}\n");
  EXPECT_EQ(stele({"stream", "set", "Account-1", "--clear", "--truncate-before", "v1"}).code, 0);
  EXPECT_THAT(stele({"stream", "set", "Account-1"}).out,
              HasSubstr("\"truncate_before\":1,\"max_count\":null"));
}

TEST_F(KeepingStreams, values_that_make_no_sense_are_usage_errors) {
  EXPECT_EQ(stele({"stream", "set", "Account-1", "--max-age", "soon"}).code, 2);
  EXPECT_EQ(stele({"stream", "set", "Account-1", "--truncate-before", "7"}).code, 2);
  EXPECT_EQ(stele({"stream", "set", "Account-1", "--max-count", "0"}).code, 1);
}

TEST_F(KeepingStreams, removing_asks_for_consent_and_frees_the_name) {
  EXPECT_EQ(stele({"stream", "rm", "Account-1"}).code, 2);
  EXPECT_EQ(stele({"stream", "rm", "Account-1", "--yes", "--expect", "v0"}).code, 5);
  EXPECT_EQ(stele({"stream", "rm", "Account-1", "--yes"}).code, 0);
  EXPECT_EQ(stele({"stream", "rm", "Account-1", "--yes"}).code, 3);
  EXPECT_EQ(stele({"read", "Account-1"}).code, 3);
  EXPECT_THAT(stele({"append", "Account-1", "Opened", "--expect", "none"}).out, HasSubstr("\"version\":2"));
}

TEST_F(KeepingStreams, a_tombstone_needs_the_name_twice_and_is_final) {
  EXPECT_EQ(stele({"stream", "tombstone", "Account-1", "--confirm", "Account-2"}).code, 2);
  EXPECT_EQ(stele({"stream", "tombstone", "Account-1", "--confirm", "Account-1"}).code, 0);
  EXPECT_EQ(stele({"append", "Account-1", "Opened"}).code, 3);
  EXPECT_EQ(stele({"verify"}).code, 0);
}

// Segments as small as they may be, so that there are closed ones.
void fill_segments(const std::string& directory) {
  auto store = open(directory, {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10});
  ASSERT_TRUE(store);
  for (int i = 0; i < 100; ++i) {
    AppendRequest request;
    request.writes.push_back({.stream = i % 2 == 0 ? "Large-1" : "Small-1", .expected = {}, .events = {}});
    auto& event = request.writes.back().events.emplace_back();
    event.type = "Noted";
    event.data = '"' + std::string(i % 2 == 0 ? 4000 : 10, 'x') + '"';
    ASSERT_TRUE((*store)->append(std::move(request)));
  }
}

TEST_F(KeepingStreams, compacting_tells_what_goes_first_and_then_does_it) {
  fill_segments(directory.path("large"));
  const auto large = directory.path("large");
  ASSERT_EQ(shell({"stream", "set", "Large-1", "--max-count", "1", "--dir", large}).code, 0);
  const auto dry = shell({"compact", "--dry-run", "--min-gain", "1kb", "--dir", large});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("\"rewritten\":false,\"gone\":{\"over_count\":{\"events\":"));
  EXPECT_THAT(dry.err, HasSubstr("would free"));
  const auto done = shell({"compact", "--min-gain", "1kb", "--dir", large});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("\"rewritten\":true"));
  EXPECT_THAT(shell({"compact", "--dir", large}).err, HasSubstr("freed 0 events"));
  const auto verified = shell({"verify", "--dir", large, "-o", "table"});
  EXPECT_EQ(verified.code, 0) << verified.out;
  EXPECT_THAT(verified.out, HasSubstr("apart from what was compacted"));
  EXPECT_EQ(shell({"inspect", large}).code, 0);
  EXPECT_THAT(shell({"stream", "info", "Small-1", "--dir", large}).out, HasSubstr("\"events\":50"));
  EXPECT_THAT(shell({"stream", "info", "Large-1", "--dir", large}).out,
              HasSubstr("\"version\":49,\"events\":1"));
}

TEST_F(KeepingStreams, a_hidden_stream_is_found_by_the_verifier_all_the_same) {
  ASSERT_EQ(stele({"stream", "rm", "Account-2", "--yes"}).code, 0);
  ASSERT_EQ(stele({"stream", "tombstone", "Account-1", "--confirm", "Account-1"}).code, 0);
  const auto verified = stele({"verify", "-o", "table"});
  EXPECT_EQ(verified.code, 0) << verified.out;
}

TEST_F(KeepingStreams, compacting_needs_a_directory) {
  EXPECT_EQ(shell({"compact"}).code, 2);
  EXPECT_EQ(shell({"compact", "--dir", directory.path("nothing")}).code, 3);
}

}  // namespace
}  // namespace stele::cli::test
