// golden_store_test.cpp - a store as an earlier version wrote it, kept in the tree (tests/engine/golden): today's
// version reads it, the same to the byte, and goes on in it. One of a version to come is refused and not touched.
//
// STELE_GOLDEN=DIR makes such a store there, and the text of its events, when the format has got something new.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "engine/log/segment.hpp"
#include "event/event_json.hpp"
#include "store_fixture.hpp"

namespace stele::test {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::map<std::string, std::string> files_below(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), directory)] = bytes_of(entry.path());
  }
  return files;
}

// Every event as a line, with all its members.
std::string events_text(EventStore& store) {
  std::string text;
  const auto cursor = must(store.read({}));
  for (auto events = must(cursor->next_batch(100)); !events.empty(); events = must(cursor->next_batch(100))) {
    for (const auto& event : events) {
      append_event_json(text, event);
      text += '\n';
    }
  }
  return text;
}

class GoldenStore : public testing::Test {
 protected:
  // Segments of all three formats: rewritten, compressed, plain; a tail that is not full; records.
  static void make(const fs::path& where) {
    fs::remove_all(where);
    {
      auto store = must(open(where / "store", small()));
      for (int i = 0; i < 100; ++i) {
        const bool gone = i % 2 == 0;
        const std::string pad(gone ? 5000 : 50, 'x');
        auto happened = event("Happened", R"({"n":)" + std::to_string(i) + R"(,"pad":")" + pad + "\"}");
        happened.tags = {"all", i % 4 == 1 ? "quarter:yes" : "quarter:no"};
        if (i % 5 == 0) happened.metadata = R"({"user":"anna","n":)" + std::to_string(i) + "}";
        must(store->append(write(gone ? "Gone-1" : "Kept-" + std::to_string(i % 3), {std::move(happened)})));
      }
      auto bytes = event("Binary", std::string("\0\1\xff", 3));
      bytes.content_type = std::string(binary_content);
      must(store->append(write("Kept-1", {std::move(bytes)})));
      must(delete_stream(*store, "Gone-1"));
      must(store->append(write("Ended-1", {event("Happened")})));
      must(tombstone_stream(*store, "Ended-1"));
      must(store->records().put("space", "key", "value"));
      CompactOptions all;
      all.min_gain = 1;
      must(compact(*store, all));
      ArchiveOptions cold;
      cold.compress = true;
      cold.keep_segments = 2;
      must(archive(*store, cold));
      std::ofstream(where / "events.ndjson", std::ios::binary) << events_text(*store);
    }
    fs::remove(where / "store" / "LOCK");
  }
  static OpenOptions small() {
    return {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10};
  }
  void SetUp() override {
    if (const char* where = std::getenv("STELE_GOLDEN")) make(where);
    fs::copy(golden_ / "store", store_, fs::copy_options::recursive);
  }
  void expect_all(EventStore& store) const {
    EXPECT_EQ(events_text(store), bytes_of(golden_ / "events.ndjson"));
  }

  const fs::path golden_ = fs::path(STELE_SOURCE_DIR) / "tests" / "engine" / "golden";
  TempDirectory directory_;
  const fs::path store_ = directory_ / "store";
};

TEST_F(GoldenStore, is_read_the_same_and_goes_on) {
  {
    const auto store = must(open(store_, {.access = Access::read_only}));
    expect_all(*store);
  }
  const auto store = must(open(store_));
  expect_all(*store);
  EXPECT_EQ(must(store->records().get("space", "key")).value_or("none"), "value");
  EXPECT_EQ(must(store->stream_info("Kept-1")).stream, "Kept-1");
  EXPECT_EQ(store->stream_info("Gone-1").error().kind(), errc::not_found);
  EXPECT_EQ(store->stream_info("Ended-1").error().kind(), errc::gone);
  const auto head = store->head().position;
  EXPECT_EQ(must(store->append(write("Kept-1", {event("Happened")}))).first, head.next());
}

TEST_F(GoldenStore, whose_index_is_lost_is_read_the_same) {
  fs::remove_all(store_ / "index");
  const auto store = must(open(store_));
  expect_all(*store);
}

TEST_F(GoldenStore, has_segments_of_every_format) {
  std::map<std::pair<int, std::uint32_t>, int> formats;
  for (const auto& [name, bytes] : files_below(store_ / "log")) {
    const auto parsed = engine::log::parse_header(bytes);
    ASSERT_TRUE(parsed.header) << name;
    ++formats[{parsed.header->minor, parsed.header->incompatible}];
  }
  int rewritten = 0;
  int compressed = 0;
  int plain = 0;
  for (const auto& [format, count] : formats) {
    const auto features = format.second;
    if (features == 0) plain += count;
    if ((features & engine::log::feature_gaps) != 0) rewritten += count;
    if ((features & engine::log::feature_packed) != 0) compressed += count;
  }
  EXPECT_GT(plain, 0);
  EXPECT_GT(rewritten, 0);
  EXPECT_GT(compressed, 0);
}

TEST_F(GoldenStore, of_a_version_to_come_is_refused_and_not_touched) {
  fs::path last;
  for (const auto& entry : fs::directory_iterator(store_ / "log")) last = std::max(last, entry.path());
  auto bytes = bytes_of(last);
  auto header = engine::log::parse_header(bytes).header;
  ASSERT_TRUE(header);
  header->incompatible |= 1u << 20;
  const auto newer = engine::log::encode_header(*header);
  bytes.replace(0, newer.size(), newer);
  std::ofstream(last, std::ios::binary) << bytes;
  const auto before = files_below(store_);
  for (const auto access : {Access::read_write, Access::read_only}) {
    const auto refused = open(store_, {.access = access});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::invalid) << refused.error().to_string();
    EXPECT_NE(refused.error().to_string().find("newer"), std::string::npos) << refused.error().to_string();
  }
  auto after = files_below(store_);
  after.erase("LOCK");
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace stele::test
