// evolution_test.cpp - events of every age through one pipeline: aggregates, projections and queries see today's.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "domain/customers.hpp"
#include "engine/store_fixture.hpp"
#include "stele/projection.hpp"

namespace {

using namespace customers;
using stele::test::must;

struct Heard {
  std::vector<std::string> all;
  template <stele::recorded E>
  void operator()(const E& e) {
    all.push_back(std::string(stele::schema_of<E>.type) + stele::to_json(e));
  }
};
using Lines = std::vector<std::string>;

// What each type of `Events` hears of one recorded event.
template <class Events>
stele::result<Lines> heard(std::string_view type, std::string_view data, int version = 1,
                           std::string_view content_type = stele::json_content) {
  const std::string metadata = "{\"schemaVersion\":" + std::to_string(version) + "}";
  const stele::EventView event{
      stele::Position(7), stele::Revision(3), {}, {}, "Customer-c1", type, content_type, data, metadata, {}};
  Heard sink;
  STELE_TRY(const bool ours, stele::each_event<Events>(event, sink));
  if (!ours) return Lines{"not ours"};
  return sink.all;
}
Lines now(std::string_view type, std::string_view data, int version = 1) {
  return must(heard<Customer::Events>(type, data, version));
}

TEST(Evolution, one_field_becomes_two_for_names_of_any_length) {
  EXPECT_EQ(now("CustomerRegistered", R"({"name":"Alice Johnson","email":"a@x"})"),
            Lines{R"(CustomerRegistered{"firstName":"Alice","lastName":"Johnson","email":"a@x"})"});
  EXPECT_EQ(now("CustomerRegistered", R"({"name":"Prince","email":"p@x"})"),
            Lines{R"(CustomerRegistered{"firstName":"Prince","lastName":"","email":"p@x"})"});
  EXPECT_EQ(now("CustomerRegistered", R"({"name":"Gabriel Jose de la Concordia Marquez","email":"g@x"})"),
            Lines{R"(CustomerRegistered{"firstName":"Gabriel Jose de la Concordia","lastName":"Marquez",)"
                  R"("email":"g@x"})"});
  EXPECT_EQ(now("CustomerRegistered", R"({"firstName":"A","lastName":"B","email":"c"})", 2),
            Lines{R"(CustomerRegistered{"firstName":"A","lastName":"B","email":"c"})"});
}

TEST(Evolution, one_event_becomes_two_or_one_or_none) {
  EXPECT_EQ(now("ContactChanged", R"({"street":"Elm 1","phone":"555"})"),
            (Lines{R"(AddressChanged{"street":"Elm 1"})", R"(PhoneChanged{"number":"555"})"}));
  EXPECT_EQ(now("ContactChanged", R"({"phone":"555"})"), Lines{R"(PhoneChanged{"number":"555"})"});
  EXPECT_EQ(now("ContactChanged", "{}"), Lines{});
}

TEST(Evolution, chains_renames_lists_and_drops_add_up) {
  EXPECT_EQ(now("Upgraded", "{}"), Lines{R"(LevelChanged{"level":2})"}) << "two steps and another name";
  EXPECT_EQ(now("LevelsReset", R"({"times":2})"),
            (Lines{R"(LevelChanged{"level":1})", R"(LevelChanged{"level":1})"}));
  EXPECT_EQ(now("LevelsReset", R"({"times":0})"), Lines{});
  EXPECT_EQ(now("LevelChanged", R"({"level":"none"})"), Lines{}) << "dropped for what it says";
  EXPECT_EQ(now("NewsletterOpened", "{}"), Lines{}) << "dropped as a type";
}

TEST(Evolution, a_reader_of_one_half_gets_that_half_only) {
  using Phones = stele::events<PhoneChanged>;
  EXPECT_EQ(must(heard<Phones>("ContactChanged", R"({"street":"Elm 1","phone":"555"})")),
            Lines{R"(PhoneChanged{"number":"555"})"});
  EXPECT_EQ(must(heard<Phones>("AddressChanged", R"({"street":"Elm 1"})")), Lines{"not ours"});
}

TEST(Evolution, both_versions_can_be_read_side_by_side) {
  using Both = stele::events<CustomerRegistered, v1::CustomerRegistered>;
  EXPECT_EQ(must(heard<Both>("CustomerRegistered", R"({"name":"A B","email":"c"})")),
            Lines{R"(CustomerRegistered{"name":"A B","email":"c"})"});
  EXPECT_EQ(must(heard<Both>("CustomerRegistered", R"({"firstName":"A","lastName":"B","email":"c"})", 2)),
            Lines{R"(CustomerRegistered{"firstName":"A","lastName":"B","email":"c"})"});
}

TEST(Evolution, queries_ask_for_every_name_that_leads_to_a_type) {
  EXPECT_EQ(stele::recorded_names<LevelChanged>(), (Lines{"LevelChanged", "Upgraded", "LevelsReset"}));
  EXPECT_EQ(stele::recorded_names<PhoneChanged>(), (Lines{"PhoneChanged", "ContactChanged"}));
  EXPECT_EQ((stele::recorded_names<AddressChanged, PhoneChanged>()),
            (Lines{"AddressChanged", "ContactChanged", "PhoneChanged"}));
}

TEST(Evolution, a_version_nobody_knows_is_an_error_that_says_which) {
  const auto newer = heard<Customer::Events>("CustomerRegistered", "{}", 3);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().kind(), stele::errc::corrupt);
  EXPECT_EQ(newer.error().fact("version"), "3");
  EXPECT_NE(newer.error().help().find("newer program"), std::string::npos);
}

// ---- Bytes

TEST(Evolution, a_payload_of_bytes_has_a_reader_of_its_own_and_is_upcast_like_any_other) {
  const auto photo = [](std::string_view bytes, int version, std::string_view type = stele::binary_content) {
    return heard<stele::events<Photographed>>("Photographed", bytes, version, type);
  };
  EXPECT_EQ(must(photo("\x01\x02", 2)), Lines{R"(Photographed{"image":[1,2]})"});
  EXPECT_EQ(must(photo("\x01\x01\x02\x02", 1)), Lines{R"(Photographed{"image":[1,2]})"});
  EXPECT_EQ(must(photo(R"({"image":[7]})", 2, stele::json_content)), Lines{R"(Photographed{"image":[7]})"})
      << "recorded before it had a form of its own";
  EXPECT_NE(photo("", 2).error().message().find("an image without a byte"), std::string::npos);
  const auto no_reader = heard<Customer::Events>("PhoneChanged", "\x01", 1, stele::binary_content);
  ASSERT_FALSE(no_reader);
  EXPECT_NE(no_reader.error().message().find("application/octet-stream and not JSON"), std::string::npos);
}

// ---- Everyone who reads

class EvolutionTest : public stele::test::StoreTest {
 protected:
  void record(std::string type, std::string data, int version = 1) {
    stele::NewEvent event = stele::test::event(std::move(type), std::move(data));
    event.metadata = "{\"schemaVersion\":" + std::to_string(version) + "}";
    (void)must(store_->append(stele::test::write("Customer-c1", {std::move(event)})));
  }
  void record_a_life() {
    record("CustomerRegistered", R"({"name":"Alice Johnson","email":"a@x"})");
    record("ContactChanged", R"({"street":"Elm 1","phone":"555"})");
    record("CampaignSeen", "whatever");
    record("NewsletterOpened", "{}");
    record("LevelsReset", R"({"times":3})");
    record("PhoneChanged", R"({"number":"777"})");
  }
};

TEST_F(EvolutionTest, an_aggregate_is_folded_from_events_of_all_ages) {
  record_a_life();
  const auto loaded = must(stele::Repository<Customer>(*store_).load("c1"));
  EXPECT_EQ(stele::to_json(loaded.state),
            R"({"name":"Alice|Johnson","street":"Elm 1","phone":"777","level":3,"pixels":0})");
  EXPECT_EQ(loaded.events_read, 6u);
  EXPECT_EQ(loaded.revision, stele::Revision(5)) << "what is passed over counts in the stream";
}

TEST_F(EvolutionTest, an_unknown_type_is_never_passed_over_unless_the_decider_says_so) {
  record_a_life();
  record("PetAdopted", "{}");
  const auto refused = stele::Repository<Customer>(*store_).load("c1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fact("type"), "PetAdopted");
  EXPECT_EQ(refused.error().fact("revision"), "6");
}

TEST_F(EvolutionTest, what_is_decided_is_recorded_as_bytes_and_read_again) {
  record_a_life();
  const auto done =
      must(stele::handle<Customer>(*store_, TakePhoto{"c1", {9, 8, 7}}, {.idempotency_key = "k"}));
  EXPECT_EQ(done.state.pixels, 3u);
  const auto recorded = stream("Customer-c1").back();
  EXPECT_EQ(recorded.content_type, stele::binary_content);
  EXPECT_EQ(recorded.data, "\x09\x08\x07");
  EXPECT_EQ(must(stele::Repository<Customer>(*store_).load("c1")).state.pixels, 3u);
  const auto again =
      must(stele::handle<Customer>(*store_, TakePhoto{"c1", {9, 8, 7}}, {.idempotency_key = "k"}));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.events.size(), 1u);
}

struct Phonebook {
  static constexpr std::string_view category = "Customer";
  using Events = stele::events<PhoneChanged, CustomerRegistered>;
  static stele::result<void> project(Lines& model, const PhoneChanged& e) {
    model.push_back(e.number);
    return {};
  }
  static stele::result<void> project(Lines& model, const CustomerRegistered& e, const stele::EventView& at) {
    model.push_back(e.last_name + "@" + std::to_string(at.position.value()));
    return {};
  }
};

TEST_F(EvolutionTest, a_projection_asks_for_all_names_and_gets_todays_events) {
  record_a_life();
  const stele::Query query = stele::events_of<Phonebook>();
  EXPECT_EQ(query.items->front().types, (Lines{"PhoneChanged", "ContactChanged", "CustomerRegistered"}));
  Lines model;
  auto cursor = must(store_->read({query, {}, stele::Direction::forward, stele::no_limit}));
  for (const auto& event : stele::test::drain(*cursor))
    ASSERT_TRUE(stele::project_event<Phonebook>(model, stele::detail::view_of(event)));
  EXPECT_EQ(model, (Lines{"Johnson@1", "555", "777"}));
}

// ---- The vocabulary

TEST(Evolution, the_vocabulary_says_what_old_events_become) {
  const std::string text = stele::vocabulary<Customer>();
  const auto has = [&](std::string_view line) { return text.find(line) != std::string::npos; };
  EXPECT_TRUE(
      has("facts   CustomerRegistered/2(firstName: text, lastName: text, email: text)\n"
          "  was   CustomerRegistered/1(name: text, email: text)\n"));
  EXPECT_TRUE(
      has("  was   ContactChanged/1(street: optional text, phone: optional text) -> "
          "AddressChanged/1 or nothing and PhoneChanged/1 or nothing\n"));
  EXPECT_TRUE(
      has("  was   LevelChanged/1(level: text) -> LevelChanged/2 or nothing\n"
          "  was   Upgraded/1()\n"
          "  was   LevelsReset/1(times: int32) -> any number of LevelChanged/1\n"
          "  was   NewsletterOpened/1() -> nothing\n"))
      << text;
}

}  // namespace
