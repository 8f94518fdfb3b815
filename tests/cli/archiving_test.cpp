// stele archive: old segments compressed and moved from the command line, and what the other commands say then.
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ArchivingStore : public testing::Test {
 protected:
  ArchivingStore() {
    auto store = open(large, {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10});
    EXPECT_TRUE(store);
    for (int i = 0; i < 150; ++i) {
      AppendRequest request;
      request.writes.push_back({.stream = "Large-" + std::to_string(i % 3), .expected = {}, .events = {}});
      auto& event = request.writes.back().events.emplace_back();
      event.type = "Noted";
      event.data = '"' + std::string(1500, 'x') + '"';
      EXPECT_TRUE((*store)->append(std::move(request)));
    }
  }

  Shell shell;
  TempDirectory directory;
  std::string large = directory.path("large");
  std::string cold = directory.path("cold");
};

TEST_F(ArchivingStore, a_dry_run_tells_and_the_run_does) {
  const auto dry = shell({"archive", "--compress", "--dry-run", "--dir", large});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dry.err, HasSubstr("would archive 4 of 4 segments"));
  const auto done = shell({"archive", "--compress", "--dir", large});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("\"first\":1,"));
  EXPECT_THAT(done.out, HasSubstr("\"compressed\":true,\"place\":\"\""));
  EXPECT_THAT(done.err, HasSubstr("archived 4 of 4 segments"));
  EXPECT_THAT(shell({"archive", "--compress", "--dir", large}).err, HasSubstr("archived 0 of 4"));
}

TEST_F(ArchivingStore, verify_and_inspect_know_what_was_done) {
  ASSERT_EQ(shell({"archive", "--compress", "--keep-segments", "1", "--dir", large}).code, 0);
  ASSERT_EQ(shell({"archive", "--to", cold, "--keep-segments", "2", "--dir", large}).code, 0);
  const auto verified = shell({"verify", "--dir", large, "-o", "table"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  const auto looked = shell({"inspect", large});
  EXPECT_EQ(looked.code, 0) << looked.out;
  EXPECT_THAT(looked.out, HasSubstr("packed last="));
  EXPECT_THAT(looked.out, HasSubstr("archived last="));
  EXPECT_THAT(looked.out, HasSubstr("position=1 stream=Large-0"));
  EXPECT_THAT(shell({"read", "Large-0", "v0", "--dir", large, "--fields", "global_position"}).out,
              HasSubstr("{\"global_position\":1}"));
}

TEST_F(ArchivingStore, an_archive_that_is_away_is_named_with_what_to_do) {
  ASSERT_EQ(shell({"archive", "--to", cold, "--dir", large}).code, 0);
  const auto moved = directory.path("moved");
  std::filesystem::rename(cold, moved);
  const auto refused = shell({"read", "Large-0", "v0", "--dir", large});
  EXPECT_EQ(refused.code, 6) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr(cold));
  EXPECT_THAT(refused.err, HasSubstr("stele archive --to"));
  EXPECT_EQ(shell({"append", "Large-0", "Noted", "--expect", "v49", "--dir", large}).code, 0);
  EXPECT_THAT(shell({"inspect", large}).out, HasSubstr("away file="));
  ASSERT_EQ(shell({"archive", "--to", moved, "--dir", large}).code, 0);
  EXPECT_EQ(shell({"read", "Large-0", "v0", "--dir", large}).code, 0);
  EXPECT_EQ(shell({"verify", "--dir", large}).code, 0);
}

TEST_F(ArchivingStore, a_damaged_block_is_found_by_verify_and_inspect) {
  ASSERT_EQ(shell({"archive", "--compress", "--dir", large}).code, 0);
  const auto file = large + "/log/00000000000000000001.seg";
  auto bytes = file_text(file);
  bytes[4100] = static_cast<char>(bytes[4100] ^ 1);
  write_file(file, bytes);
  const auto verified = shell({"verify", "--dir", large, "-o", "table"});
  EXPECT_EQ(verified.code, 7) << verified.out << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("block 0"));
  EXPECT_EQ(shell({"inspect", large}).code, 7);
}

TEST_F(ArchivingStore, what_is_asked_for_must_make_sense) {
  EXPECT_EQ(shell({"archive", "--dir", large}).code, 2);
  EXPECT_EQ(shell({"archive", "--compress"}).code, 2);
  EXPECT_EQ(shell({"archive", "--compress", "--before", "v3", "--dir", large}).code, 2);
  EXPECT_EQ(shell({"archive", "--compress", "--dir", directory.path("nothing")}).code, 3);
  const auto none = shell({"archive", "--compress", "--before", "p2", "--dir", large});
  EXPECT_EQ(none.code, 0);
  EXPECT_THAT(none.out, Not(HasSubstr("first")));
}

}  // namespace
}  // namespace stele::cli::test
