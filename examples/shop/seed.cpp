// seed.cpp - a little shop to begin with.
#include "shop/place_order.hpp"
#include "shop/shop.hpp"

namespace shop {
namespace {

using namespace stele::literals;

// Under a key that never changes: done again, also by another process, it is recognised.
template <class D, class C>
stele::result<void> once(stele::EventStore& store, const C& command, const std::string& what) {
  const auto done =
      stele::handle<D>(store, command, {.user = "seed", .idempotency_key = "shop/seed/" + what});
  if (!done && done.error().kind() != stele::errc::invalid) return done.error();
  return {};
}

stele::result<void> sell(stele::EventStore& store, const std::string& product, const std::string& name,
                         Money price) {
  STELE_CHECK(once<Product>(store, ListProduct{product, name, price}, product));
  return once<Stock>(store, ReceiveStock{product, 1000}, product + "/stock");
}

}  // namespace

stele::result<void> seed(stele::EventStore& store) {
  STELE_CHECK(once<Customer>(
      store, RegisterCustomer{"cust-42", "Alice Johnson", "alice@example.com", 5'000_money}, "cust-42"));
  STELE_CHECK(once<Customer>(store, RegisterCustomer{"cust-7", "Bob Miller", "bob@example.com", 100_money},
                             "cust-7"));
  STELE_CHECK(sell(store, "prod-101", "Wireless Mouse", 29.99_money));
  STELE_CHECK(sell(store, "prod-205", "Mechanical Keyboard", 49.99_money));
  return sell(store, "prod-310", "USB-C Cable", 9.99_money);
}

}  // namespace shop
