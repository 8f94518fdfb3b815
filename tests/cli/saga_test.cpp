// saga_test.cpp - `stele saga` against a server in this process, and `stele schema` on a directory.
#include "stele/saga.hpp"
#include "shell.hpp"
#include "stele/app.hpp"
#include "stele/decider.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

struct Ordered {
  std::string order;
};
STELE_EVENT(Ordered, 1, order);

// Reminds of an order, unless it has to think.
struct Reminder {
  static constexpr std::string_view name = "Reminder";
  using Reacts = events<Ordered>;
  using Reaction = reaction<>;
  static inline std::atomic<bool> thinks = false;
  static std::string route(const Ordered& e) { return e.order; }
  struct State {};
  static Reaction on(const Ordered&, const State&) {
    if (thinks) throw std::runtime_error("wait a moment");
    return Reaction().schedule("remind", std::chrono::hours(500'000));  // not while this is tested
  }
};
static_assert(saga<Reminder>);

class SagaCommands : public testing::Test {
 protected:
  void SetUp() override {
    Reminder::thinks = true;
    store = *open(directory.path("store"));
    runner = run_saga<Reminder>(*store, {.tries = 1});
    app.saga(*runner);
    ServerOptions options;
    options.port = 0;
    options.grace = std::chrono::milliseconds(200);
    server = *Server::start(*store, &app, options);
    shell.environment["STELE_URL"] = "http://127.0.0.1:" + std::to_string(server->port());
    append_at(*store, "Order-o 1", "2026-03-01T10:00:00Z",
              event_numbered(1, "Ordered", R"({"order":"o 1"})"));
    ASSERT_TRUE(runner->settle(std::chrono::minutes(1)));
  }
  void TearDown() override {
    server.reset();
    runner.reset();
  }

  TempDirectory directory;
  Shell shell;
  App app{"orders", "1"};
  std::unique_ptr<EventStore> store;
  std::unique_ptr<SagaRunner> runner;
  std::unique_ptr<Server> server;
};

TEST_F(SagaCommands, ls_has_a_record_for_each_saga) {
  const auto said = shell({"saga", "ls", "--fields", "name,running,stuck,timers"});
  EXPECT_EQ(said.out, "{\"name\":\"Reminder\",\"running\":true,\"stuck\":1,\"timers\":0}\n") << said.err;
  EXPECT_EQ(said.code, 0);
}

TEST_F(SagaCommands, what_is_stuck_is_shown_and_tried_again) {
  const auto shown = shell({"saga", "show", "Reminder", "--fields", "instance,stuck,what"});
  EXPECT_EQ(shown.out, "{\"instance\":\"o 1\",\"stuck\":true,\"what\":\"Ordered\"}\n") << shown.err;
  EXPECT_THAT(shell({"saga", "show", "Reminder"}).out, HasSubstr("wait a moment"));
  Reminder::thinks = false;
  EXPECT_EQ(shell({"saga", "retry", "Reminder", "o 1"}).code, 0);
  ASSERT_TRUE(runner->settle(std::chrono::minutes(1)));
  EXPECT_EQ(shell({"saga", "show", "Reminder"}).out, "");
  EXPECT_THAT(shell({"saga", "show", "Reminder", "--timers"}).out, HasSubstr(R"("timer":"remind")"));
}

TEST_F(SagaCommands, what_is_stuck_can_be_given_up) {
  EXPECT_THAT(shell({"saga", "skip", "Reminder", "o 1"}).out, HasSubstr(R"("done":"skip")"));
  EXPECT_EQ(shell({"saga", "show", "Reminder"}).out, "");
  EXPECT_EQ(shell({"saga", "retry", "Reminder", "o 1"}).code, 3) << "it is not in trouble any more";
  EXPECT_EQ(shell({"saga", "show", "Nobody"}).code, 3);
}

TEST_F(SagaCommands, a_directory_has_no_sagas) {
  shell.environment.clear();
  const auto said = shell({"saga", "ls", "--dir", directory.path("store")});
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.err, HasSubstr("--url"));
}

TEST(SchemaCommands, the_bundled_applications_are_replayed_over_a_directory) {
  TempDirectory directory;
  Shell shell;
  const auto dir = directory.path("store");
  const auto append = [&](const std::string& stream, const std::string& type, const std::string& data) {
    EXPECT_EQ(shell({"append", stream, type, "--data", data, "--dir", dir}).code, 0);
  };
  append("BankAccount-1", "AccountCreated", R"({"accountId":"1","owner":"Ada"})");
  const auto good = shell({"schema", "check", "--dir", dir});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_EQ(good.out, "");
  EXPECT_THAT(good.err, HasSubstr("0 problems in 1 events of 1 streams"));
  append("BankAccount-1", "MoneyDeposited", R"({"accountId":"1","amount":"ten","description":""})");
  const auto bad = shell({"schema", "check", "--dir", dir, "--fields", "stream,version,position,type"});
  EXPECT_EQ(bad.code, 7);
  EXPECT_EQ(bad.out,
            "{\"stream\":\"BankAccount-1\",\"version\":1,\"position\":2,\"type\":\"MoneyDeposited\"}\n");
}

TEST(SchemaCommands, digests_are_written_and_compared_and_the_vocabulary_printed) {
  TempDirectory directory;
  Shell shell;
  const auto dir = directory.path("store");
  const auto file = directory.path("states.txt");
  EXPECT_EQ(shell({"append", "BankAccount-1", "AccountCreated", "--data",
                   R"({"accountId":"1","owner":"Ada"})", "--dir", dir})
                .code,
            0);
  EXPECT_THAT(shell({"schema", "digests", file, "--dir", dir}).out, HasSubstr(R"("digests":1)"));
  EXPECT_THAT(shell({"schema", "check", "--dir", dir, "--digests", file}).err,
              HasSubstr("1 states compared"));
  write_file(file, "0 aaaa BankAccount-1\n");
  EXPECT_EQ(shell({"schema", "check", "--dir", dir, "--digests", file}).code, 7);
  EXPECT_THAT(shell({"schema", "print"}).out, HasSubstr("facts   MoneyDeposited/1"));
  EXPECT_EQ(shell({"schema", "check"}).code, 2);
}

}  // namespace
}  // namespace stele::cli::test
