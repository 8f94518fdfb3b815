// stele backup, restore, and verify of both: on real files, beside a writer that does not stop, with records.
#include <algorithm>
#include <atomic>
#include <sstream>
#include <thread>

#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  return lines;
}

bool is_part_of(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  auto at = all.begin();
  for (const auto& line : some) {
    at = std::find(at, all.end(), line);
    if (at == all.end()) return false;
    ++at;
  }
  return true;
}

class BackingUp : public testing::Test {
 protected:
  Outcome backup() { return shell({"backup", copy, "--dir", root}); }
  Outcome restore(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"restore", copy, "--dir", again});
    return shell(more);
  }
  std::string events_of(const std::string& dir, const std::string& range = "") {
    std::vector<std::string> words{"read", "@all", "--dir", dir, "-n", "0", "--ndjson"};
    if (!range.empty()) words.insert(words.begin() + 2, range);
    return shell(words).out;
  }

  TempDirectory directory;
  std::string root = directory.path("store");
  std::string copy = directory.path("it's a copy");
  std::string again = directory.path("again");
  Shell shell;
};

TEST_F(BackingUp, a_store_comes_back_as_it_was) {
  fill_small_store(root);
  const auto done = backup();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("\"last_position\":3,\"segments\":1,\"kept\":0"));
  EXPECT_EQ(shell({"verify", "--dir", copy}).code, 0);
  const auto restored = restore();
  EXPECT_EQ(restored.code, 0) << restored.err;
  EXPECT_THAT(restored.out, HasSubstr("\"last_position\":3,\"events\":3"));
  EXPECT_EQ(events_of(again), events_of(root));
  EXPECT_EQ(shell({"verify", "--dir", again}).code, 0);
  EXPECT_EQ(shell({"append", "Account-1", "Deposited", "--dir", again}).code, 0);
}

TEST_F(BackingUp, the_second_time_nothing_is_copied_that_was_there) {
  fill_small_store(root);
  EXPECT_EQ(backup().code, 0);
  EXPECT_THAT(backup().out, HasSubstr("\"kept\":1,\"bytes_copied\":0"));
}

TEST_F(BackingUp, to_a_position_or_a_time) {
  fill_small_store(root);
  ASSERT_EQ(backup().code, 0);
  EXPECT_EQ(restore({"--until", "p2"}).code, 0);
  EXPECT_EQ(events_of(again), events_of(root, "..p2"));
  std::filesystem::remove_all(again);
  EXPECT_EQ(restore({"--until", "2026-03-01T10:30:00Z"}).code, 0);
  EXPECT_EQ(events_of(again), events_of(root, "..p1"));
  std::filesystem::remove_all(again);
  EXPECT_EQ(restore({"--until", "v2"}).code, 2);
  EXPECT_EQ(restore({"--until", "p99"}).code, 1);
}

TEST_F(BackingUp, a_directory_that_is_not_empty_is_never_restored_into) {
  fill_small_store(root);
  ASSERT_EQ(backup().code, 0);
  const auto refused = shell({"restore", copy, "--dir", root});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("is not empty"));
  EXPECT_EQ(shell({"restore", root, "--dir", again}).code, 3) << "a store is no backup";
}

TEST_F(BackingUp, records_come_along_and_those_that_may_know_more_are_left_out_of_a_cut) {
  {
    const auto store = open(root);
    ASSERT_TRUE(store);
    fill_small_store(directory.path("other"));
    append_at(**store, "s", "2026-03-01T10:00:00Z", event_numbered(1, "Happened", "{}"));
    append_at(**store, "s", "2026-03-01T10:00:01Z", event_numbered(2, "Happened", "{}"));
    ASSERT_TRUE((*store)->records().put("snapshot", "s", "state"));
    ASSERT_TRUE((*store)->records().put("saga", "transfers", "checkpoint"));
    ASSERT_EQ(backup().code, 0) << "also while they are open";
  }
  const auto record = [&](const char* space, const char* key) {
    const auto store = open(again, {.access = Access::read_only});
    return store ? (*store)->records().get(space, key).value_or("?").value_or("none") : "no store";
  };
  ASSERT_EQ(restore().code, 0);
  EXPECT_EQ(record("snapshot", "s"), "state");
  EXPECT_EQ(record("saga", "transfers"), "checkpoint");
  std::filesystem::remove_all(again);
  ASSERT_EQ(restore({"--until", "p1"}).code, 0);
  EXPECT_EQ(record("snapshot", "s"), "none");
  EXPECT_EQ(record("saga", "transfers"), "checkpoint");
}

TEST_F(BackingUp, a_damaged_backup_is_told_by_verify_and_not_restored) {
  fill_small_store(root);
  ASSERT_EQ(backup().code, 0);
  for (const auto& entry : std::filesystem::directory_iterator(copy + "/log")) {
    auto bytes = file_text(entry.path().string());
    bytes[bytes.find("Bob")] = 'R';
    write_file(entry.path().string(), bytes);
  }
  const auto damaged = shell({"verify", "--dir", copy});
  EXPECT_EQ(damaged.code, 7);
  EXPECT_THAT(damaged.out, HasSubstr("\"layer\":\"backup\",\"ok\":false"));
  EXPECT_EQ(restore().code, 7);
  EXPECT_EQ(shell({"verify", "--dir", again}).code, 3) << "no store was made";
}

// Writers that never pause, compaction beside them, backup after backup into one directory: each restores to a
// beginning of the log, and verify finds nothing.
TEST_F(BackingUp, under_full_load_each_backup_is_a_beginning_of_the_log) {
#if defined(STELE_SANITIZED)
  constexpr int runs = 4;
#else
  constexpr int runs = 8;
#endif
  auto opened = open(root, {.access = Access::read_write, .create = true, .segment_bytes = 256 << 10});
  ASSERT_TRUE(opened);
  auto& store = **opened;
  std::atomic<bool> stop{false};
  const auto write = [&](int writer) {
    for (int i = 0; !stop; ++i) {
      AppendRequest request;
      const auto stream = "w" + std::to_string(writer) + "-" + std::to_string(i % 20);
      request.writes.push_back(
          {stream, {}, {event_numbered(0, "Happened", '"' + std::string(700, 'x') + '"')}});
      request.writes.back().events[0].id = {};
      ASSERT_TRUE(store.append(std::move(request)));
      if (i % 50 == 0) {
        ASSERT_TRUE(store.records().put("snapshot", stream, std::to_string(i)));
      }
      if (i % 200 == 100) {
        ASSERT_TRUE(delete_stream(store, stream));
      }
    }
  };
  std::jthread one(write, 1), two(write, 2);
  ASSERT_TRUE(store.wait_for(Position(50), std::chrono::minutes(1)));
  std::vector<std::uint64_t> reached;
  for (int run = 0; run < runs; ++run) {
    SCOPED_TRACE(run);
    const auto acknowledged = store.head().position;
    const auto done = backup();
    EXPECT_EQ(done.code, 0) << done.err;
    again = directory.path("again-" + std::to_string(run));
    const auto restored = restore();
    EXPECT_EQ(restored.code, 0) << restored.err;
    const auto copy_of = open(again, {.access = Access::read_only});
    ASSERT_TRUE(copy_of);
    reached.push_back((*copy_of)->head().position.value());
    EXPECT_GE(reached.back(), acknowledged.value()) << "what was acknowledged before is in it";
    const auto online = shell({"verify", "--dir", root});
    EXPECT_EQ(online.code, 0) << online.out << online.err;
    if (run % 2 == 1) {
      ASSERT_TRUE(compact(store, {.dry_run = false, .min_gain = 1, .progress = {}}));
    }
    ASSERT_TRUE(store.wait_for(Position(store.head().position.value() + 100), std::chrono::minutes(1)));
  }
  stop = true;
  one.join();
  two.join();
  for (int run = 0; run < runs; ++run) {
    const auto dir = directory.path("again-" + std::to_string(run));
    const auto healthy = shell({"verify", "--dir", dir});
    EXPECT_EQ(healthy.code, 0) << healthy.out << healthy.err;
    // What the store still has of them is in the copy, unchanged and in order; the rest was compacted since.
    const auto now =
        lines_of(events_of(root, "..p" + std::to_string(reached[static_cast<std::size_t>(run)])));
    const auto then = lines_of(events_of(dir));
    EXPECT_GE(then.size(), now.size());
    EXPECT_TRUE(is_part_of(now, then));
  }
}

}  // namespace
}  // namespace stele::cli::test
