// registration_test.cpp - an e-mail address belongs to one user, whoever else registers at the same moment, under
// whatever version of the event it was taken.
#include "crm/registration.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/store_fixture.hpp"

namespace crm {
namespace {

using stele::test::must;

class RegistrationTest : public stele::test::StoreTest {
 protected:
  // The rule that refused; empty when nobody did.
  std::string registers(const std::string& id, const std::string& email) {
    const auto done = must(register_customer(*store_, {id, "A", "B", email}));
    return done.refusal ? std::string(stele::type_name(*done.refusal)) : "";
  }
};

TEST_F(RegistrationTest, an_address_is_taken_until_its_user_leaves) {
  EXPECT_EQ(registers("u-1", "alice@example.com"), "");
  EXPECT_EQ(registers("u-2", "alice@example.com"), "EmailTaken");
  EXPECT_EQ(registers("u-2", " ALICE@example.com "), "EmailTaken") << "it is the same address";
  EXPECT_EQ(registers("u-2", "bob@example.com"), "");
  ASSERT_TRUE(must(stele::handle<User>(*store_, DeactivateUser{"u-1"})).accepted());
  EXPECT_EQ(registers("u-3", "alice@example.com"), "");
  EXPECT_EQ(registers("u-4", "alice@example.com"), "EmailTaken");
}

TEST_F(RegistrationTest, an_address_from_an_old_event_is_taken_too) {
  stele::AppendRequest old;
  old.writes.push_back({"User-old", {}, {}});
  auto& event = old.writes.back().events.emplace_back();
  event.type = "CustomerRegistered";
  event.data = R"({"name":"Old User","email":"old@example.com"})";
  event.tags = {stele::unique_tag("email", "old@example.com")};
  ASSERT_TRUE(store_->append(std::move(old)));
  EXPECT_EQ(registers("new", "old@example.com"), "EmailTaken");
  const auto user = must(stele::Repository<User>(*store_).load("old"));
  ASSERT_TRUE(std::holds_alternative<User::Basic>(user.state));
}

TEST_F(RegistrationTest, the_users_own_rules_come_first) {
  EXPECT_EQ(registers("u-1", "a@b"), "");
  EXPECT_EQ(registers("u-1", "a@b"), "UserTaken");
  EXPECT_EQ(registers("u-2", "nonsense"), "EmailMalformed");
}

TEST_F(RegistrationTest, the_same_request_again_is_the_same_user) {
  const RegisterCustomer command{"u-1", "A", "B", "a@b"};
  const stele::Context once{.idempotency_key = "k"};
  EXPECT_TRUE(must(register_customer(*store_, command, once)).accepted());
  const auto again = must(register_customer(*store_, command, once));
  EXPECT_TRUE(again.accepted());
  EXPECT_TRUE(again.repeated);
}

TEST_F(RegistrationTest, of_two_and_of_sixty_four_who_register_with_one_address_exactly_one_does) {
  for (const int people : {2, 64}) {
    const auto email = "wanted-" + std::to_string(people) + "@example.com";
    std::atomic<int> winners = 0;
    std::atomic<int> told = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < people; ++i)
      all.emplace_back([&, i] {
        stele::HandleOptions options;
        options.max_tries = 1000;
        const auto id = std::to_string(people) + "-" + std::to_string(i);
        const auto done = register_customer(*store_, {id, "A", "B", email}, {}, options);
        ASSERT_TRUE(done) << done.error().to_string();
        if (done->accepted()) ++winners;
        if (done->refusal && stele::type_name(*done->refusal) == "EmailTaken") ++told;
      });
    for (auto& each : all) each.join();
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(told, people - 1);
  }
}

}  // namespace
}  // namespace crm
