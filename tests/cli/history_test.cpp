// Looking through time from the command line: each command on a directory and on a server, which must say the same.
#include "bank/bank.hpp"
#include "server/log.hpp"
#include "shell.hpp"
#include "stele/app.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

NewEvent booked(std::uint8_t number, const std::string& type, const std::string& amount,
                const std::string& what, const std::string& command) {
  auto event = event_numbered(
      number, type, R"({"accountId":"a-1","amount":")" + amount + R"(","description":")" + what + "\"}");
  event.metadata = R"({"userId":"ada","correlationId":"tx-)" + std::to_string(number) + R"(","command":")" +
                   command + "\"}";
  return event;
}

// An account that two withdrawals at once drew below zero, in a directory that a server serves.
class HistoryCommands : public testing::Test {
 protected:
  void SetUp() override {
    server::set_log_level(server::LogLevel::error);
    store = *open(directory.path("store"));
    append_at(*store, "BankAccount-a-1", "2026-03-01T10:00:00Z",
              event_numbered(1, "AccountCreated", R"({"accountId":"a-1","owner":"Ada"})"));
    append_at(*store, "BankAccount-a-1", "2026-03-01T10:10:00Z",
              booked(2, "MoneyDeposited", "100.00", "salary", "DepositMoney"));
    append_at(*store, "BankAccount-a-1", "2026-03-01T10:20:00Z",
              booked(3, "MoneyWithdrawn", "60.00", "rent", "WithdrawMoney"));
    append_at(*store, "BankAccount-a-1", "2026-03-01T10:20:01Z",
              booked(4, "MoneyWithdrawn", "70.00", "a bicycle", "WithdrawMoney"));
    append_at(*store, "BankAccount-b-2", "2026-03-01T11:00:00Z",
              event_numbered(5, "AccountCreated", R"({"accountId":"b-2","owner":"Bob"})"));
    app.aggregates(bank::aggregates());
    ServerOptions options;
    options.port = 0;
    options.grace = std::chrono::milliseconds(200);
    served = *Server::start(*store, &app, options);
    url = "http://127.0.0.1:" + std::to_string(served->port());
  }
  void TearDown() override { served.reset(); }

  // Once on the directory and once on the server.
  Outcome both(std::vector<std::string> words, const std::string& input = "") {
    auto remote = words;
    words.insert(words.end(), {"--dir", directory.path("store")});
    remote.insert(remote.end(), {"--url", url});
    const auto here = shell(words, input);
    const auto there = shell(remote, input);
    EXPECT_EQ(here.out, there.out) << there.err;
    EXPECT_EQ(here.code, there.code) << there.err;
    EXPECT_EQ(here.err, there.err);
    return here;
  }

  TempDirectory directory;
  Shell shell;
  App app{"bank", "1"};
  std::unique_ptr<EventStore> store;
  std::unique_ptr<Server> served;
  std::string url;
};

TEST_F(HistoryCommands, show_knows_every_moment) {
  const auto state = [&](const std::string& as_of) {
    return both({"aggregate", "show", "BankAccount", "a-1", "--as-of", as_of, "--fields", "version,state"})
        .out;
  };
  EXPECT_EQ(state("head"), "{\"version\":3,\"state\":{\"type\":\"Open\",\"balance\":\"-30.00\"}}\n");
  EXPECT_EQ(state("v1"), "{\"version\":1,\"state\":{\"type\":\"Open\",\"balance\":\"100.00\"}}\n");
  EXPECT_EQ(state("2026-03-01T10:05Z"),
            "{\"version\":0,\"state\":{\"type\":\"Open\",\"balance\":\"0.00\"}}\n");
  EXPECT_EQ(state("MoneyWithdrawn -10m"),
            "{\"version\":1,\"state\":{\"type\":\"Open\",\"balance\":\"100.00\"}}\n");
  EXPECT_EQ(state("start"), "{\"version\":null,\"state\":{\"type\":\"Missing\"}}\n");
  const auto whole = both({"aggregate", "show", "BankAccount", "a-1"});
  EXPECT_THAT(whole.out, HasSubstr(R"("of":3,"at":"2026-03-01T10:20:01.000000Z","state":)"));
  EXPECT_THAT(whole.out, HasSubstr(R"("fold":"bank::Account")"));
  EXPECT_EQ(both({"aggregate", "show", "BankAccount", "nobody"}).code, 3);
  EXPECT_EQ(both({"aggregate", "show", "BankAccount", "a-1", "--as-of", "v9"}).code, 3);
}

TEST_F(HistoryCommands, log_diff_and_blame_tell_who_changed_what) {
  const auto log =
      both({"aggregate", "log", "BankAccount", "a-1", "v1..v2", "--fields", "version,change,user"});
  EXPECT_EQ(log.out,
            "{\"version\":1,\"change\":\"balance 0.00 -> 100.00\",\"user\":\"ada\"}\n"
            "{\"version\":2,\"change\":\"balance 100.00 -> 40.00\",\"user\":\"ada\"}\n");
  EXPECT_THAT(both({"aggregate", "log", "BankAccount", "a-1", "-n", "1", "-r"}).out,
              HasSubstr("40.00 -> -30.00"));
  EXPECT_EQ(both({"aggregate", "diff", "BankAccount", "a-1", "v1..v3"}).out,
            "{\"field\":\"balance\",\"before\":\"100.00\",\"after\":\"-30.00\"}\n");
  const auto patch = both({"aggregate", "diff", "BankAccount", "a-1", "v1..", "--patch", "--exit-code"});
  EXPECT_EQ(patch.out, "[{\"op\":\"replace\",\"path\":\"/balance\",\"value\":\"-30.00\"}]\n");
  EXPECT_EQ(patch.code, 7);
  const auto blame =
      both({"aggregate", "blame", "BankAccount", "a-1", "--fields", "field,value,version,user"});
  EXPECT_EQ(blame.out,
            "{\"field\":\"type\",\"value\":\"Open\",\"version\":0,\"user\":\"\"}\n"
            "{\"field\":\"balance\",\"value\":\"-30.00\",\"version\":3,\"user\":\"ada\"}\n");
  const auto story = both({"aggregate", "blame", "BankAccount", "a-1", "--field", "balance", "--as-of", "v2",
                           "--fields", "version,before"});
  EXPECT_EQ(story.out.substr(0, story.out.find('\n')), "{\"version\":2,\"before\":\"100.00\"}");
}

TEST_F(HistoryCommands, debug_stops_where_a_condition_first_holds) {
  const auto stopped = both({"debug", "BankAccount", "a-1", "--until", "balance < 0"});
  EXPECT_EQ(stopped.code, 0) << stopped.err;
  EXPECT_THAT(stopped.out,
              HasSubstr(R"({"version":2,"type":"MoneyWithdrawn","change":"balance 100.00 -> 40.00"})"));
  EXPECT_THAT(
      stopped.out,
      HasSubstr(R"("before":{"type":"Open","balance":"40.00"},"after":{"type":"Open","balance":"-30.00"})"));
  EXPECT_THAT(stopped.out, HasSubstr("a bicycle"));
  const auto text = both({"debug", "BankAccount", "a-1", "--until", "balance < 0", "-o", "table"});
  EXPECT_THAT(
      text.out,
      HasSubstr(" v3 MoneyWithdrawn  2026-03-01T10:20:01.000000Z  ada\n   balance 40.00 -> -30.00\n"));
  EXPECT_THAT(text.out, HasSubstr("   data     {\"accountId\":\"a-1\",\"amount\":\"70.00\""));
  const auto never = both({"debug", "BankAccount", "a-1", "--until", "balance > 1000"});
  EXPECT_EQ(never.code, 3);
  EXPECT_THAT(never.err, HasSubstr("holds at none of 4 events"));
  const auto wrong = both({"debug", "BankAccount", "a-1", "--until", "balance <"});
  EXPECT_THAT(wrong.err, HasSubstr("column 10"));
}

TEST_F(HistoryCommands, debug_steps_forward_and_back_and_says_why) {
  const auto said =
      both({"debug", "BankAccount", "a-1"},
           "n\nn 2\np\ng start\nb balance < 50\nb MoneyDeposited\nrun\nrun\nrun\nrun\nrun\nback\n"
           "s\ne\nc\nwhy balance\nbreaks\nclear\nrun\nfly\nn x\n\nq\nn\n");
  EXPECT_EQ(said.code, 0);
  EXPECT_THAT(said.out, HasSubstr("BankAccount-a-1  v0..v3  by bank::Account"));
  EXPECT_THAT(
      said.out,
      HasSubstr(
          " v0 AccountCreated  2026-03-01T10:00:00.000000Z  \n   type Missing -> Open, balance = 0.00\n"));
  EXPECT_THAT(said.out, HasSubstr("   no stop between here and the end\n"));
  EXPECT_THAT(said.out, HasSubstr("   data     {\"accountId\":\"a-1\",\"amount\":\"60.00\""));
  EXPECT_THAT(said.out, HasSubstr("   stops at type = 'MoneyDeposited'\n"));
  EXPECT_THAT(said.out, HasSubstr("   MoneyWithdrawn v2 of BankAccount-a-1  p3"));
  EXPECT_THAT(said.out, HasSubstr("there is nothing to stop at"));
  EXPECT_THAT(said.out, HasSubstr("there is no `fly` here"));
  EXPECT_THAT(said.out, HasSubstr("`x` is no number of steps"));
  EXPECT_THAT(said.out, HasSubstr(R"({"field":"balance","value":"40.00","before":"100.00","version":2)"));
}

TEST_F(HistoryCommands, bisect_finds_one_and_sweeps_all) {
  const auto one = both(
      {"bisect", "BankAccount", "a-1", "--bad", "balance < 0", "--fields", "version,change,before,after"});
  EXPECT_EQ(one.out,
            "{\"version\":3,\"change\":\"balance 40.00 -> "
            "-30.00\",\"before\":{\"type\":\"Open\",\"balance\":\"40.00\"},"
            "\"after\":{\"type\":\"Open\",\"balance\":\"-30.00\"}}\n");
  EXPECT_THAT(one.err, HasSubstr("searched BankAccount-a-1 v0..v3, complete"));
  const auto all = both({"bisect", "BankAccount", "--bad", "balance < 0", "--fields", "stream,version"});
  EXPECT_EQ(all.out, "{\"stream\":\"BankAccount-a-1\",\"version\":3}\n");
  EXPECT_EQ(all.err, "searched 2 streams of BankAccount, 5 events; found 1, complete\n");
  EXPECT_THAT(both({"bisect", "BankAccount", "--bad", "balance < 0", "--fields", "fold"}).out,
              HasSubstr("bank::Account"));
  const auto odd = both({"bisect", "BankAccount", "--bad", "version = 0", "--fields", "stream"});
  EXPECT_EQ(odd.out, "{\"stream\":\"BankAccount-a-1\"}\n{\"stream\":\"BankAccount-b-2\"}\n");
  const auto some =
      shell({"bisect", "BankAccount", "--bad", "version = 0", "-n", "1", "--fields", "stream", "--url", url});
  EXPECT_EQ(some.out, "{\"stream\":\"BankAccount-a-1\"}\n");
  EXPECT_EQ(some.code, 8) << "there may be more";
  append_at(*store, "BankAccount-z", "2026-03-01T12:00:00Z", event_numbered(6, "Unheard", "{}"));
  const auto unreadable = both({"bisect", "BankAccount", "--bad", "balance < 0", "--fields", "stream"});
  EXPECT_THAT(unreadable.err, HasSubstr("cannot be folded: BankAccount-z: "));
  EXPECT_EQ(unreadable.code, 8);
  EXPECT_EQ(shell({"bisect", "Nobody", "--bad", "true", "--url", url}).code, 3);
  const auto none = both({"bisect", "BankAccount", "a-1", "--bad", "balance > 1000", "--monotone"});
  EXPECT_EQ(none.code, 3);
  EXPECT_EQ(both({"bisect", "BankAccount", "a-1", "--bad", "balance >"}).code,
            both({"bisect", "BankAccount", "--bad", "<"}).code);
}

TEST_F(HistoryCommands, causes_and_find_say_what_was_searched) {
  const auto id = to_string(event_numbered(4, "", "").id);
  const auto causes = both({"causes", id});
  EXPECT_THAT(causes.out, HasSubstr(R"({"depth":0,"asked":true,"event":{"global_position":4)"));
  EXPECT_THAT(causes.err, HasSubstr("searched p4..p5, 2 events, complete; found 1"));
  EXPECT_THAT(both({"causes", id, "-o", "table"}).out, HasSubstr("MoneyWithdrawn v3 of BankAccount-a-1  p4"));
  EXPECT_EQ(both({"causes", "17"}).code, 2);
  const auto found = both({"find", "bicycle", "--fields", "stream_position"});
  EXPECT_EQ(found.out, "{\"stream_position\":3}\n");
  EXPECT_THAT(found.err, HasSubstr("searched p1..p5, 5 events, complete; found 1"));
  EXPECT_EQ(
      both({"find", "--where", "data.amount > 60", "--type", "MoneyWithdrawn", "--fields", "stream_position"})
          .out,
      "{\"stream_position\":3}\n");
  EXPECT_EQ(
      both({"find", "--actor", "ada", "--range", "p3..p4", "-n", "1", "--fields", "stream_position"}).code,
      8);
  EXPECT_EQ(both({"find", "--where", "balance < 0"}).code, 2) << "that is a state";
}

TEST_F(HistoryCommands, what_if_shows_another_history_and_a_bundle_replays_it) {
  const auto dropped = both({"whatif", "BankAccount", "a-1", "--drop", "v3"});
  EXPECT_THAT(dropped.out,
              HasSubstr(R"("difference":[{"field":"balance","before":"-30.00","after":"40.00"}])"));
  EXPECT_EQ(store->head().position, Position(5)) << "nothing is written";
  EXPECT_EQ(both({"whatif", "BankAccount", "a-1"}).code, 2);
  EXPECT_EQ(both({"whatif", "BankAccount", "a-1", "--drop", "3"}).code, 2);
  const auto bundle = directory.path("bundle.stele");
  EXPECT_EQ(shell({"whatif", "BankAccount", "a-1", "--set", R"(v3.amount="10.00")", "--save", bundle, "--dir",
                   directory.path("store")})
                .code,
            0);
  const auto replayed = shell({"replay", bundle});
  EXPECT_EQ(replayed.out,
            "{\"stream\":\"BankAccount-a-1\",\"fold\":\"bank::Account\",\"events\":4,\"identical\":true}\n");
  write_file(bundle, "{}\n");
  EXPECT_NE(shell({"replay", bundle}).code, 0);
  EXPECT_EQ(shell({"replay", directory.path("none")}).code, 3);
}

TEST_F(HistoryCommands, a_moment_becomes_a_test) {
  const auto test = both({"aggregate", "test", "BankAccount", "a-1", "--at", "v3"});
  EXPECT_THAT(test.out, HasSubstr("today's rules decide otherwise"));
  EXPECT_THAT(test.out, HasSubstr("then_refused(told<bank::InsufficientFunds>"));
}

TEST_F(HistoryCommands, a_fold_file_says_what_the_state_is_on_both_sides) {
  const auto file = directory.path("folds.toml");
  write_file(file, "[BankAccount.MoneyWithdrawn]\nadd = { spent = \"$data.amount\" }\n");
  const auto shown =
      both({"aggregate", "show", "BankAccount", "a-1", "--fold", file, "--fields", "state,fold"});
  EXPECT_EQ(shown.out, "{\"state\":{\"spent\":\"130.00\"},\"fold\":\"fold file folds.toml\"}\n");
  EXPECT_EQ(
      both({"bisect", "BankAccount", "--bad", "spent > 100", "--fold", file, "--fields", "version"}).out,
      "{\"version\":3}\n");
  write_file(file, "[BankAccount.MoneyWithdrawn]\nadd = 5\n");
  EXPECT_THAT(both({"aggregate", "show", "BankAccount", "a-1", "--fold", file}).err, HasSubstr("line 2"));
}

TEST_F(HistoryCommands, ls_names_who_folds) {
  EXPECT_THAT(shell({"aggregate", "ls", "--url", url}).out,
              HasSubstr("{\"type\":\"BankAccount\",\"fold\":\"bank::Account\"}\n"));
  EXPECT_THAT(shell({"aggregate", "ls", "--dir", directory.path("store")}).out, HasSubstr("shop::Order"));
  const auto unknown = shell({"aggregate", "show", "BankAccount", "a-1", "--dir", directory.path("nowhere")});
  EXPECT_NE(unknown.code, 0);
}

}  // namespace
}  // namespace stele::cli::test
