// connection_test.cpp - what targets do when the connection, or the server, goes: at every message of a conversation,
// before the server has seen it and before its answer is through; and when it comes back with less than it had.
#include <gtest/gtest.h>

#include <string>

#include "projection/apply.hpp"
#include "projection/memory_store.hpp"
#include "targets/cutting_proxy.hpp"
#include "targets/log_of.hpp"
#include "targets/stores.hpp"

namespace stele::test {
namespace {

class Connections : public testing::TestWithParam<const char*> {
 protected:
  Store& store() { return store_named(GetParam()); }
  static Spec spec(int version = 1) {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    name = name.substr(0, std::min<std::size_t>(name.find('/'), 30));
    return {.name = name, .version = version};
  }
  Model shown(ProjectionTarget& target) {
    auto looked = store().show(target, Log::streams());
    if (!looked) ADD_FAILURE() << looked.error().to_string();
    return looked.value_or(Shown{}).rows;
  }
};

// Until it is through, as a runner would: trouble of the connection is waited out, everything else is a failure.
// Answers the keys that were reported as changed.
result<std::vector<std::string>> persist(ProjectionTarget& target, Checkpoint& at,
                                         std::span<const EventView> events) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (std::chrono::steady_clock::now() < until) {
    auto applied = projection::apply_batch(target, at, events, events.back().position);
    if (applied) {
      at = applied->now;
      return applied->changed;
    }
    if (applied.error().why.kind() != errc::unavailable) return applied.error().why;
    EXPECT_FALSE(applied.error().why.message().empty());
  }
  return Error(errc::timeout, "every connection was lost for a minute");
}

TEST_P(Connections, that_end_at_any_message_neither_lose_nor_double_a_batch) {
  constexpr std::size_t batch = 4;
  Log log;
  for (std::size_t i = 0; i < 2 * batch; ++i)
    log.add("s-" + std::to_string(i % 3), i % 2 ? "Added" : "Ordered", "7");
  CuttingProxy proxy(store().server()->port());
  int cuts = 0;
  bool reached = true;
  for (std::int64_t message = 1; reached; ++message) {
    reached = false;
    for (const Cut what : {Cut::request, Cut::answer}) {
      SCOPED_TRACE("cut at message " + std::to_string(message) + (what == Cut::answer ? ", its answer" : ""));
      Spec through = spec();
      through.port = proxy.port();
      auto target = store().open(through);
      ASSERT_TRUE(target) << target.error().to_string();
      ASSERT_TRUE((*target)->reset());
      ASSERT_TRUE((*target)->lease()->take());
      Checkpoint at;
      proxy.cut_at(message, what);
      for (std::size_t i = 0; i < log.size(); i += batch) {
        const auto changed = persist(**target, at, log.views(i, batch));
        ASSERT_TRUE(changed) << changed.error().to_string();
        EXPECT_EQ(*changed, (std::vector<std::string>{"s-0", "s-1", "s-2"}))
            << "reported, lost answer or not";
      }
      proxy.let_be();
      EXPECT_EQ(shown(**target), log.by_hand(log.size()));
      EXPECT_EQ((*target)->checkpoint()->position, log.last(log.size()));
      (*target)->lease()->release();
      if (proxy.has_cut()) {
        reached = true;
        ++cuts;
      }
    }
    ASSERT_LT(message, 200);
  }
  EXPECT_GE(cuts, 4) << "each batch is at least one message";
}

TEST_P(Connections, that_end_while_it_is_opened_are_said_and_leave_nothing_in_the_way) {
  CuttingProxy proxy(store().server()->port());
  int refused = 0;
  for (std::int64_t message = 1;; ++message) {
    Spec through = spec();
    through.port = proxy.port();
    through.version = static_cast<int>(message);
    proxy.cut_at(message, Cut::request);
    const auto target = store().open(through);
    const bool cut = proxy.has_cut();
    proxy.let_be();
    if (!target) {
      ++refused;
      EXPECT_EQ(target.error().kind(), errc::unavailable) << target.error().to_string();
    }
    const auto again = store().open(through);
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_EQ((*again)->checkpoint().value(), Checkpoint{});
    EXPECT_EQ(shown(**again), Model{});
    if (!cut) break;
    ASSERT_LT(message, 100);
  }
  EXPECT_GE(refused, 1);
}

TEST_P(Connections, of_readers_that_the_server_has_closed_are_made_again) {
  const Log log(20);
  CuttingProxy proxy(store().server()->port());
  Spec through = spec();
  through.port = proxy.port();
  const auto target = store().open(through);
  ASSERT_TRUE(target);
  Checkpoint at;
  ASSERT_TRUE(persist(**target, at, log.views(0, 20)));
  EXPECT_EQ(shown(**target), log.by_hand(20));
  proxy.cut_at(1, Cut::request);  // of the connection that is kept for readers
  const auto looked = store().show(**target, Log::streams());
  if (std::string_view(GetParam()) != "memcached") {
    ASSERT_TRUE(looked) << looked.error().to_string();
    EXPECT_EQ(looked->rows, log.by_hand(20));
  }
  EXPECT_TRUE(proxy.has_cut());
  EXPECT_EQ(shown(**target), log.by_hand(20));
}

Position add_numbers(MemoryStore& into, int count) {
  Position last;
  for (int i = 0; i < count; ++i) {
    NewEvent event;
    event.type = "Added";
    event.data = std::to_string(i);
    AppendRequest request;
    request.writes.push_back({"s-" + std::to_string(i % 5), {}, {std::move(event)}});
    last = into.append(std::move(request))->last;
  }
  return last;
}

Model model_of(MemoryStore& from) {
  Model model;
  const auto cursor = from.read({});
  const auto events = (*cursor)->next_batch(100'000);
  for (const EventView& event : *events) keep(model, event);
  return model;
}

// It is waited for until the projection has felt it: that it retries, or that it has failed.
ProjectionStatus felt(const Runner& runner) {
  ProjectionStatus status = runner.status();
  while (status.state != ProjectionState::retrying && status.state != ProjectionState::failed) {
    std::this_thread::yield();
    status = runner.status();
  }
  return status;
}

TEST_P(Connections, to_a_server_that_is_killed_and_started_again_are_waited_for) {
  if (std::string_view(GetParam()) ==
      "mariadb") {  // files that were never closed since they were made do not recover
    store().server()->stop(SIGTERM);
    store().server()->start();
  }
  MemoryStore events;
  const auto target = store().open(spec());
  ASSERT_TRUE(target) << target.error().to_string();
  Runner runner(events, *target,
                {.batch = 8,
                 .first_pause = std::chrono::microseconds(500),
                 .longest_pause = std::chrono::microseconds(20'000)});
  runner.start();
  ASSERT_TRUE(runner.wait(add_numbers(events, 50), std::chrono::minutes(1)));
  store().server()->stop(SIGKILL);
  const Position end = add_numbers(events, 50);
  EXPECT_NE(felt(runner).reason.find("unavailable"), std::string::npos) << runner.status().reason;
  store().server()->start();
  auto reached = runner.wait(end, std::chrono::minutes(1));
  if (store().forgets()) {
    ASSERT_FALSE(reached) << "what was forgotten is not passed over";
    EXPECT_NE(reached.error().message().find("forgotten"), std::string::npos) << reached.error().to_string();
    runner.start();
    reached = runner.wait(end, std::chrono::minutes(1));
  }
  ASSERT_TRUE(reached) << runner.status().reason;
  EXPECT_EQ(shown(**target), model_of(events));
}

// Takes the checkpoint away, as nothing of stele does.
void wreck(Store& store, std::string_view which, const std::string& space) {
  if (store.forgets()) {
    store.server()->stop(SIGTERM);
    store.server()->start();
    return;
  }
  const bool postgres = which == "postgres";
  const std::string sql = postgres ? "DELETE FROM \"" + space + "\".stele_checkpoint"
                                   : "DELETE FROM `" + space + "`.stele_checkpoint";
  const ServerProjection wrecker{.name = "wrecker",
                                 .version = 1,
                                 .schema = "CREATE TABLE w(id BIGINT)",
                                 .events = Query::all(),
                                 .project = [sql](ServerModel& model, const EventView&) -> result<void> {
                                   STELE_CHECK(model.run(sql, {}));
                                   return {};
                                 }};
  const std::uint16_t port = store.server()->port();
  auto target = postgres ? ServerTarget::open(postgres_at(port), wrecker)
                         : ServerTarget::open(mariadb_at(port), wrecker);
  ASSERT_TRUE(target) << target.error().to_string();
  const Log log(1);
  Checkpoint at;
  ASSERT_TRUE((*target)->reset());
  ASSERT_TRUE(persist(**target, at, log.views(0, 1)));
}

TEST_P(Connections, of_a_standby_leave_a_damaged_model_to_the_one_that_has_the_lease) {
  if (std::string_view(GetParam()) == "redis") GTEST_SKIP() << "what is not there is an empty model";
  const auto holder = store().open(spec());
  const auto standby = store().open(spec());
  ASSERT_TRUE(holder && standby);
  ASSERT_TRUE((*holder)->lease()->take());
  EXPECT_EQ((*standby)->lease()->take().error().kind(), errc::busy);
  EXPECT_TRUE((*standby)->checkpoint()) << "to look is nobody's privilege";
  wreck(store(), GetParam(), spec().name + "-v1");
  if (store().forgets()) {  // the lease as well: who asks first has it
    (*holder)->lease()->release();
    while (!(*holder)->lease()->take()) std::this_thread::yield();
    while (true) {
      const auto taken = (*standby)->lease()->take();
      if (!taken && taken.error().kind() == errc::busy) break;
      ASSERT_FALSE(taken);
    }
  }
  const auto seen = (*standby)->checkpoint();
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind(), errc::unavailable) << seen.error().to_string();
  const auto mended = (*holder)->checkpoint();
  ASSERT_TRUE(mended) << mended.error().to_string();
  EXPECT_TRUE((*standby)->checkpoint());
  (*holder)->lease()->release();
}

INSTANTIATE_TEST_SUITE_P(On, Connections, testing::Values("postgres", "mariadb", "redis", "memcached"),
                         [](const auto& one) { return std::string(one.param); });

// ---- Told apart: what kind of trouble it is

TEST(Refusals, nobody_at_the_address_is_unavailable_postgres) {
  // The port was free a moment ago and nobody has been told of it.
  std::uint16_t closed = 0;
  {
    const CuttingProxy gone(1);
    closed = gone.port();
  }
  const Spec nobody{.name = "nobody", .port = closed};
  for (const char* name : {"postgres", "mariadb", "redis", "memcached"}) {
    const auto target = store_named(name).open(nobody);
    ASSERT_FALSE(target) << name;
    EXPECT_EQ(target.error().kind(), errc::unavailable) << name << ": " << target.error().to_string();
  }
}

TEST(Refusals, a_database_or_role_that_does_not_exist_is_not_found_in_postgres) {
  ServerProjection projection{.name = "p",
                              .version = 1,
                              .schema = "CREATE TABLE t(id BIGINT)",
                              .events = Query::all(),
                              .project = [](auto&, auto&) { return result<void>(); }};
  PostgresServer server = postgres_at(store_named("postgres").server()->port());
  server.connection += " dbname=nowhere";
  const auto target = ServerTarget::open(server, projection);
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().kind(), errc::not_found) << target.error().to_string();
  EXPECT_EQ(ServerTarget::open(PostgresServer{"no such words"}, projection).error().kind(),
            errc::unavailable);
}

}  // namespace
}  // namespace stele::test
