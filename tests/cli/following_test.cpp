// following_test.cpp - tail: history, live events, and how it ends.
#include <thread>

#include "shell.hpp"
#include "watched_output.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class Following : public testing::Test {
 protected:
  void SetUp() override { fill_small_store(directory.path("store")); }
  TempDirectory directory;
  Shell shell;
};

TEST_F(Following, ends_by_itself_after_so_many_events) {
  const auto tail = shell({"tail", "--dir", directory.path("store"), "--since", "start", "-n", "2",
                           "--fields", "global_position"});
  EXPECT_EQ(tail.code, 0) << tail.err;
  EXPECT_EQ(tail.out, "{\"global_position\":1}\n{\"global_position\":2}\n");
  EXPECT_EQ(tail.err, "2 events\n");
}

TEST_F(Following, begins_where_it_is_told) {
  const auto first = [&](const std::string& since, const std::string& stream) {
    return shell({"tail", stream, "--dir", directory.path("store"), "--since", since, "-n", "1", "--fields",
                  "global_position"})
        .out;
  };
  EXPECT_EQ(first("p2", "@all"), "{\"global_position\":2}\n");
  EXPECT_EQ(first("-1", "@all"), "{\"global_position\":3}\n");
  EXPECT_EQ(first("v1", "Account-1"), "{\"global_position\":3}\n");
  EXPECT_EQ(first("2026-03-01T11:00Z", "@all"), "{\"global_position\":2}\n");
  EXPECT_EQ(first("-10", "Account-2"), "{\"global_position\":2}\n");
}

TEST_F(Following, position_zero_is_the_beginning_and_a_future_one_is_refused) {
  const auto tail = [&](const std::string& since) {
    return shell({"tail", "@all", "--dir", directory.path("store"), "--since", since, "-n", "1", "--fields",
                  "global_position"});
  };
  EXPECT_EQ(tail("p0").out, "{\"global_position\":1}\n");
  for (const std::string since : {"p5", "p18446744073709551615"}) {
    const auto refused = tail(since);
    EXPECT_NE(refused.code, 0);
    EXPECT_THAT(refused.err, HasSubstr("beyond the end of the log"));
    EXPECT_THAT(refused.err, HasSubstr("3"));
    EXPECT_EQ(refused.out, "");
  }
}

TEST_F(Following, shows_events_of_another_process_as_they_happen_and_ends_with_130) {
  auto writer = open(directory.path("store"));
  ASSERT_TRUE(writer) << writer.error().to_string();
  WatchedOutput buffer;
  std::ostream out(&buffer);
  std::ostringstream err;
  std::istringstream in;
  int code = -1;
  std::thread tailing([&] { code = shell.run({"tail", "--dir", directory.path("store")}, in, out, err); });
  EXPECT_TRUE(buffer.wait_for("\"global_position\":3"));
  append_at(**writer, "Account-1", "2026-03-01T12:00:00Z", event_numbered(9, "Live", "{}"));
  EXPECT_TRUE(buffer.wait_for("\"event_type\":\"Live\""));
  shell.stop.request_stop();
  tailing.join();
  EXPECT_EQ(code, 130);
  EXPECT_EQ(err.str(), "4 events\n");
}

TEST_F(Following, a_stream_that_is_not_there_yet_can_be_waited_for) {
  auto writer = open(directory.path("store"));
  ASSERT_TRUE(writer) << writer.error().to_string();
  WatchedOutput buffer;
  std::ostream out(&buffer);
  std::ostringstream err;
  std::istringstream in;
  std::thread tailing(
      [&] { shell.run({"tail", "New-1", "--dir", directory.path("store"), "-n", "1"}, in, out, err); });
  append_at(**writer, "New-1", "2026-03-01T12:00:00Z", event_numbered(9, "Begun", "{}"));
  EXPECT_TRUE(buffer.wait_for("\"event_type\":\"Begun\""));
  tailing.join();
}

}  // namespace
}  // namespace stele::cli::test
