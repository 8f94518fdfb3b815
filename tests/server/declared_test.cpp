// Projections that are declared in SQL, over HTTP: the whole life of one, waiting for what was written, the past,
// lineage, and what is refused.
#include <gmock/gmock.h>

#include <fstream>

#include "server_fixture.hpp"
#include "stele/projection.hpp"
#include "stele/sqlite.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string sums = R"(---
name: sums
category: Acc
lineage: on
---
CREATE TABLE sum(account TEXT PRIMARY KEY, cents INTEGER NOT NULL) STRICT;
@on Paid
INSERT INTO sum VALUES(:key, units(:data.amount, 2))
  ON CONFLICT(account) DO UPDATE SET cents = cents + excluded.cents;
@query of(account text)
SELECT account, decimal(cents, 2) AS sum FROM sum WHERE account = :account;
@query all
SELECT count(*) AS accounts, coalesce(sum(cents), 0) AS cents FROM sum;
)";

class DeclaredApiTest : public ServerTest {
 protected:
  DeclaredApiTest() {
    options_.models = directory_ / "models";
    append("Acc-1", "Paid", R"({"amount":"1.50"})");
    append("Acc-2", "Paid", R"({"amount":"2"})");
    append("Acc-1", "Paid", R"({"amount":"0.25"})");
    start();
  }
  Reply get(const std::string& target, const Headers& headers = {}) {
    return client().send("GET", target, "", headers);
  }
  Reply create(const std::string& text) {
    return client().send("POST", "/v1/projections", text, Headers{{"Content-Type", "application/sql"}});
  }
  // `sums` with a say in appends: nobody's sum becomes negative.
  static std::string strict() {
    auto text = sums;
    text.replace(text.find("lineage: on"), 11, "synchronous: on");
    text.replace(text.find("NOT NULL)"), 9, "NOT NULL CHECK (cents >= 0))");
    return text.insert(
        text.find("@query of"),
        "@on Withdrawn\nUPDATE sum SET cents = cents - units(:data.amount, 2) WHERE account = :key;\n");
  }
  Reply send(const std::string& stream, const std::string& type, const std::string& amount,
             const Headers& headers = {}) {
    return client().send("POST", "/v1/streams/" + stream + "/events",
                         R"({"type":")" + type + R"(","data":{"amount":")" + amount + R"("}})", headers);
  }
  std::string sum_of(const std::string& account) {
    return get("/v1/projections/sums/queries/of?account=" + account).at("/rows/0/sum");
  }
  Reply drop(const std::string& name) {
    return client().send("DELETE", "/v1/projections/" + name, "", Headers{});
  }
};

TEST_F(DeclaredApiTest, one_is_created_asked_kept_and_dropped) {
  const auto created = create(sums);
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(created.header("location"), "/v1/projections/sums");
  EXPECT_THAT(created.body, HasSubstr(R"({"name":"account","type":"text","required":true})"));
  EXPECT_EQ(create(sums).status, 200) << "the same again";
  auto other_rules = sums;
  other_rules.replace(other_rules.find("@on Paid"), 8, "@on Sold");
  EXPECT_THAT(create(other_rules).body, HasSubstr("raise `version:`"));
  EXPECT_EQ(get("/v1/projections/sums/source").body, sums);
  const auto asked = get("/v1/projections/sums/queries/of?account=1&after_position=3");
  ASSERT_EQ(asked.status, 200) << asked.body;
  EXPECT_EQ(asked.body,
            R"({"rows":[{"account":"1","sum":"1.75"}],"count":1,"truncated":false,"position":3})");
  restart();
  EXPECT_THAT(get("/v1/projections/sums/queries/all?after_position=3").body,
              HasSubstr(R"({"accounts":2,"cents":375})"));
  EXPECT_EQ(drop("sums").body, R"({"name":"sums","dropped":true})");
  EXPECT_EQ(drop("sums").status, 404);
  EXPECT_EQ(get("/v1/projections/sums/queries/all").status, 404);
  restart();
  EXPECT_EQ(get("/v1/projections/sums/queries/all").status, 404);
}

TEST_F(DeclaredApiTest, another_version_is_built_beside_the_one_that_answers) {
  ASSERT_EQ(create(sums).status, 201);
  auto doubled = sums;
  doubled.replace(doubled.find("name: sums"), 10, "name: sums\nversion: 2");
  doubled.replace(doubled.find("units(:data.amount, 2)"), 22, "2 * units(:data.amount, 2)");
  const auto building = create(doubled);
  ASSERT_EQ(building.status, 202) << building.body;
  EXPECT_THAT(building.body, HasSubstr(R"("version":2,"created":false,"building":true)"));
  while (get("/v1/projections/sums/source").body !=
         doubled)  // each look is an answer of one version or the other
    ASSERT_EQ(get("/v1/projections/sums/queries/all").status, 200);
  EXPECT_THAT(get("/v1/projections/sums/queries/all?after_position=3").body, HasSubstr(R"("cents":750})"));
  EXPECT_THAT(get("/v1/projections/sums").body, Not(HasSubstr("\"next\"")));
  auto other_query = doubled;
  other_query.replace(other_query.find("@query all"), 10, "@query total");
  EXPECT_THAT(create(other_query).body, HasSubstr(R"("updated":true)"));
  EXPECT_EQ(get("/v1/projections/sums/queries/total").status, 200);
}

TEST_F(DeclaredApiTest, a_pause_is_kept_over_a_restart_until_it_is_ended) {
  ASSERT_EQ(create(sums).status, 201);
  const auto act = [&](const std::string& word, const std::string& body = "") {
    return client().send("POST", "/v1/projections/sums/" + word, body, Headers{}).status;
  };
  ASSERT_EQ(act("pause", R"({"reason":"a look at the disk"})"), 200);
  restart();
  EXPECT_THAT(get("/v1/projections/sums").body, HasSubstr("a look at the disk"));
  append("Acc-1", "Paid", R"({"amount":"1"})");
  EXPECT_EQ(get("/v1/projections/sums/wait?position=4&timeout=0").status, 503);
  ASSERT_EQ(act("resume"), 200);
  EXPECT_EQ(get("/v1/projections/sums/wait?position=4&timeout=30").status, 200);
  restart();
  EXPECT_EQ(get("/v1/projections/sums/wait?position=4&timeout=30").status, 200);
  EXPECT_THAT(get("/v1/projections/sums").body, Not(HasSubstr("a look at the disk")));
}

TEST_F(DeclaredApiTest, a_synchronous_one_refuses_appends_and_shows_those_that_it_does_not) {
  ASSERT_EQ(create(strict()).status, 201);
  EXPECT_EQ(get("/v1/projections/sums").at("/synchronous"), "true");
  const auto refused = send("Acc-1", "Withdrawn", "1.76");
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(refused.at("/rule"), "sums");
  EXPECT_THAT(refused.body, HasSubstr("CHECK constraint failed"));
  EXPECT_EQ(head(), 3u);
  EXPECT_EQ(send("Acc-1", "Withdrawn", "1.75").status, 201);
  EXPECT_EQ(sum_of("1"), "0.00") << "nobody had to wait for a position";
  EXPECT_EQ(send("Acc-1", "Withdrawn", "0.01", {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(send("Acc-1", "Withdrawn", "0.01", {{"If-Match", "\"2\""}}).status, 422);
  EXPECT_EQ(head(), 4u);
  ASSERT_EQ(drop("sums").status, 200);
  EXPECT_EQ(send("Acc-1", "Withdrawn", "5").status, 201) << "nobody to refuse it";
}

TEST_F(DeclaredApiTest, a_synchronous_one_that_is_paused_holds_up_appends_and_repeats_count_once) {
  ASSERT_EQ(create(strict()).status, 201);
  const Headers keyed{{"Idempotency-Key", "withdrawal-1"}};
  const auto first = send("Acc-2", "Withdrawn", "2", keyed);
  ASSERT_EQ(first.status, 201) << first.body;
  const auto repeated = send("Acc-2", "Withdrawn", "2", keyed);
  EXPECT_EQ(repeated.body, first.body) << "though the model would refuse it now";
  EXPECT_EQ(repeated.header("idempotency-replayed"), "true");
  ASSERT_EQ(client().send("POST", "/v1/projections/sums/pause", "", Headers{}).status, 200);
  const auto held = send("Acc-1", "Paid", "1");
  EXPECT_EQ(held.status, 503);
  EXPECT_THAT(held.body, HasSubstr("nothing was appended: projection sums"));
  restart();
  EXPECT_EQ(send("Acc-1", "Paid", "1").status, 503) << "the pause is kept";
  EXPECT_EQ(head(), 4u);
  ASSERT_EQ(client().send("POST", "/v1/projections/sums/resume", "", Headers{}).status, 200);
  EXPECT_EQ(send("Acc-1", "Paid", "1").status, 201);
  EXPECT_EQ(sum_of("1"), "2.75");
}

TEST_F(DeclaredApiTest, projections_of_an_application_have_a_say_too) {
  stop();
  const auto target = *SqliteTarget::open(
      directory_ / "app", {.name = "once",
                           .version = 1,
                           .schema = "CREATE TABLE paid(data TEXT PRIMARY KEY) STRICT",
                           .events = Query::all(),
                           .project = [](SqliteModel& model, const EventView& event) -> result<void> {
                             STELE_CHECK(model.run("INSERT INTO paid VALUES(?1)", {event.data}));
                             return {};
                           }});
  Projections projections(*store_);
  RunnerOptions options;
  options.synchronous = true;
  ASSERT_TRUE(projections.add(target, options));
  App app("payments", "1");
  app.projections(projections);
  start(&app);
  ASSERT_EQ(create(strict()).status, 201);
  EXPECT_EQ(send("Acc-1", "Paid", "2").at("/rule"), "once") << "there is a payment of 2 already";
  EXPECT_EQ(send("Acc-1", "Withdrawn", "9").at("/rule"), "sums");
  EXPECT_EQ(send("Acc-1", "Paid", "3").status, 201);
  EXPECT_EQ(head(), 4u);
  stop();
}

TEST_F(DeclaredApiTest, while_versions_change_an_acknowledged_append_is_in_the_one_that_answers) {
  ASSERT_EQ(create(strict()).status, 201);
  auto lax = strict();
  lax.replace(lax.find("synchronous: on"), 15, "synchronous: off");
  EXPECT_THAT(create(lax).body, HasSubstr("raise `version:`"));
  auto doubled = strict();
  doubled.replace(doubled.find("name: sums"), 10, "name: sums\nversion: 2");
  doubled.replace(doubled.find("units(:data.amount, 2)"), 22, "2 * units(:data.amount, 2)");
  ASSERT_EQ(create(doubled).status, 202);
  for (int cents = 150 + 25, switched = 0; switched < 3; cents += 100) {
    const auto sent = send("Acc-1", "Paid", "1");
    ASSERT_EQ(sent.status, 201) << sent.body;
    const auto one = std::to_string(cents / 100 + 1) + ".75";
    const auto two = std::to_string((cents + 100) * 2 / 100) + ".50";
    const auto sum = sum_of("1");
    EXPECT_TRUE(sum == one || sum == two) << sum << " is neither " << one << " nor " << two;
    if (sum == two) ++switched;
  }
  EXPECT_EQ(send("Acc-2", "Withdrawn", "4.01").status, 422);
  EXPECT_EQ(send("Acc-2", "Withdrawn", "4").status, 201) << "the rule is that of the new version";
}

TEST_F(DeclaredApiTest, what_was_written_is_waited_for_and_the_past_is_asked) {
  ASSERT_EQ(create(sums).status, 201);
  append("Acc-2", "Paid", R"({"amount":"10.00"})");
  EXPECT_THAT(get("/v1/projections/sums/queries/of?account=2&after_position=4").body, HasSubstr("\"12.00\""));
  EXPECT_THAT(get("/v1/projections/sums/queries/of?account=2&as_of=p3").body, HasSubstr("\"2.00\""));
  EXPECT_THAT(get("/v1/projections/sums/queries/all?as_of=p1").body,
              HasSubstr(R"({"accounts":1,"cents":150})"));
  EXPECT_THAT(get("/v1/projections/sums/queries/all?as_of=start").body,
              HasSubstr(R"({"accounts":0,"cents":0})"));
  EXPECT_THAT(get("/v1/projections/sums/queries/of?account=1&as_of=v0&stream=Acc-1").body,
              HasSubstr("\"1.50\""));
  const auto behind = get("/v1/projections/sums/queries/all?after_position=99", {{"Prefer", "wait=0"}});
  EXPECT_EQ(behind.status, 503) << behind.body;
  EXPECT_EQ(behind.at("/wanted"), "99");
  const auto stale =
      get("/v1/projections/sums/queries/all?after_position=99", {{"Prefer", "wait=0, handling=lenient"}});
  EXPECT_EQ(stale.status, 200);
  EXPECT_EQ(stale.header("stele-stale"), "true");
}

TEST_F(DeclaredApiTest, a_row_leads_to_its_events_and_an_event_to_its_rows) {
  ASSERT_EQ(create(sums).status, 201);
  ASSERT_EQ(get("/v1/projections/sums/queries/all?after_position=3").status, 200);
  const auto row = get("/v1/projections/sums/lineage?table=sum&key=1");
  EXPECT_EQ(row.at("/changes/0/position"), "1");
  EXPECT_EQ(row.at("/changes/1/before/cents"), "150");
  EXPECT_EQ(row.at("/changes/1/after/cents"), "175");
  EXPECT_EQ(row.at("/changes/1/event/data/amount"), "0.25");
  const auto event = get("/v1/projections/sums/lineage?position=2");
  EXPECT_EQ(event.at("/changes/0/key/0"), "2");
  EXPECT_EQ(get("/v1/projections/sums/lineage").status, 400);
  EXPECT_EQ(get("/v1/projections/sums/lineage?position=x").status, 400);
}

TEST_F(DeclaredApiTest, what_is_wrong_is_refused_with_its_place) {
  auto broken = sums;
  broken.replace(broken.find("units("), 5, "unitz");
  const auto refused = create(broken);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("no such function: unitz"));
  EXPECT_EQ(refused.at("/line"), "8") << refused.body;
  auto undecided = sums;
  undecided.replace(undecided.find("lineage: on"), 11, "synchronous: maybe");
  EXPECT_THAT(create(undecided).body, HasSubstr("`synchronous` is on or off"));
  EXPECT_EQ(create("").status, 400);
  EXPECT_EQ(
      client().send("POST", "/v1/projections", "{}", Headers{{"Content-Type", "application/json"}}).status,
      415);
  ASSERT_EQ(create(sums).status, 201);
  EXPECT_EQ(get("/v1/projections/sums/queries/none").status, 404);
  EXPECT_EQ(get("/v1/projections/sums/queries/of").status, 400) << "a parameter is missing";
  EXPECT_EQ(get("/v1/projections/sums/queries/of?account=1&acount=2").status, 400);
  EXPECT_THAT(get("/openapi.json").body, HasSubstr("/v1/projections/{projection}/queries/{query}"));
}

TEST_F(DeclaredApiTest, a_server_without_a_place_for_models_says_so) {
  stop();
  options_.models.clear();
  start();
  EXPECT_EQ(create(sums).status, 404);
  EXPECT_EQ(get("/v1/projections/sums/queries/all").status, 404);
}

TEST_F(DeclaredApiTest, a_folder_with_a_wrong_file_keeps_the_server_from_starting) {
  stop();
  options_.projections = directory_ / "sql";
  std::filesystem::create_directory(options_.projections);
  std::ofstream(options_.projections / "a.sql") << sums;
  start();
  EXPECT_EQ(get("/v1/projections/sums/queries/all?after_position=3").status, 200);
  EXPECT_EQ(drop("sums").status, 409) << "it comes from a file";
  stop();
  std::ofstream(options_.projections / "b.sql") << "SELECT";
  const auto refused = Server::start(*store_, nullptr, options_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("b.sql line 1 column 1"));
}

}  // namespace
}  // namespace stele::test
