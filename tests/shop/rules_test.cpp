// rules_test.cpp - the shop's rules, in the words of the people who run one: orders, stock, payments, carts, and what
// follows from an order over time.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "shop/cart.hpp"
#include "shop/customer.hpp"
#include "shop/fulfilment.hpp"
#include "shop/product.hpp"
#include "stele/spec.hpp"

namespace shop {
namespace {

using namespace stele::literals;
using std::chrono::minutes;
using stele::given;
using stele::given_saga;

const std::vector<OrderLine> lines{{"prod-101", 2, 29.99_money}, {"prod-205", 1, 49.99_money}};
const Address seattle{"400 Broad St", "Seattle", "98101"};
const OrderPlaced placed{"o-1", "cust-42", lines, 109.97_money, seattle, "transfer", "2026-03-04"};

// ---- Orders

TEST(OrderRules, an_accepted_order_says_when_it_will_arrive) {
  given<Order>()
      .asked_at(*stele::parse_time("2026-03-01T22:00Z"))
      .when(AcceptOrder{"o-1", "cust-42", lines, 109.97_money, seattle, "transfer"})
      .then(placed);
  given<Order>(placed).when(AcceptOrder{"o-1", "x", {}, {}, {}, ""}).then_refused(OrderTaken{"o-1"});
}

TEST(OrderRules, it_is_shipped_or_cancelled_and_then_stays_so) {
  given<Order>(placed).when(ShipOrder{"o-1", "t-1"}).then(OrderShipped{"o-1", "t-1"});
  given<Order>(placed).when(CancelOrder{"o-1", "why"}).then(OrderCancelled{"o-1", "why"});
  given<Order>(placed, OrderShipped{"o-1", "t-1"})
      .when(CancelOrder{"o-1", "why"})
      .then_refused(OrderIsShipped{"o-1"});
  given<Order>(placed, OrderCancelled{"o-1", "why"})
      .when(ShipOrder{"o-1", "t-1"})
      .then_refused(OrderIsCancelled{"o-1"});
  given<Order>(placed, OrderShipped{"o-1", "t-1"}).when(ShipOrder{"o-1", "t-2"}).then_nothing();
  given<Order>().when(CancelOrder{"o-9", "why"}).then_refused(NoSuchOrder{"o-9"});
}

TEST(OrderRules, the_address_changes_while_it_is_not_on_its_way) {
  const Address portland{"1 Main St", "Portland", "97201"};
  given<Order>(placed)
      .when(UpdateShippingAddress{"o-1", portland})
      .then(ShippingAddressUpdated{"o-1", portland});
  given<Order>(placed, OrderShipped{"o-1", "t-1"})
      .when(UpdateShippingAddress{"o-1", portland})
      .then_refused(OrderIsShipped{"o-1"});
}

// ---- Stock

TEST(StockRules, what_is_reserved_is_not_there_for_others) {
  given<Stock>(StockReceived{"p", 3}, InventoryReserved{"p", "o-1", 2})
      .when(ReserveInventory{"p", "o-2", 2})
      .then_refused(OutOfStock{"p", 1, 2});
  given<Stock>(StockReceived{"p", 3}, InventoryReserved{"p", "o-1", 2}, InventoryReleased{"p", "o-1", 2})
      .when(ReserveInventory{"p", "o-2", 3})
      .then(InventoryReserved{"p", "o-2", 3});
}

TEST(StockRules, a_quantity_is_from_one_to_a_million_and_so_is_what_is_there) {
  constexpr auto huge = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t wrong : {std::int64_t{0}, std::int64_t{-5}, most_of_one + 1, huge}) {
    const QuantityOutOfRange why{"p", wrong, most_of_one};
    given<Stock>().when(ReceiveStock{"p", wrong}).then_refused(why);
    given<Stock>().when(ReserveInventory{"p", "o-1", wrong}).then_refused(why);
  }
  given<Stock>().when(ReceiveStock{"p", most_of_one}).then(StockReceived{"p", most_of_one});
  given<Stock>(StockReceived{"p", most_of_one - 1})
      .when(ReceiveStock{"p", 2})
      .then_refused(QuantityOutOfRange{"p", 2, 1});
}

TEST(StockRules, releasing_and_issuing_twice_is_nothing_the_second_time) {
  given<Stock>(StockReceived{"p", 3}, InventoryReserved{"p", "o-1", 2})
      .when(ReleaseInventory{"p", "o-1"})
      .then(InventoryReleased{"p", "o-1", 2});
  given<Stock>(StockReceived{"p", 3}, InventoryReserved{"p", "o-1", 2}, InventoryIssued{"p", "o-1", 2})
      .when(ReleaseInventory{"p", "o-1"})
      .then_nothing();
  given<Stock>(StockReceived{"p", 3}).when(IssueInventory{"p", "o-1"}).then_nothing();
}

// ---- Payments

TEST(PaymentRules, the_method_decides_what_becomes_of_a_request) {
  given<Payment>().when(RequestPayment{"o-1", 10_money, "card"}).then(PaymentCaptured{"o-1", 10_money});
  given<Payment>()
      .when(RequestPayment{"o-1", 10_money, "declined"})
      .then(PaymentFailed{"o-1", "the card was declined"});
  given<Payment>().when(RequestPayment{"o-1", 10_money, "transfer"}).then(PaymentAwaited{"o-1", 10_money});
}

TEST(PaymentRules, a_reversed_payment_gives_back_what_was_captured_and_takes_nothing_any_more) {
  const PaymentAwaited awaited{"o-1", 10_money};
  const PaymentCaptured captured{"o-1", 10_money};
  given<Payment>(awaited, captured).when(ReversePayment{"o-1"}).then(PaymentRefunded{"o-1", 10_money});
  given<Payment>(awaited).when(ReversePayment{"o-1"}).then(PaymentVoided{"o-1"});
  given<Payment>(awaited, PaymentVoided{"o-1"})
      .when(ConfirmPayment{"o-1"})
      .then_refused(PaymentIsClosed{"o-1"});
  given<Payment>().when(ConfirmPayment{"o-1"}).then_refused(NoSuchPayment{"o-1"});
  given<Payment>(captured, PaymentRefunded{"o-1", 10_money}).when(ReversePayment{"o-1"}).then_nothing();
}

// ---- Customers, catalogue, carts

TEST(CatalogueRules, products_and_customers_are_listed_once) {
  given<Product>()
      .when(ListProduct{"p", "Pen", 0_money})
      .then_refused(PriceOutOfRange{0_money, highest_price});
  given<Product>(ProductListed{"p", "Pen", 1_money})
      .when(ListProduct{"p", "Pen", 1_money})
      .then_refused(ProductTaken{"p"});
  given<Product>(ProductListed{"p", "Pen", 1_money})
      .when(ChangePrice{"p", 2_money})
      .then(PriceChanged{"p", 2_money});
  given<Customer>(CustomerRegistered{"c", "Ada", "a@b", 1_money}, CustomerDeactivated{"c"})
      .when(DeactivateCustomer{"c"})
      .then_nothing();
  given<Customer>().when(DeactivateCustomer{"c"}).then_refused(NoSuchCustomer{"c"});
}

TEST(CartRules, items_come_and_go) {
  given<Cart>().when(AddItem{"u", "p", 2}).then(ItemAdded{"u", "p", 2});
  given<Cart>().when(AddItem{"u", "p", 0}).then_refused(QuantityOutOfRange{"p", 0, most_of_one});
  given<Cart>(ItemAdded{"u", "p", 2})
      .when(AddItem{"u", "p", most_of_one - 1})
      .then_refused(QuantityOutOfRange{"p", most_of_one - 1, most_of_one - 2});
  given<Cart>(ItemAdded{"u", "p", 2})
      .when(AddItem{"u", "q", most_of_one})
      .then(ItemAdded{"u", "q", most_of_one});
  given<Cart>(ItemAdded{"u", "p", 2}).when(RemoveItem{"u", "p"}).then(ItemRemoved{"u", "p"});
  given<Cart>().when(RemoveItem{"u", "p"}).then_nothing();
}

// ---- What follows from an order

TEST(FulfilmentRules, an_order_that_is_paid_is_shipped_and_its_goods_leave) {
  given_saga<Fulfilment>()
      .when(placed)
      .sends(RequestPayment{"o-1", 109.97_money, "transfer"})
      .schedules("payment", minutes(15))
      .when(PaymentCaptured{"o-1", 109.97_money})
      .sends(ShipOrder{"o-1", "track-o-1"})
      .cancels("payment")
      .when(OrderShipped{"o-1", "track-o-1"})
      .sends(IssueInventory{"prod-101", "o-1"}, IssueInventory{"prod-205", "o-1"})
      .completes();
}

TEST(FulfilmentRules, a_payment_that_fails_cancels_it_and_everything_is_taken_back) {
  given_saga<Fulfilment>(placed)
      .when(PaymentFailed{"o-1", "the card was declined"})
      .sends(CancelOrder{"o-1", "the card was declined"})
      .cancels("payment")
      .when(OrderCancelled{"o-1", "the card was declined"})
      .sends(ReleaseInventory{"prod-101", "o-1"}, ReleaseInventory{"prod-205", "o-1"}, ReversePayment{"o-1"})
      .completes();
}

TEST(FulfilmentRules, after_fifteen_minutes_without_a_payment_it_is_cancelled) {
  given_saga<Fulfilment>(placed)
      .after(minutes(14))
      .does_nothing()
      .after(minutes(1))
      .sends(CancelOrder{"o-1", "not paid within 15 minutes"});
}

TEST(FulfilmentRules, shipping_an_order_that_was_cancelled_meanwhile_ends_with_the_money_back) {
  given_saga<Fulfilment>(placed, PaymentCaptured{"o-1", 109.97_money})
      .when_refused(ShipOrder{"o-1", "track-o-1"}, OrderIsCancelled{"o-1"})
      .does_nothing()
      .when(OrderCancelled{"o-1", "changed my mind"})
      .sends(ReleaseInventory{"prod-101", "o-1"}, ReleaseInventory{"prod-205", "o-1"}, ReversePayment{"o-1"})
      .completes();
}

}  // namespace
}  // namespace shop
