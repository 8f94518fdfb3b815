// stele repair: what it shows, what it does when told to, and what it refuses.
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class Repairing : public testing::Test {
 protected:
  void SetUp() override {
    auto store = open(root, {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10});
    ASSERT_TRUE(store);
    for (int i = 0; i < 40; ++i)
      append_at(
          **store, "s-" + std::to_string(i % 5), "2026-03-01T10:00:00Z",
          event_numbered(static_cast<std::uint8_t>(i + 1), "Happened", '"' + std::string(8000, 'x') + '"'));
    ASSERT_TRUE((*store)->records().put("snapshot", "s-1", "{}"));
  }
  Outcome repair(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"repair", "--dir", root, "--ndjson"});
    return shell(more);
  }
  Outcome verify() { return shell({"verify", "--dir", root}); }
  void flip(const std::string& file, std::size_t at) {
    auto bytes = file_text(root + "/" + file);
    ASSERT_LT(at, bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    write_file(root + "/" + file, bytes);
  }
  std::string only_file(const std::string& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(root + "/" + folder))
      return folder + "/" + entry.path().filename().string();
    return {};
  }
  // Shown, not done; done; nothing left to do, and the store is whole.
  void expect_repaired(const std::string& kind) {
    const auto shown = repair();
    EXPECT_EQ(shown.code, 7) << shown.out;
    EXPECT_THAT(shown.out, HasSubstr("\"repair\":\"" + kind + "\""));
    EXPECT_THAT(shown.out, HasSubstr("\"done\":false"));
    EXPECT_THAT(shown.err, HasSubstr("stele repair --yes"));
    EXPECT_EQ(repair().out, shown.out) << "looking changes nothing";
    const auto done = repair({"--yes"});
    EXPECT_EQ(done.code, 0) << done.out << done.err;
    EXPECT_THAT(done.out, HasSubstr("\"done\":true"));
    EXPECT_EQ(repair().out, "");
    const auto healthy = verify();
    EXPECT_EQ(healthy.code, 0) << healthy.out << healthy.err;
    EXPECT_THAT(shell({"read", "@all", "--dir", root, "--fields", "global_position", "-n", "0"}).out,
                HasSubstr("{\"global_position\":40}\n"));
  }

  TempDirectory directory;
  std::string root = directory.path("store");
  Shell shell;
};

constexpr const char* first_segment = "log/00000000000000000001.seg";

TEST_F(Repairing, a_healthy_store_has_nothing_to_repair) {
  const auto nothing = repair();
  EXPECT_EQ(nothing.code, 0);
  EXPECT_EQ(nothing.out, "");
  EXPECT_THAT(nothing.err, HasSubstr("nothing to repair"));
  EXPECT_EQ(verify().code, 0) << verify().out;
}

TEST_F(Repairing, a_damaged_index_file_comes_back_from_the_log) {
  flip(only_file("index"), 5000);
  EXPECT_EQ(verify().code, 7);
  expect_repaired("remake_index");
}

TEST_F(Repairing, one_damaged_copy_of_a_header_is_written_again_from_the_other) {
  flip(first_segment, 50);
  EXPECT_EQ(shell({"append", "s-1", "Happened", "--dir", root}).code, 6)
      << "a damaged store is not written to";
  expect_repaired("mend_header");
  EXPECT_EQ(shell({"append", "s-1", "Happened", "--dir", root}).code, 0);
}

TEST_F(Repairing, a_torn_tail_is_cut) {
  std::string last;
  for (const auto& entry : std::filesystem::directory_iterator(root + "/log"))
    last = std::max(last, entry.path().filename().string());
  auto bytes = file_text(root + "/log/" + last);
  const auto end = bytes.find_last_not_of('\0');
  ASSERT_LT(end + 1000, bytes.size());
  bytes.replace(end + 500, 9, "half of it");
  write_file(root + "/log/" + last, bytes);
  expect_repaired("cut_tail");
}

TEST_F(Repairing, unfinished_files_go) {
  write_file(root + "/log/00000000000000000099.seg.tmp", "half");
  write_file(root + "/index/x.idx.tmp", "half");
  expect_repaired("remove_file");
  EXPECT_FALSE(std::filesystem::exists(root + "/log/00000000000000000099.seg.tmp"));
}

TEST_F(Repairing, a_watermark_that_says_nothing_is_made_anew) {
  flip("watermark", 24);
  EXPECT_EQ(verify().code, 7);
  expect_repaired("remake_mark");
}

TEST_F(Repairing, a_lost_manifest_is_written_from_the_segments) {
  const auto before = file_text(root + "/MANIFEST");
  const auto id =
      before.substr(before.find("store 0") == std::string::npos ? before.find("\nstore ") : 0, 60);
  std::filesystem::remove(root + "/MANIFEST");
  expect_repaired("remake_manifest");
  EXPECT_THAT(file_text(root + "/MANIFEST"), HasSubstr(id.substr(id.find("store "), 42)));
}

TEST_F(Repairing, damage_to_an_acknowledged_event_is_refused_with_its_place_and_not_touched) {
  auto bytes = file_text(root + "/" + first_segment);
  flip(first_segment, bytes.find("xxxx") + 100);
  bytes = file_text(root + "/" + first_segment);
  for (const auto& words : {std::vector<std::string>{}, std::vector<std::string>{"--yes"}}) {
    const auto refused = repair(words);
    EXPECT_EQ(refused.code, 7);
    EXPECT_THAT(refused.out, HasSubstr("\"repair\":\"none\""));
    EXPECT_THAT(refused.out, HasSubstr("positions 1 to 1"));
    EXPECT_THAT(refused.err, HasSubstr("restore a backup"));
  }
  EXPECT_TRUE(file_text(root + "/" + first_segment) == bytes);
}

TEST_F(Repairing, damaged_records_are_refused_and_the_log_is_not) {
  auto bytes = file_text(root + "/records.db");
  write_file(root + "/records.db", bytes.replace(100, 50, std::string(50, '\x55')));
  const auto refused = repair();
  EXPECT_EQ(refused.code, 7);
  EXPECT_THAT(refused.out, HasSubstr("records.db"));
}

TEST_F(Repairing, a_store_that_is_being_written_is_left_alone) {
  const auto writer = open(root);
  ASSERT_TRUE(writer);
  const auto busy = repair({"--yes"});
  EXPECT_EQ(busy.code, 6);
  EXPECT_THAT(busy.err, HasSubstr("[busy]"));
}

TEST_F(Repairing, what_is_no_store_is_named) {
  EXPECT_EQ(shell({"repair", "--dir", directory.path("nowhere")}).code, 3);
  EXPECT_EQ(shell({"repair"}).code, 2);
}

}  // namespace
}  // namespace stele::cli::test
