// samples_test.cpp - the programs that docs/targets.md shows, run on the real servers; and what only one server does:
// wrong SQL, constraints, changed schemas, rows in blocks, scripts that fail half-way.
#include <gtest/gtest.h>

#include <set>

#include "projection/apply.hpp"
#include "projection/memory_store.hpp"
#include "stele/decider.hpp"
#include "stele/decimal.hpp"
#include "targets/log_of.hpp"
#include "targets/stores.hpp"

namespace stele::test {
namespace {

std::uint16_t port_of(const char* store) { return store_named(store).server()->port(); }

Position append(EventStore& store, const std::string& stream, std::string type, std::string data) {
  NewEvent event;
  event.type = std::move(type);
  event.data = std::move(data);
  AppendRequest request;
  request.writes.push_back({stream, {}, {std::move(event)}});
  return store.append(std::move(request))->last;
}

}  // namespace

// [typed]
struct Paid {
  std::string account;
  Money amount;
};
STELE_EVENT(Paid, 1, account, amount);

struct Balances {
  static constexpr std::string_view name = "balances";
  static constexpr int version = 1;  // raise it when the answers would differ
  static constexpr std::string_view schema =
      "CREATE TABLE balance(account TEXT PRIMARY KEY, cents BIGINT NOT NULL)";
  using Events = stele::events<Paid>;

  static stele::result<void> project(stele::ServerModel& model, const Paid& paid) {
    STELE_CHECK(
        model.run("INSERT INTO balance VALUES($1, $2) ON CONFLICT(account)"
                  " DO UPDATE SET cents = balance.cents + excluded.cents",
                  {paid.account, paid.amount}));
    model.changed(paid.account);
    return {};
  }
};
// [/typed]

namespace {

TEST(Samples, a_typed_projection_in_postgres) {
  MemoryStore store;
  append(store, "a", "Paid", R"({"account":"acct-42","amount":"12.50"})");
  const Position paid = append(store, "a", "Paid", R"({"account":"acct-42","amount":"0.25"})");
  const std::string words = postgres_at(port_of("postgres")).connection;
  std::int64_t cents = 0;
  const auto sample = [&]() -> result<void> {
    // [running]
    stele::Projections projections(store);
    STELE_TRY(auto target,
              stele::ServerTarget::open(stele::PostgresServer{words}, stele::server_projection<Balances>()));
    STELE_TRY(stele::Runner * balances, projections.add(target));

    STELE_CHECK(balances->wait(paid, std::chrono::seconds(30)));  // read your own write
    STELE_TRY(auto now, target->snapshot());
    STELE_CHECK(now.first("SELECT cents FROM balance WHERE account = $1", {"acct-42"},
                          [&](const stele::ServerRow& row) { cents = row.integer(0); }));
    // [/running]
    EXPECT_GE(now.position(), paid);
    return {};
  };
  const auto done = sample();
  EXPECT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(cents, 1275);
}

TEST(Samples, a_ranking_in_redis) {
  MemoryStore store;
  for (const char* player : {"ann", "bob", "ann"}) append(store, "game", "Scored", player);
  const std::uint16_t port = port_of("redis");
  std::string best;
  const auto sample = [&]() -> result<void> {
    // [redis]
    stele::RedisProjection ranking;
    ranking.name = "ranking";
    ranking.events = stele::Query::of({.types = {"Scored"}, .tags = {}, .streams = {}, .categories = {}});
    ranking.project = [](stele::RedisModel& model, const stele::EventView& scored) -> stele::result<void> {
      model.run({"ZINCRBY", model.key("points"), 1, scored.data});
      // Where the old value decides, the decision goes to Redis.
      model.script("if redis.call('SCARD', KEYS[1]) < 2 then redis.call('SADD', KEYS[1], ARGV[1]) end",
                   {model.key("first-two")}, {scored.data});
      return {};
    };
    stele::RedisServer server;
    server.port = port;
    STELE_TRY(auto target, stele::RedisTarget::open(server, ranking));
    STELE_CHECK(stele::fold(*target, store, store.head().position));
    STELE_TRY(auto look, target->look({{"ZREVRANGE", target->key("points"), 0, 0}}));
    best = *look.answers[0].list[0].text;
    // [/redis]
    EXPECT_EQ(look.position, Position(3));
    return {};
  };
  const auto done = sample();
  EXPECT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(best, "ann");
}

TEST(Samples, a_cached_page_in_memcached) {
  MemoryStore store;
  for (const char* line : {"one", "two"}) append(store, "page-7", "Written", line);
  const std::uint16_t port = port_of("memcached");
  std::string page;
  const auto sample = [&]() -> result<void> {
    // [memcached]
    stele::MemcachedProjection pages;
    pages.name = "pages";
    pages.events = stele::Query::of({.types = {"Written"}, .tags = {}, .streams = {}, .categories = {}});
    pages.project = [](stele::MemcachedModel& model, const stele::EventView& written) {
      return model.update(written.stream, [&](std::optional<std::string_view> was) {
        return std::string(was.value_or("")) + std::string(written.data) + "\n";
      });
    };
    stele::MemcachedServer server;
    server.port = port;
    STELE_TRY(auto target, stele::MemcachedTarget::open(server, pages));
    STELE_CHECK(stele::fold(*target, store, store.head().position));
    STELE_TRY(auto cached, target->get("page-7"));
    page = cached.value.value_or("");
    // [/memcached]
    EXPECT_EQ(cached.position, Position(2));
    return {};
  };
  const auto done = sample();
  EXPECT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(page, "one\ntwo\n");
}

// ---- SQL servers: rows in blocks, errors, schemas

class SqlServers : public testing::TestWithParam<const char*> {
 protected:
  using Project = std::function<result<void>(ServerModel&, const EventView&)>;
  [[nodiscard]] bool postgres() const { return std::string_view(GetParam()) == "postgres"; }
  ServerProjection projection(std::string schema, Project project) const {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    name = name.substr(0, std::min<std::size_t>(name.find('/'), 30));
    return {.name = name,
            .version = 1,
            .schema = std::move(schema),
            .events = Query::all(),
            .project = std::move(project)};
  }
  [[nodiscard]] result<std::shared_ptr<ServerTarget>> open(ServerProjection what) const {
    return postgres() ? ServerTarget::open(postgres_at(port_of("postgres")), std::move(what))
                      : ServerTarget::open(mariadb_at(port_of("mariadb")), std::move(what));
  }
  // In one event: what the statement answers.
  [[nodiscard]] result<void> once(const ServerProjection& what) const {
    STELE_TRY(const auto target, open(what));
    Log log;
    log.add("s", "Any", "");
    STELE_TRY(const Checkpoint at, target->checkpoint());
    STELE_CHECK(target->begin());
    auto done = target->apply(log.views(0, 1).front());
    target->rollback();
    EXPECT_EQ(target->checkpoint().value(), at);
    return done;
  }
  [[nodiscard]] std::string words(const std::string& sql) const {
    std::string mine = sql;
    for (int i = 1; postgres(); ++i) {
      const auto at = mine.find('?');
      if (at == std::string::npos) break;
      mine.replace(at, 1, "$" + std::to_string(i));
    }
    return mine;
  }
};

TEST_P(SqlServers, rows_in_blocks_keep_their_order_and_every_value) {
  const std::string text = "tab\t back\\slash 'quote' \"double\" line\nreturn\r \xF0\x9F\x90\x98";
  // [copy]
  const auto project = [&](stele::ServerModel& model, const stele::EventView& event) -> stele::result<void> {
    return model.copy("posting", "id, place, body, nothing", {event.position, event.stream, text, nullptr});
  };
  // [/copy]
  const auto target = open(projection(
      "CREATE TABLE posting(id BIGINT PRIMARY KEY, place TEXT, body TEXT, nothing TEXT)", project));
  ASSERT_TRUE(target) << target.error().to_string();
  const Log log(20'000, Log::Kind::numbers);  // several blocks
  const auto events = log.views(0, log.size());
  const auto applied = projection::apply_batch(**target, {}, events, events.back().position);
  ASSERT_TRUE(applied) << applied.error().why.to_string();
  auto now = (*target)->snapshot();
  ASSERT_TRUE(now);
  std::size_t seen = 0;
  ASSERT_TRUE(
      now->each("SELECT id, place, body, nothing FROM posting ORDER BY id", {}, [&](const ServerRow& row) {
        ASSERT_EQ(static_cast<std::uint64_t>(row.integer(0)), events[seen].position.value());
        ASSERT_EQ(row.text(1), events[seen].stream);
        ASSERT_EQ(row.text(2), text);
        ASSERT_TRUE(row.is_null(3));
        ++seen;
      }));
  EXPECT_EQ(seen, events.size());
}

TEST_P(SqlServers, a_statement_sees_the_rows_that_were_added_before_it) {
  std::int64_t seen = 0;
  const auto done = once(projection(
      "CREATE TABLE t(id BIGINT PRIMARY KEY)", [&](ServerModel& model, const EventView&) -> result<void> {
        for (int i = 0; i < 10; ++i) STELE_CHECK(model.copy("t", "id", {i}));
        STELE_CHECK(
            model.first("SELECT count(*) FROM t", {}, [&](const ServerRow& row) { seen = row.integer(0); }));
        return {};
      }));
  EXPECT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(seen, 10);
}

TEST_P(SqlServers, a_row_that_breaks_a_constraint_is_a_conflict_whichever_way_it_came) {
  const std::string schema = "CREATE TABLE t(id BIGINT PRIMARY KEY, n BIGINT NOT NULL CHECK(n > 0))";
  const auto kind_of = [&](std::initializer_list<std::int64_t> row) {
    const auto by_run = once(projection(schema, [&](ServerModel& model, const EventView&) -> result<void> {
      STELE_CHECK(model.run(words("INSERT INTO t VALUES(?, ?)"), {1, 1}));
      STELE_CHECK(model.run(words("INSERT INTO t VALUES(?, ?)"), {*row.begin(), *(row.begin() + 1)}));
      return {};
    }));
    const auto by_copy = once(projection(schema, [&](ServerModel& model, const EventView&) -> result<void> {
      STELE_CHECK(model.copy("t", "id, n", {1, 1}));
      STELE_CHECK(model.copy("t", "id, n", {*row.begin(), *(row.begin() + 1)}));
      return model.each("SELECT 1", {}, [](const ServerRow&) {});
    }));
    EXPECT_FALSE(by_run);
    EXPECT_FALSE(by_copy);
    EXPECT_EQ(by_run.error().kind(), by_copy.error().kind());
    return by_run.error().kind();
  };
  EXPECT_EQ(kind_of({1, 5}), errc::conflict);
  EXPECT_EQ(kind_of({2, 0}), errc::conflict);
}

TEST_P(SqlServers, what_is_wrong_with_a_statement_is_said_with_it) {
  const auto failing = [&](const std::string& sql, SqlValues values) {
    const auto done = once(projection("CREATE TABLE t(id BIGINT PRIMARY KEY, name TEXT)",
                                      [&](ServerModel& model, const EventView&) -> result<void> {
                                        STELE_CHECK(model.run(words(sql), values));
                                        return {};
                                      }));
    EXPECT_FALSE(done) << sql;
    return done ? Error(errc::gone, "") : done.error();
  };
  for (const char* sql :
       {"SELEKT 1", "INSERT INTO nowhere VALUES(1)", "INSERT INTO t VALUES(1, 'a'); SELECT 1"}) {
    const Error why = failing(sql, {});
    EXPECT_EQ(why.kind(), errc::invalid) << why.to_string();
    EXPECT_EQ(why.fact("sql"), sql);
  }
  EXPECT_EQ(failing("INSERT INTO t VALUES(?, ?)", {1}).kind(), errc::invalid);
  EXPECT_NE(failing("INSERT INTO t VALUES(?, ?)", {1}).message().find("takes 2 values"), std::string::npos);
  EXPECT_EQ(failing("INSERT INTO t VALUES(?, ?)", {1, "\xff\xfe"}).kind(), errc::invalid) << "not UTF-8";
  EXPECT_EQ(failing("INSERT INTO t VALUES(?, ?)", {"no number", "x"}).kind(), errc::invalid);
  if (postgres()) {
    EXPECT_EQ(failing("INSERT INTO t VALUES(?, ?)", {1, std::string_view("a\0b", 3)}).kind(), errc::invalid);
  }
}

TEST_P(SqlServers, questions_inside_the_rows_of_the_same_question) {
  std::multiset<std::int64_t> pairs;
  const auto done = once(projection(
      "CREATE TABLE t(id BIGINT PRIMARY KEY)", [&](ServerModel& model, const EventView&) -> result<void> {
        for (int i = 1; i <= 3; ++i) STELE_CHECK(model.copy("t", "id", {i}));
        const auto sum = [&](const ServerRow& outer) {
          const std::int64_t ten = 10 * outer.integer(0);
          EXPECT_TRUE(model.each("SELECT id FROM t", {},
                                 [&](const ServerRow& inner) { pairs.insert(ten + inner.integer(0)); }));
        };
        return model.each("SELECT id FROM t", {}, sum);
      }));
  EXPECT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(pairs, (std::multiset<std::int64_t>{11, 12, 13, 21, 22, 23, 31, 32, 33}));
}

TEST_P(SqlServers, a_snapshot_cannot_change_anything) {
  const auto target =
      open(projection("CREATE TABLE t(id BIGINT PRIMARY KEY)", [](auto&, auto&) { return result<void>(); }));
  ASSERT_TRUE(target);
  auto now = (*target)->snapshot();
  ASSERT_TRUE(now);
  const auto tried = now->each("INSERT INTO t VALUES(1)", {}, [](const ServerRow&) {});
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().kind(), errc::invalid) << tried.error().to_string();
}

TEST_P(SqlServers, a_changed_schema_builds_the_model_anew_and_says_so) {
  const auto nothing = [](ServerModel&, const EventView&) { return result<void>(); };
  const std::string schema = "CREATE TABLE t(id BIGINT PRIMARY KEY)";
  Log log;
  log.add("s", "Any", "");
  {
    const auto target = open(projection(schema, nothing));
    ASSERT_TRUE(target) << target.error().to_string();
    EXPECT_EQ((*target)->note(), "");
    ASSERT_TRUE(projection::apply_batch(**target, {}, log.views(0, 1), log.last(1)));
  }
  const std::string more =
      schema + "; CREATE TABLE u(id BIGINT PRIMARY KEY); CREATE VIEW v AS SELECT id FROM t";
  {
    const auto target = open(projection(more, nothing));
    ASSERT_TRUE(target) << target.error().to_string();
    EXPECT_NE((*target)->note().find("schema"), std::string::npos);
    EXPECT_EQ((*target)->checkpoint()->position, Position{});
    ASSERT_TRUE(projection::apply_batch(**target, {}, log.views(0, 1), log.last(1)));
  }
  const auto again = open(projection(more, nothing));
  EXPECT_EQ((*again)->note(), "");
  EXPECT_EQ((*again)->checkpoint()->position, log.last(1));
  const auto wrong = open(projection("CREATE TABEL t(id BIGINT)", nothing));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind(), errc::invalid);
  EXPECT_NE(wrong.error().message().find("schema"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(On, SqlServers, testing::Values("postgres", "mariadb"),
                         [](const auto& one) { return std::string(one.param); });

// ---- Redis takes nothing back

TEST(Samples, a_command_that_fails_half_way_makes_the_model_anew_in_redis) {
  bool wrong = true;
  RedisProjection projection;
  projection.name = "half-way-redis";
  projection.events = Query::all();
  projection.project = [&](RedisModel& model, const EventView& event) -> result<void> {
    model.run({"INCR", model.key("seen")});
    if (event.type == "Second" && wrong) model.run({"SADD", model.key("seen"), 1});
    return {};
  };
  RedisServer server;
  server.port = port_of("redis");
  const auto target = RedisTarget::open(server, projection);
  ASSERT_TRUE(target);
  MemoryStore store;
  append(store, "s", "First", "");
  const Position end = append(store, "s", "Second", "");
  Runner runner(store, *target, {.batch = 1, .tries = 2, .first_pause = std::chrono::microseconds(100)});
  runner.start();
  const auto waited = runner.wait(end, std::chrono::minutes(1));
  ASSERT_FALSE(waited);
  EXPECT_NE(waited.error().message().find("WRONGTYPE"), std::string::npos) << waited.error().to_string();
  wrong = false;
  runner.start();
  ASSERT_TRUE(runner.wait(end, std::chrono::minutes(1))) << runner.status().reason;
  EXPECT_NE((*target)->note().find("half-way"), std::string::npos);
  const auto look = (*target)->look({{"GET", (*target)->key("seen")}});
  ASSERT_TRUE(look);
  EXPECT_EQ(look->answers.front().integer(), 2);
}

}  // namespace
}  // namespace stele::test
