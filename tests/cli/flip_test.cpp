// Every byte of a small store, flipped one at a time: verify names its place, or nothing depends on it; no read ever
// gives anything but what was appended; nothing crashes. STELE_FLIP_ALL=1 takes every byte, otherwise a sample that
// goes through every file, densely where there is something.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "cli/verify/verifier.hpp"
#include "shell.hpp"

namespace stele::cli::test {
namespace {

namespace fs = std::filesystem;

struct FlipTally {
  std::uint64_t flips = 0;
  std::uint64_t reported = 0;
  std::uint64_t irrelevant = 0;
};

class Flipping : public testing::Test {
 protected:
  // Rewritten segments are small; the last one is as it is.
  void SetUp() override {
    {
      auto store = open(root, {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10});
      ASSERT_TRUE(store);
      std::uint8_t number = 0;
      const auto append = [&](const std::string& stream, std::size_t bytes) {
        ++number;
        auto event = event_numbered(number, number % 3 == 0 ? "Deposited" : "Opened",
                                    '"' + std::string(bytes, 'x') + '"');
        event.tags = {"all", "n:" + std::to_string(number % 4)};
        event.metadata = R"({"user":"ada"})";
        append_at(**store, stream, "2026-03-01T10:00:00Z", std::move(event));
      };
      for (int i = 0; i < 6; ++i) {
        for (int k = 0; k < 3; ++k) append("Account-" + std::to_string(k), 200);
        append("Large-1", 50'000);
      }
      for (int i = 0; i < 3; ++i) append("Account-3", 150);
      ASSERT_TRUE(delete_stream(**store, "Large-1"));
      ASSERT_TRUE(compact(**store, {.dry_run = false, .min_gain = 1, .progress = {}}));
      ASSERT_TRUE((*store)->records().put("snapshot", "Account-1", std::string(300, 's')));
    }
    ASSERT_TRUE(open(root));  // seals and merges what there is
    truth = read_all();
    ASSERT_GT(truth.size(), 20u);
    ASSERT_TRUE(verify_store(root)->ok());
  }

  std::vector<RecordedEvent> read_all(Query query = {}) {
    std::vector<RecordedEvent> all;
    const auto store = open(root, {.access = Access::read_only});
    if (!store) return all;
    const auto cursor = (*store)->read({.query = std::move(query), .from = {}, .limit = no_limit});
    if (!cursor) return all;
    for (int errors = 0; errors < 100;) {
      const auto events = (*cursor)->next_batch(100);
      if (!events) {
        ++errors;
        continue;
      }
      if (events->empty()) break;
      for (const auto& event : *events) all.push_back(event.to_owned());
    }
    return all;
  }

  // What can be read is what was appended, in its order.
  void expect_only_truth(const std::string& where) {
    Query by_tag;
    by_tag.items.emplace().push_back({.types = {"Opened"}, .tags = {"all"}, .streams = {}, .categories = {}});
    for (const auto& query : {Query::all(), by_tag}) {
      auto at = truth.begin();
      for (const auto& event : read_all(query)) {
        at = std::find(at, truth.end(), event);
        ASSERT_NE(at, truth.end()) << where << ": a read gave p" << event.position.value()
                                   << ", and not as it was";
      }
    }
  }

  std::string snapshot() {
    const auto store = open(root, {.access = Access::read_only});
    if (!store) return "refused";
    const auto value = (*store)->records().get("snapshot", "Account-1");
    return value ? value->value_or("none") : "refused";
  }

  // The names of all files that hold something, and which bytes of them to flip.
  std::vector<fs::path> files() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::recursive_directory_iterator(root))
      if (entry.is_regular_file() && entry.path().filename() != "LOCK") all.push_back(entry.path());
    std::ranges::sort(all);
    return all;
  }

  static bool takes_all() { return std::getenv("STELE_FLIP_ALL") != nullptr; }
  // About so many flips in a sample of all files.
#if defined(STELE_SANITIZED)
  static constexpr std::size_t sampled_flips = 150;
#else
  static constexpr std::size_t sampled_flips = 700;
#endif
  static std::size_t stride_of(std::size_t files, std::size_t bytes) {
    return takes_all() ? 1 : std::max<std::size_t>(1, bytes * files / sampled_flips);
  }

  // In place: a file that is written anew is synced by some file systems, thousands of times here.
  static void put_byte(const fs::path& file, std::size_t at, char byte) {
    std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(at));
    out.put(byte);
  }

  static std::string place_of(const fs::path& file, std::size_t at) {
    return file.filename().string() + " byte " + std::to_string(at);
  }

  // Whether verify says something, and if so whether it names this file.
  bool reported(const fs::path& file, const std::string& where) {
    const auto verified = verify_store(root);
    const auto name = file.filename().string();
    if (!verified) {
      EXPECT_NE(verified.error().to_string().find(name), std::string::npos)
          << where << ": " << verified.error().to_string();
      return true;
    }
    if (verified->ok()) return false;
    bool named = false;
    for (const auto& layer : verified->layers)
      for (const auto& finding : layer.findings)
        named = named || (finding.file + finding.what).find(name) != std::string::npos;
    EXPECT_TRUE(named) << where << ": the finding names another file";
    return true;
  }

  // Nothing is told: then nothing may depend on it.
  void expect_irrelevant(const std::string& where) {
    EXPECT_TRUE(read_all() == truth) << where << " is told by nobody, and events are missing";
    EXPECT_EQ(snapshot(), std::string(300, 's')) << where << " is told by nobody, and a record is another";
  }

  FlipTally flip_all_of(const fs::path& file, std::size_t file_count) {
    FlipTally tally;
    const auto bytes = file_text(file.string());
    // The zeros behind the last event are many and all alike.
    const auto end = std::min(bytes.size(), bytes.find_last_not_of('\0') + 64);
    const auto whole = file.extension() == ".seg" && !takes_all() ? end : bytes.size();
    for (std::size_t at = 0; at < whole; at += stride_of(file_count, whole)) {
      put_byte(file, at, static_cast<char>(bytes[at] ^ (1 << at % 8)));
      const auto where = place_of(file, at);
      ++tally.flips;
      if (reported(file, where))
        ++tally.reported;
      else {
        ++tally.irrelevant;
        expect_irrelevant(where);
      }
      expect_only_truth(where);
      put_byte(file, at, bytes[at]);
      if (HasFailure()) break;
    }
    return tally;
  }

  TempDirectory directory;
  std::string root = directory.path("store");
  std::vector<RecordedEvent> truth;
};

TEST_F(Flipping, every_byte_is_reported_with_its_place_or_irrelevant) {
  const auto all = files();
  for (const auto& file : all) {
    SCOPED_TRACE(file.string());
    const auto tally = flip_all_of(file, all.size());
    std::cout << file.filename().string() << ": " << tally.flips << " flips, " << tally.reported
              << " reported, " << tally.irrelevant << " irrelevant\n";
    if (HasFailure()) return;
    // Where every byte means something, every flip is told.
    if (file.filename() == "MANIFEST") {
      EXPECT_EQ(tally.irrelevant, 0u);
    }
    if (file.extension() == ".idx") {
      EXPECT_EQ(tally.irrelevant, 0u);
    }
  }
  EXPECT_TRUE(verify_store(root)->ok());
}

// In a rewritten segment each byte is a header, a frame, or the zeros in the header's page that its checksum covers.
TEST_F(Flipping, of_a_rewritten_segment_every_byte_is_reported) {
  const auto tally = flip_all_of(fs::path(root) / "log/00000000000000000001.seg", 4);
  EXPECT_GT(tally.flips, sampled_flips / 5);
  EXPECT_EQ(tally.irrelevant, 0u);
}

// A segment in the place of another one, of another store, cut short, gone.
TEST_F(Flipping, files_that_are_swapped_cut_or_gone_are_reported_and_never_read_as_something_else) {
  const auto all = files();
  std::vector<fs::path> segments;
  for (const auto& file : all)
    if (file.extension() == ".seg") segments.push_back(file);
  ASSERT_GE(segments.size(), 3u);
  fill_small_store(directory.path("other"));
  const auto foreign = file_text(directory.path("other/log/00000000000000000001.seg"));
  for (const auto& file : segments) {
    const auto bytes = file_text(file.string());
    const auto expect_told = [&](const std::string& how) {
      SCOPED_TRACE(how);
      const auto verified = verify_store(root);
      EXPECT_TRUE(!verified || !verified->ok());
      expect_only_truth(file.filename().string());
    };
    for (const auto& other : segments) {
      if (other == file) continue;
      write_file(file.string(), file_text(other.string()));
      expect_told("the bytes of another segment");
    }
    write_file(file.string(), foreign);
    expect_told("a segment of another store");
    const auto end = bytes.find_last_not_of('\0');
    for (const auto size : {std::size_t{0}, std::size_t{100}, std::size_t{4096}, end / 2 + 2048, end - 40}) {
      write_file(file.string(), bytes.substr(0, size));
      expect_told("cut to " + std::to_string(size));
    }
    fs::remove(file);
    expect_told("gone");
    write_file(file.string(), bytes);
  }
  EXPECT_TRUE(verify_store(root)->ok());
}

}  // namespace
}  // namespace stele::cli::test
