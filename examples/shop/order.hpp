// order.hpp - an order from being placed to being shipped or cancelled. What it costs and whether there is enough of
// everything is decided where it is placed (place_order.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stele/decider.hpp"
#include "stele/decimal.hpp"

namespace shop {

using stele::Money;

struct OrderLine {
  std::string product_id;
  std::int64_t quantity = 0;
  Money unit_price;
};
struct Address {
  std::string street;
  std::string city;
  std::string postal_code;
};

struct OrderPlaced {
  std::string order_id;
  std::string customer_id;
  std::vector<OrderLine> lines;
  Money total;
  Address shipping_address;
  std::string payment_method;
  std::string estimated_delivery;  // a day: "2026-03-04"
};
STELE_EVENT(OrderPlaced, 1, order_id, customer_id, lines, total, shipping_address, payment_method,
            estimated_delivery);
struct ShippingAddressUpdated {
  std::string order_id;
  Address shipping_address;
};
STELE_EVENT(ShippingAddressUpdated, 1, order_id, shipping_address);
struct OrderShipped {
  std::string order_id;
  std::string tracking_number;
};
STELE_EVENT(OrderShipped, 1, order_id, tracking_number);
struct OrderCancelled {
  std::string order_id;
  std::string reason;
};
STELE_EVENT(OrderCancelled, 1, order_id, reason);

// What is left to say when everything an order rests on was found good.
struct AcceptOrder {
  std::string order_id;
  std::string customer_id;
  std::vector<OrderLine> lines;
  Money total;
  Address shipping_address;
  std::string payment_method;
};
STELE_COMMAND(AcceptOrder, order_id, customer_id, lines, total, shipping_address, payment_method);
struct UpdateShippingAddress {
  std::string order_id;
  Address shipping_address;
};
STELE_COMMAND(UpdateShippingAddress, order_id, shipping_address);
struct ShipOrder {
  std::string order_id;
  std::string tracking_number;
};
STELE_COMMAND(ShipOrder, order_id, tracking_number);
struct CancelOrder {
  std::string order_id;
  std::string reason;
};
STELE_COMMAND(CancelOrder, order_id, reason);

struct NoSuchOrder {
  std::string order_id;
};
STELE_REFUSAL(NoSuchOrder, order_id);
struct OrderTaken {
  std::string order_id;
};
STELE_REFUSAL(OrderTaken, order_id);
struct OrderIsShipped {
  std::string order_id;
};
STELE_REFUSAL(OrderIsShipped, order_id);
struct OrderIsCancelled {
  std::string order_id;
};
STELE_REFUSAL(OrderIsCancelled, order_id);

struct Order {
  static constexpr std::string_view category = "Order";
  static const std::string& id(const auto& command) { return command.order_id; }
  using Commands = stele::commands<AcceptOrder, UpdateShippingAddress, ShipOrder, CancelOrder>;
  using Events = stele::events<OrderPlaced, ShippingAddressUpdated, OrderShipped, OrderCancelled>;
  using Refusals = stele::refusals<NoSuchOrder, OrderTaken, OrderIsShipped, OrderIsCancelled>;
  using Decision = stele::decision<Events, Refusals>;

  struct Missing {};
  struct Placed {};
  struct Shipped {};
  struct Cancelled {};
  using State = std::variant<Missing, Placed, Shipped, Cancelled>;

  static Decision decide(const AcceptOrder& c, const Missing&, const stele::Asked& asked) {
    const auto delivery = stele::to_string(asked.at + std::chrono::days(3)).substr(0, 10);
    return stele::happened(OrderPlaced{c.order_id, c.customer_id, c.lines, c.total, c.shipping_address,
                                       c.payment_method, delivery});
  }
  static Decision decide(const AcceptOrder& c, const auto&) { return stele::refuse(OrderTaken{c.order_id}); }
  static Decision decide(const auto& c, const Missing&) { return stele::refuse(NoSuchOrder{c.order_id}); }

  static Decision decide(const UpdateShippingAddress& c, const Placed&) {
    return stele::happened(ShippingAddressUpdated{c.order_id, c.shipping_address});
  }
  static Decision decide(const ShipOrder& c, const Placed&) {
    return stele::happened(OrderShipped{c.order_id, c.tracking_number});
  }
  static Decision decide(const CancelOrder& c, const Placed&) {
    return stele::happened(OrderCancelled{c.order_id, c.reason});
  }

  static Decision decide(const ShipOrder&, const Shipped&) { return stele::happened(); }
  static Decision decide(const UpdateShippingAddress& c, const Shipped&) {
    return stele::refuse(OrderIsShipped{c.order_id});
  }
  static Decision decide(const CancelOrder& c, const Shipped&) {
    return stele::refuse(OrderIsShipped{c.order_id});
  }
  static Decision decide(const CancelOrder&, const Cancelled&) { return stele::happened(); }
  static Decision decide(const UpdateShippingAddress& c, const Cancelled&) {
    return stele::refuse(OrderIsCancelled{c.order_id});
  }
  static Decision decide(const ShipOrder& c, const Cancelled&) {
    return stele::refuse(OrderIsCancelled{c.order_id});
  }

  static State evolve(const Missing&, const OrderPlaced&) { return Placed{}; }
  static State evolve(const Placed&, const ShippingAddressUpdated&) { return Placed{}; }
  static State evolve(const Placed&, const OrderShipped&) { return Shipped{}; }
  static State evolve(const Placed&, const OrderCancelled&) { return Cancelled{}; }
};
static_assert(stele::decider<Order>);

}  // namespace shop
