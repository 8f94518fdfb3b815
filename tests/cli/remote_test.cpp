// remote_test.cpp - the same words with --url against a server in this process say the same as with --dir.
#include <thread>

#include "shell.hpp"
#include "stele/app.hpp"
#include "watched_output.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class Remote : public testing::Test {
 protected:
  void SetUp() override {
    fill_small_store(directory.path("store"));
    serve(0);
  }
  void TearDown() override { stop_serving(); }

  void serve(std::uint16_t port) {
    auto opened = open(directory.path("store"));
    ASSERT_TRUE(opened) << opened.error().to_string();
    store = *std::move(opened);
    auto started = Server::start(
        *store, nullptr, {.port = port, .grace = std::chrono::milliseconds(200), .log_requests = false});
    ASSERT_TRUE(started) << started.error().to_string();
    server = *std::move(started);
    shell.environment["STELE_URL"] = "http://127.0.0.1:" + std::to_string(server->port());
  }
  void stop_serving() {
    if (server) server->stop();
    server.reset();
    store.reset();
  }
  // The words against the server and against its directory, which a follower reads beside it.
  void expect_same(std::vector<std::string> words) {
    const auto remote = shell(words);
    words.insert(words.end(), {"--dir", directory.path("store")});
    const auto local = shell(words);
    EXPECT_EQ(remote.out, local.out) << testing::PrintToString(words) << remote.err;
    EXPECT_EQ(remote.code, local.code) << testing::PrintToString(words) << remote.err;
  }

  TempDirectory directory;
  Shell shell;
  std::unique_ptr<EventStore> store;
  std::unique_ptr<Server> server;
};

TEST_F(Remote, reading_says_the_same_as_on_the_directory) {
  const std::vector<std::vector<std::string>> ranges{{"@all"},
                                                     {"Account-1"},
                                                     {"@all", "p2.."},
                                                     {"@all", "..p2"},
                                                     {"@all", "-2"},
                                                     {"@all", "-r", "-n", "2"},
                                                     {"Account-1", "v1.."},
                                                     {"Account-1", "..v0"},
                                                     {"Account-1", "-1"},
                                                     {"@all", "--type", "Opened"},
                                                     {"@all", "--category", "Account", "-n", "1"},
                                                     {"@all", "2026-03-01T11:00Z.."},
                                                     {"@all", "..2026-03-01T11:00Z"},
                                                     {"@all", "-90m..-30m"},
                                                     {"Account-1", "v0..v0", "-r"},
                                                     {"@all", "..2020-01-01"},
                                                     {"@all", "2030-01-01.."},
                                                     {"@all", "head"}};
  for (auto words : ranges) {
    words.insert(words.begin(), "read");
    expect_same(words);
  }
}

TEST_F(Remote, streams_are_the_same) {
  expect_same({"stream", "ls"});
  expect_same({"stream", "ls", "Account-2"});
  expect_same({"stream", "ls", "-n", "1"});
  expect_same({"stream", "info", "Account-1"});
  EXPECT_EQ(shell({"stream", "info", "Account-9"}).code, 3);
  EXPECT_EQ(shell({"read", "Account-9"}).code, 3);
}

TEST_F(Remote, an_append_is_answered_and_a_conflict_tells_what_happened_since) {
  const auto appended = shell({"append", "Account 3/ä", "Opened", "--data", "{ \"n\": 1.10 }", "--expect",
                               "none", "--fields", "version,position"});
  EXPECT_EQ(appended.out, "{\"version\":0,\"position\":4}\n") << appended.err;
  EXPECT_EQ(shell({"read", "Account 3/ä", "--fields", "data"}).out, "{\"data\":{ \"n\": 1.10 }}\n");
  const auto conflict = shell({"append", "Account-1", "Deposited", "--expect", "v0"});
  EXPECT_EQ(conflict.code, 5);
  EXPECT_THAT(conflict.err, HasSubstr("v1 Deposited"));
}

TEST_F(Remote, bytes_that_are_no_json_arrive_unchanged) {
  write_file(directory.path("bytes"), std::string("\0\xff\n", 3));
  const auto appended = shell({"append", "Bin-1", "Blob", "--data", "@" + directory.path("bytes"),
                               "--content-type", "application/octet-stream"});
  ASSERT_EQ(appended.code, 0) << appended.err;
  EXPECT_THAT(shell({"read", "Bin-1"}).out, HasSubstr("\"data_base64\":\"AP8K\""));
}

TEST_F(Remote, an_export_is_the_same_and_can_be_imported_through_a_server) {
  const auto text = shell({"export", "--to", "jsonl"});
  expect_same({"export", "--to", "jsonl"});
  const auto again = shell({"import", "--from", "jsonl", "-"}, text.out);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out, "{\"imported\":0,\"already_there\":3,\"rejected\":0}\n");
  auto later = text.out;
  for (auto at = later.find("-0000000000"); at != std::string::npos; at = later.find("-0000000000", at + 1))
    later[at + 1] = '9';
  for (auto at = later.find("2026-03-01"); at != std::string::npos; at = later.find("2026-03-01", at + 1))
    later[at + 9] = '5';
  const auto imported = shell({"import", "--from", "jsonl", "-"}, later);
  EXPECT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(imported.out, "{\"imported\":3,\"already_there\":0,\"rejected\":0}\n");
  EXPECT_THAT(shell({"read", "@all", "head"}).out, HasSubstr("2026-03-05T11:59:00.000000Z"));
}

TEST_F(Remote, tail_goes_on_after_the_server_has_come_back) {
  WatchedOutput buffer;
  std::ostream out(&buffer);
  std::ostringstream err;
  std::istringstream in;
  int code = -1;
  std::thread tailing([&] { code = shell.run({"tail"}, in, out, err); });
  EXPECT_TRUE(buffer.wait_for("\"global_position\":3"));
  append_at(*store, "Account-1", "2026-03-01T12:00:00Z", event_numbered(8, "BeforeRestart", "{}"));
  EXPECT_TRUE(buffer.wait_for("BeforeRestart"));
  const auto port = server->port();
  stop_serving();
  serve(port);
  append_at(*store, "Account-1", "2026-03-01T12:01:00Z", event_numbered(9, "AfterRestart", "{}"));
  EXPECT_TRUE(buffer.wait_for("AfterRestart"));
  shell.stop.request_stop();
  tailing.join();
  EXPECT_EQ(code, 130);
  EXPECT_EQ(err.str(), "5 events\n");
}

TEST_F(Remote, a_server_that_is_not_there_exits_6_and_says_how_to_start_one) {
  stop_serving();
  const auto gone = shell({"read", "@all"});
  EXPECT_EQ(gone.code, 6);
  EXPECT_THAT(gone.err, HasSubstr("cannot talk to http://127.0.0.1:"));
  EXPECT_THAT(gone.err, HasSubstr("stele serve"));
}

TEST_F(Remote, an_address_that_is_none_is_a_usage_error) {
  EXPECT_EQ(shell({"read", "@all", "--url", "127.0.0.1:2113"}).code, 2);
}

TEST_F(Remote, bench_measures_a_server) {
  const auto bench = shell(
      {"bench", "append", "--url", shell.environment["STELE_URL"], "--duration", "0.1", "--writers", "2"});
  EXPECT_EQ(bench.code, 0) << bench.err;
  EXPECT_THAT(bench.out, HasSubstr("\"writers\":2,\"batch\":1,\"form\":\"blocking\""));
  const auto read = shell({"bench", "read", "--url", shell.environment["STELE_URL"]});
  EXPECT_EQ(read.code, 0) << read.err;
  EXPECT_THAT(read.out, HasSubstr("replay over HTTP"));
}

TEST_F(Remote, serve_announces_its_port_and_ends_with_0_when_asked) {
  stop_serving();
  WatchedOutput buffer;
  std::ostream out(&buffer);
  std::ostringstream err;
  std::istringstream in;
  int code = -1;
  std::thread serving([&] {
    code = shell.run({"serve", "--dir", directory.path("store"), "--listen", "127.0.0.1:0"}, in, out, err);
  });
  EXPECT_TRUE(buffer.wait_for("\"position\":3}"));
  EXPECT_TRUE(buffer.wait_for("{\"url\":\"http://127.0.0.1:"));
  shell.stop.request_stop();
  serving.join();
  EXPECT_EQ(code, 0) << err.str();
}

TEST_F(Remote, an_address_that_others_reach_is_refused_unless_asked_for) {
  stop_serving();
  const auto refused = shell({"serve", "--dir", directory.path("store"), "--listen", "0.0.0.0:0"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.err, HasSubstr("allow-insecure"));
}

TEST_F(Remote, a_condition_is_checked_by_the_server) {
  const std::vector<std::string> book{
      "append", "Seat-1", "Booked", "--tag", "seat:1A", "--if-no", "type=Booked tag=seat:1A"};
  EXPECT_EQ(shell(book).code, 0);
  const auto conflict = shell(book);
  EXPECT_EQ(conflict.code, 5);
  EXPECT_THAT(conflict.err, HasSubstr("position"));
  EXPECT_THAT(conflict.err, HasSubstr("Booked"));
}

}  // namespace
}  // namespace stele::cli::test
