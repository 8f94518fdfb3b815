// records_test.cpp - keyed records: what they promise after a crash, to many callers, and on bad files.
#include "engine/records/records.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/sqlite.hpp"
#include "store_fixture.hpp"

namespace stele::engine {
namespace {

using stele::test::sanitized;

class RecordsTest : public testing::Test {
 protected:
  RecordsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stele-records-XXXXXX").string();
    dir_ = mkdtemp(pattern.data());
  }
  ~RecordsTest() override { std::filesystem::remove_all(dir_); }

  [[nodiscard]] std::filesystem::path file() const { return dir_ / "records.db"; }
  [[nodiscard]] std::unique_ptr<Records> open(bool read_only = false) const {
    auto opened = open_records(file(), read_only);
    if (!opened) ADD_FAILURE() << opened.error().to_string();
    return opened ? std::move(*opened) : nullptr;
  }
  static std::string value_of(Records& records, std::string_view space, std::string_view key) {
    auto value = records.get(space, key);
    if (!value) return "error: " + value.error().to_string();
    return value->value_or("(none)");
  }

  std::filesystem::path dir_;
};

TEST_F(RecordsTest, a_value_is_found_again_after_reopening) {
  const std::string bytes("\0any\xff bytes", 11);
  ASSERT_TRUE(open()->put("snapshot", "acct-1", bytes));
  const auto again = open();
  EXPECT_EQ(value_of(*again, "snapshot", "acct-1"), bytes);
  EXPECT_EQ(value_of(*again, "snapshot", "acct-2"), "(none)");
  EXPECT_EQ(value_of(*again, "idempotency", "acct-1"), "(none)");
}

TEST_F(RecordsTest, put_replaces_and_insert_does_not) {
  const auto records = open();
  ASSERT_TRUE(records->put("s", "k", "one"));
  ASSERT_TRUE(records->put("s", "k", "two"));
  EXPECT_EQ(value_of(*records, "s", "k"), "two");
  EXPECT_EQ(records->insert("s", "k", "three").value(), false);
  EXPECT_EQ(value_of(*records, "s", "k"), "two");
  EXPECT_EQ(records->insert("s", "new", "").value(), true);
  EXPECT_EQ(value_of(*records, "s", "new"), "");
}

TEST_F(RecordsTest, erased_keys_are_gone_and_erasing_nothing_is_no_error) {
  const auto records = open();
  ASSERT_TRUE(records->put("s", "k", "v"));
  ASSERT_TRUE(records->erase("s", "k"));
  ASSERT_TRUE(records->erase("s", "k"));
  EXPECT_EQ(value_of(*records, "s", "k"), "(none)");
}

TEST_F(RecordsTest, only_what_is_older_than_the_bound_is_forgotten_and_only_in_its_space) {
  const auto records = open();
  ASSERT_TRUE(records->put("idempotency", "a", "1"));
  ASSERT_TRUE(records->put("idempotency", "b", "2"));
  ASSERT_TRUE(records->put("snapshot", "a", "3"));
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  EXPECT_EQ(records->erase_older("idempotency", now - std::chrono::hours(1)).value(), 0u);
  EXPECT_EQ(records->erase_older("idempotency", now + std::chrono::hours(1)).value(), 2u);
  EXPECT_EQ(value_of(*records, "idempotency", "a"), "(none)");
  EXPECT_EQ(value_of(*records, "snapshot", "a"), "3");
}

TEST_F(RecordsTest, of_many_threads_inserting_one_key_exactly_one_wins) {
  const auto records = open();
  std::atomic<int> winners = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&, i] {
      auto inserted = records->insert("s", "the key", std::to_string(i));
      ASSERT_TRUE(inserted) << inserted.error().to_string();
      if (*inserted) ++winners;
    });
  threads.clear();
  EXPECT_EQ(winners, 1);
}

TEST_F(RecordsTest, every_writer_reads_what_it_wrote_while_others_write) {
  const auto records = open();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string key = std::to_string(t) + "/" + std::to_string(i);
        ASSERT_TRUE(records->put("s", key, key));
        ASSERT_EQ(value_of(*records, "s", key), key);
      }
    });
  threads.clear();
  EXPECT_EQ(records->erase_older("s", Timestamp::max()).value(), 400u);
}

TEST_F(RecordsTest, what_a_killed_process_had_put_is_there) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto records = open_records(file(), false);
    for (char i = 0; records; ++i) {
      if (!(*records)->put("s", std::to_string(i), "v")) _exit(1);
      if (write(pipe_ends[1], &i, 1) != 1) _exit(1);
    }
    _exit(1);
  }
  char acknowledged = 0;
  while (acknowledged < 20) ASSERT_EQ(read(pipe_ends[0], &acknowledged, 1), 1);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  const auto records = open();
  for (int i = 0; i <= acknowledged; ++i) EXPECT_EQ(value_of(*records, "s", std::to_string(i)), "v") << i;
}

TEST_F(RecordsTest, a_reader_beside_the_writer_sees_its_changes_and_may_not_write) {
  const auto reader = open(true);  // before there is a file
  EXPECT_EQ(value_of(*reader, "s", "k"), "(none)");
  EXPECT_FALSE(std::filesystem::exists(file()));
  const auto writer = open();
  ASSERT_TRUE(writer->put("s", "k", "1"));
  EXPECT_EQ(value_of(*reader, "s", "k"), "1");
  ASSERT_TRUE(writer->put("s", "k", "2"));
  EXPECT_EQ(value_of(*reader, "s", "k"), "2");
  const auto refused = reader->put("s", "k", "3");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::read_only);
  EXPECT_EQ(value_of(*reader, "s", "k"), "2");
}

TEST_F(RecordsTest, a_file_that_is_no_database_is_corrupt_and_named) {
  std::ofstream(file()) << std::string(4096, 'x');
  for (const bool read_only : {false, true}) {
    const auto opened = open_records(file(), read_only);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind(), errc::corrupt);
    EXPECT_EQ(opened.error().fact("path"), file().string());
    EXPECT_FALSE(opened.error().help().empty());
  }
}

TEST_F(RecordsTest, a_damaged_page_is_reported_and_not_returned) {
  {
    const auto records = open();
    for (int i = 0; i < 400; ++i) ASSERT_TRUE(records->put("s", std::to_string(i), std::string(200, 'v')));
  }
  {
    std::fstream damage(file(), std::ios::in | std::ios::out | std::ios::binary);
    damage.seekp(0, std::ios::end);
    const auto size = static_cast<long>(damage.tellp());
    ASSERT_GT(size, 8 * 4096);
    for (long at = 4096; at < size; at += 4096) {
      damage.seekp(at);
      damage << std::string(64, '\xee');
    }
  }
  auto records = open_records(file(), true);
  const auto got = records ? (*records)->get("s", "7") : result<std::optional<std::string>>(records.error());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind(), errc::corrupt);
}

TEST_F(RecordsTest, a_missing_folder_is_an_error_with_the_path) {
  const auto opened = open_records(dir_ / "no" / "such" / "records.db", false);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind(), errc::not_found);
  EXPECT_NE(opened.error().message().find("no/such/records.db"), std::string::npos);
}

TEST_F(RecordsTest, a_value_that_the_disk_changed_is_told_and_never_given) {
  ASSERT_TRUE(open()->put("snapshot", "acct-1", "balance 4820.50"));
  ASSERT_TRUE(open()->put("snapshot", "acct-2", "balance 1.00"));
  std::string bytes;
  {
    std::ifstream in(file(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  bytes[bytes.find("4820.50")] = '9';
  std::ofstream(file(), std::ios::binary) << bytes;
  const auto records = open(true);
  const auto damaged = records->get("snapshot", "acct-1");
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind(), errc::corrupt);
  EXPECT_EQ(value_of(*records, "snapshot", "acct-2"), "balance 1.00");
  const auto checked = check_records(file());
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->records, 2u);
  ASSERT_EQ(checked->findings.size(), 1u);
  EXPECT_NE(checked->findings.front().find("acct-1"), std::string::npos);
}

// SQLite's description of the tables has no checksum of its own: a table of another name would be one without records.
TEST_F(RecordsTest, whatever_byte_of_the_first_page_is_changed_a_record_is_right_or_damage_is_told) {
  ASSERT_TRUE(open()->put("snapshot", "acct-1", "balance 4820.50"));
  std::string bytes;
  {
    std::ifstream in(file(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::uint64_t told = 0;
  for (std::size_t at = 0; at < 4096; at += sanitized ? 7 : 1) {
    if (bytes[at] == 0) continue;
    auto changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    std::ofstream(file(), std::ios::binary) << changed;
    const auto checked = check_records(file());
    const bool found = !checked || !checked->findings.empty();
    told += found;
    const auto records = open_records(file(), true);
    const auto value = records ? (*records)->get("snapshot", "acct-1") : records.error();
    if (value) {
      ASSERT_TRUE(found || *value == "balance 4820.50") << "byte " << at;
      ASSERT_TRUE(!*value || **value == "balance 4820.50") << "byte " << at;
    }
  }
  EXPECT_GT(told, sanitized ? 40u : 300u);
}

TEST_F(RecordsTest, tables_that_are_not_its_own_are_refused_and_left_alone) {
  {
    auto db = sqlite::Connection::open(file().string(), sqlite::Mode::read_write);
    ASSERT_TRUE(db);
    ASSERT_TRUE(db->run("CREATE TABLE balances(account TEXT)"));
  }
  for (const bool read_only : {true, false}) {
    const auto refused = open_records(file(), read_only);
    const auto got = refused ? (*refused)->get("s", "k") : refused.error();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::corrupt);
    EXPECT_NE(got.error().message().find("records.db"), std::string::npos);
  }
  EXPECT_EQ(check_records(file())->findings.size(), 1u);
}

TEST_F(RecordsTest, what_sqlite_gathered_about_the_tables_is_in_nobodys_way) {
  ASSERT_TRUE(open()->put("s", "k", "value"));
  ASSERT_TRUE(sqlite::Connection::open(file().string(), sqlite::Mode::read_write)->run("ANALYZE"));
  EXPECT_EQ(value_of(*open(), "s", "k"), "value");
  EXPECT_TRUE(check_records(file())->findings.empty());
}

TEST_F(RecordsTest, a_file_of_before_there_were_checksums_is_read_and_gets_them) {
  {
    auto db = sqlite::Connection::open(file().string(), sqlite::Mode::read_write);
    ASSERT_TRUE(db);
    ASSERT_TRUE(
        db->run("CREATE TABLE records(space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
                " written INTEGER NOT NULL, PRIMARY KEY(space, key));"
                "INSERT INTO records VALUES('s', 'old', x'6f6c64', 1)"));
  }
  EXPECT_EQ(value_of(*open(true), "s", "old"), "old");
  EXPECT_TRUE(check_records(file())->findings.empty());
  const auto records = open();
  EXPECT_EQ(value_of(*records, "s", "old"), "old");
  ASSERT_TRUE(records->put("s", "new", "value"));
  EXPECT_EQ(value_of(*records, "s", "new"), "value");
  EXPECT_TRUE(check_records(file())->findings.empty());
}

}  // namespace
}  // namespace stele::engine
