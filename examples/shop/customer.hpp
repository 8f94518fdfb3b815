// customer.hpp - people who may order, and for how much. Not their orders and not their carts.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "stele/decider.hpp"
#include "stele/decimal.hpp"

namespace shop {

using stele::Money;

struct CustomerRegistered {
  std::string customer_id;
  std::string name;
  std::string email;
  Money credit_limit;
};
STELE_EVENT(CustomerRegistered, 1, customer_id, name, email, credit_limit);
struct CustomerDeactivated {
  std::string customer_id;
};
STELE_EVENT(CustomerDeactivated, 1, customer_id);

struct RegisterCustomer {
  std::string customer_id;
  std::string name;
  std::string email;
  Money credit_limit;
};
STELE_COMMAND(RegisterCustomer, customer_id, name, email, credit_limit);
struct DeactivateCustomer {
  std::string customer_id;
};
STELE_COMMAND(DeactivateCustomer, customer_id);

struct NoSuchCustomer {
  std::string customer_id;
};
STELE_REFUSAL(NoSuchCustomer, customer_id);
struct CustomerTaken {
  std::string customer_id;
};
STELE_REFUSAL(CustomerTaken, customer_id);

struct Customer {
  static constexpr std::string_view category = "Customer";
  static const std::string& id(const auto& command) { return command.customer_id; }
  using Commands = stele::commands<RegisterCustomer, DeactivateCustomer>;
  using Events = stele::events<CustomerRegistered, CustomerDeactivated>;
  using Refusals = stele::refusals<NoSuchCustomer, CustomerTaken>;
  using Decision = stele::decision<Events, Refusals>;

  struct Missing {};
  struct Active {
    Money credit_limit;
  };
  struct Inactive {};
  using State = std::variant<Missing, Active, Inactive>;

  static Decision decide(const RegisterCustomer& c, const Missing&) {
    return stele::happened(CustomerRegistered{c.customer_id, c.name, c.email, c.credit_limit});
  }
  static Decision decide(const RegisterCustomer& c, const auto&) {
    return stele::refuse(CustomerTaken{c.customer_id});
  }
  static Decision decide(const DeactivateCustomer& c, const Missing&) {
    return stele::refuse(NoSuchCustomer{c.customer_id});
  }
  static Decision decide(const DeactivateCustomer& c, const Active&) {
    return stele::happened(CustomerDeactivated{c.customer_id});
  }
  static Decision decide(const DeactivateCustomer&, const Inactive&) { return stele::happened(); }

  static State evolve(const Missing&, const CustomerRegistered& e) { return Active{e.credit_limit}; }
  static State evolve(const Active&, const CustomerDeactivated&) { return Inactive{}; }
};
static_assert(stele::decider<Customer>);

}  // namespace shop
