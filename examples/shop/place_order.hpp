// place_order.hpp - one decision over many things: the customer, the prices, the stock of everything ordered. Either
// the order is placed and its goods are reserved, in one append that rests on exactly what was read, or nothing is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shop/customer.hpp"
#include "shop/order.hpp"
#include "shop/product.hpp"
#include "shop/stock.hpp"
#include "stele/handler.hpp"

namespace shop {

struct Wanted {
  std::string product_id;
  std::int64_t quantity = 0;
};
struct PlaceOrder {
  std::string order_id;
  std::string customer_id;
  std::vector<Wanted> items;
  Address shipping_address;
  std::string payment_method;
};
STELE_COMMAND(PlaceOrder, order_id, customer_id, items, shipping_address, payment_method);

struct NothingOrdered {
  std::string order_id;
};
STELE_REFUSAL(NothingOrdered, order_id);
struct CustomerInactive {
  std::string customer_id;
};
STELE_REFUSAL(CustomerInactive, customer_id);
struct CreditExceeded {
  Money credit_limit;
  Money total;
};
STELE_REFUSAL(CreditExceeded, credit_limit, total);

using PlacementRefusals = stele::refusals<NothingOrdered, NoSuchCustomer, CustomerInactive, CreditExceeded,
                                          NoSuchProduct, OutOfStock, QuantityOutOfRange, NoSuchOrder,
                                          OrderTaken, OrderIsShipped, OrderIsCancelled>;

struct Placement {
  stele::Outcome<PlacementRefusals> outcome;
  Money total{};  // not meaningful when refused
};

// Errors as stele::transact.
[[nodiscard]] stele::result<Placement> place_order(stele::EventStore& store, const PlaceOrder& command,
                                                   const stele::Context& context = {},
                                                   const stele::HandleOptions& options = {});

}  // namespace shop
