// rules_test.cpp - what the crm promises about a user, a sentence each, and what its old events mean today.
#include <gtest/gtest.h>

#include "crm/user.hpp"
#include "stele/spec.hpp"

namespace crm {
namespace {

using stele::given;
using stele::given_recorded;

const CustomerRegistered alice{"Alice", "Johnson", "alice@example.com"};

TEST(UserRules, registers_once) {
  given<User>().when(RegisterCustomer{"u", "Alice", "Johnson", "alice@example.com"}).then(alice);
  given<User>(alice).when(RegisterCustomer{"u", "Eve", "", "eve@example.com"}).then_refused(UserTaken{"u"});
}

TEST(UserRules, an_address_has_something_on_both_sides) {
  for (const char* email : {"", "alice", "@example.com", "alice@"})
    given<User>().when(RegisterCustomer{"u", "Alice", "", email}).then_refused(EmailMalformed{email});
}

TEST(UserRules, premium_starts_and_ends_and_may_start_again) {
  given<User>(alice).when(StartPremium{"u"}).then(PremiumStarted{});
  given<User>(alice, PremiumStarted{}).when(StartPremium{"u"}).then_refused(PremiumAlready{"u"});
  given<User>(alice, PremiumStarted{}).when(EndPremium{"u", "moved"}).then(PremiumEnded{"moved"});
  given<User>(alice, PremiumStarted{}, PremiumEnded{"moved"}).when(StartPremium{"u"}).then(PremiumStarted{});
  given<User>(alice).when(EndPremium{"u", "why"}).then_refused(NotPremium{"u"});
}

TEST(UserRules, who_leaves_is_not_premium_any_more) {
  given<User>(alice).when(DeactivateUser{"u"}).then(UserDeactivated{"alice@example.com"});
  given<User>(alice, PremiumStarted{})
      .when(DeactivateUser{"u"})
      .then(PremiumEnded{"deactivated"}, UserDeactivated{"alice@example.com"});
}

TEST(UserRules, who_has_left_stays_away) {
  const UserDeactivated left{"alice@example.com"};
  given<User>(alice, left).when(DeactivateUser{"u"}).then_nothing();
  given<User>(alice, left).when(StartPremium{"u"}).then_refused(UserIsDeactivated{"u"});
  given<User>(alice, left).when(EndPremium{"u", ""}).then_refused(UserIsDeactivated{"u"});
  given<User>(alice, left)
      .when(RegisterCustomer{"u", "Alice", "", "alice@example.com"})
      .then_refused(UserTaken{"u"});
}

TEST(UserRules, nobody_is_nobody) {
  given<User>().when(StartPremium{"u"}).then_refused(NoSuchUser{"u"});
  given<User>().when(EndPremium{"u", ""}).then_refused(NoSuchUser{"u"});
  given<User>().when(DeactivateUser{"u"}).then_refused(NoSuchUser{"u"});
}

// ---- What was recorded before

TEST(UserHistory, one_name_became_two) {
  const auto reads = [](const std::string& name, const std::string& first, const std::string& last) {
    given_recorded<User::Events>(v1::CustomerRegistered{name, "a@b"})
        .reads_as(CustomerRegistered{first, last, "a@b"});
  };
  reads("Alice Johnson", "Alice", "Johnson");
  reads("Plato", "Plato", "");
  reads("Jan Willem van der Berg", "Jan Willem van der", "Berg");
  reads("Alice  Johnson ", "Alice ", "Johnson");
  reads("", "", "");
  reads("   ", "", "");
}

TEST(UserHistory, a_cancelled_subscription_is_premium_that_ended) {
  given_recorded<User::Events>(v1::SubscriptionCancelled{}).reads_as(PremiumEnded{"not said"});
}

TEST(UserHistory, no_persisted_name_changes_by_accident) {
  const auto checked = stele::spec::check_schema_lock(
      std::string(STELE_SOURCE_DIR) + "/tests/crm/user.schema.lock", stele::vocabulary<User>());
  EXPECT_TRUE(checked) << checked.error().to_string();
}

}  // namespace
}  // namespace crm
