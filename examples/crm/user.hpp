// user.hpp - a user of a product with a premium plan: registers, starts and ends premium, leaves. How these events have
// changed over the years is told in their own namespaces. Pure; that an e-mail address belongs to one user only is a
// question to the whole log and asked where people register (registration.hpp).
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stele/decider.hpp"
#include "stele/handler.hpp"

namespace crm {

// ---- What can happen. Whose it is, the stream says: User-<id>.

struct CustomerRegistered {
  std::string first_name;
  std::string last_name;
  std::string email;
};
STELE_EVENT(CustomerRegistered, 2, first_name, last_name, email);

struct PremiumStarted {};
STELE_EVENT(PremiumStarted, 1);

struct PremiumEnded {
  std::string reason;
};
STELE_EVENT(PremiumEnded, 1, reason);

// Gives the e-mail address back.
struct UserDeactivated {
  std::string email;
};
STELE_EVENT(UserDeactivated, 1, email);

// ---- What was recorded before.

namespace v1 {
// One field for the whole name.
struct CustomerRegistered {
  std::string name;
  std::string email;
};
STELE_EVENT(CustomerRegistered, 1, name, email);

// The last word is the last name; a single word is a first name.
inline crm::CustomerRegistered upcast(const CustomerRegistered& old) {
  const auto last = old.name.find_last_not_of(' ');
  const std::string name = old.name.substr(0, last == std::string::npos ? 0 : last + 1);
  const auto cut = name.rfind(' ');
  if (cut == std::string::npos) return {name, "", old.email};
  return {name.substr(0, cut), name.substr(cut + 1), old.email};
}

// It had another name, and nobody was asked why.
struct SubscriptionCancelled {};
STELE_EVENT(SubscriptionCancelled, 1);
inline crm::PremiumEnded upcast(const SubscriptionCancelled&) { return {"not said"}; }
}  // namespace v1
STELE_WAS(CustomerRegistered, v1::CustomerRegistered);
STELE_WAS(PremiumEnded, v1::SubscriptionCancelled);

// ---- What people ask for.

struct RegisterCustomer {
  std::string user_id;
  std::string first_name;
  std::string last_name;
  std::string email;
};
STELE_COMMAND(RegisterCustomer, user_id, first_name, last_name, email);

struct StartPremium {
  std::string user_id;
};
STELE_COMMAND(StartPremium, user_id);

struct EndPremium {
  std::string user_id;
  std::string reason;
};
STELE_COMMAND(EndPremium, user_id, reason);

struct DeactivateUser {
  std::string user_id;
};
STELE_COMMAND(DeactivateUser, user_id);

// ---- Why the answer may be no.

struct NoSuchUser {
  std::string user_id;
};
STELE_REFUSAL(NoSuchUser, user_id);

struct UserTaken {
  std::string user_id;
};
STELE_REFUSAL(UserTaken, user_id);

struct EmailTaken {
  std::string email;
};
STELE_REFUSAL(EmailTaken, email);

struct EmailMalformed {
  std::string email;
};
STELE_REFUSAL(EmailMalformed, email);

struct UserIsDeactivated {
  std::string user_id;
};
STELE_REFUSAL(UserIsDeactivated, user_id);

struct PremiumAlready {
  std::string user_id;
};
STELE_REFUSAL(PremiumAlready, user_id);

struct NotPremium {
  std::string user_id;
};
STELE_REFUSAL(NotPremium, user_id);

// ---- The rules.

struct User {
  static constexpr std::string_view category = "User";
  static const std::string& id(const auto& command) { return command.user_id; }

  // What takes an e-mail address and what gives it back carry the same tag.
  static std::vector<std::string> tags(const auto& event) {
    if constexpr (requires { event.email; }) return {stele::unique_tag("email", event.email)};
    return {};
  }

  using Commands = stele::commands<RegisterCustomer, StartPremium, EndPremium, DeactivateUser>;
  using Events = stele::events<CustomerRegistered, PremiumStarted, PremiumEnded, UserDeactivated>;
  using Refusals = stele::refusals<NoSuchUser, UserTaken, EmailTaken, EmailMalformed, UserIsDeactivated,
                                   PremiumAlready, NotPremium>;
  using Decision = stele::decision<Events, Refusals>;

  struct Missing {};
  struct Basic {
    std::string email;
  };
  struct Premium {
    std::string email;
  };
  struct Deactivated {};
  using State = std::variant<Missing, Basic, Premium, Deactivated>;

  static Decision decide(const RegisterCustomer& c, const Missing&) {
    const auto at = c.email.find('@');
    if (at == std::string::npos || at == 0 || at + 1 == c.email.size())
      return stele::refuse(EmailMalformed{c.email});
    return stele::happened(CustomerRegistered{c.first_name, c.last_name, c.email});
  }
  static Decision decide(const RegisterCustomer& c, const auto&) {
    return stele::refuse(UserTaken{c.user_id});
  }
  static Decision decide(const auto& c, const Missing&) { return stele::refuse(NoSuchUser{c.user_id}); }

  static Decision decide(const StartPremium&, const Basic&) { return stele::happened(PremiumStarted{}); }
  static Decision decide(const EndPremium& c, const Basic&) { return stele::refuse(NotPremium{c.user_id}); }
  static Decision decide(const DeactivateUser&, const Basic& user) {
    return stele::happened(UserDeactivated{user.email});
  }

  static Decision decide(const StartPremium& c, const Premium&) {
    return stele::refuse(PremiumAlready{c.user_id});
  }
  static Decision decide(const EndPremium& c, const Premium&) {
    return stele::happened(PremiumEnded{c.reason});
  }
  // Who leaves is not premium any more.
  static Decision decide(const DeactivateUser&, const Premium& user) {
    return stele::happened(PremiumEnded{"deactivated"}, UserDeactivated{user.email});
  }

  // Asking twice is no mistake; everything else comes too late.
  static Decision decide(const DeactivateUser&, const Deactivated&) { return stele::happened(); }
  static Decision decide(const StartPremium& c, const Deactivated&) {
    return stele::refuse(UserIsDeactivated{c.user_id});
  }
  static Decision decide(const EndPremium& c, const Deactivated&) {
    return stele::refuse(UserIsDeactivated{c.user_id});
  }

  static State evolve(const Missing&, const CustomerRegistered& e) { return Basic{e.email}; }
  static State evolve(const Basic& user, const PremiumStarted&) { return Premium{user.email}; }
  static State evolve(const Premium& user, const PremiumEnded&) { return Basic{user.email}; }
  static State evolve(const Basic&, const UserDeactivated&) { return Deactivated{}; }
};
static_assert(stele::decider<User>);

}  // namespace crm
