// world_test.cpp - the whole shop on a machine that loses power: customers who order, pay, change their minds and ask
// twice, and a saga that must bring every order to one of its two ends.
//
// STELE_WORLD_SEEDS=130 is ten thousand orders and more; a seed that fails says how to run it alone.
#include "stele/world.hpp"

#include <gtest/gtest.h>

#include <map>

#include "engine/store_fixture.hpp"
#include "shop/fulfilment.hpp"
#include "shop/place_order.hpp"
#include "shop/views.hpp"
#include "stele/sqlite.hpp"

namespace shop {
namespace {

using namespace stele::literals;
using stele::errc;
using stele::Error;
using stele::World;
using Done = stele::result<void>;

constexpr std::uint64_t world_products = 6;
constexpr std::int64_t first_stock = 40;

std::string world_product(std::uint64_t i) { return "prod-" + std::to_string(i); }

struct ShopWorld {
  int orders = 0;

  Done open(World& w) {
    orders = 0;
    for (const auto& [id, limit] : {std::pair("rich", 100'000_money), std::pair("poor", 50_money)})
      STELE_CHECK(w.send<Customer>(RegisterCustomer{id, "N", "n@x", limit}));
    STELE_CHECK(w.send<Customer>(RegisterCustomer{"gone", "Gone", "g@x", 9_money}));
    STELE_CHECK(w.send<Customer>(DeactivateCustomer{"gone"}));
    for (std::uint64_t i = 0; i < world_products; ++i) {
      STELE_CHECK(w.send<Product>(
          ListProduct{world_product(i), "P", Money::from_units(static_cast<std::int64_t>(100 + i * 7))}));
      STELE_CHECK(w.send<Stock>(ReceiveStock{world_product(i), first_stock}));
    }
    return {};
  }

  std::string some_order(World& w) const {
    return "o" + std::to_string(w.below(static_cast<std::uint64_t>(orders) + 1));
  }

  Done place(World& w) {
    PlaceOrder order{"o" + std::to_string(orders++), "rich", {}, {"1 St", "X", "1"}, "card"};
    if (const auto who = w.below(20); who < 2) order.customer_id = who == 0 ? "poor" : "gone";
    for (auto items = 1 + w.below(3); items > 0; --items)
      order.items.push_back(
          {world_product(w.below(world_products)), 1 + static_cast<std::int64_t>(w.below(3))});
    if (const auto method = w.below(20); method > 10)
      order.payment_method = method < 14 ? "declined" : "transfer";
    STELE_CHECK(w.ask(
        [&](stele::EventStore& store, const stele::Context& context, const stele::HandleOptions& options) {
          return place_order(store, order, context, options);
        }));
    return {};
  }
  Done change_of_mind(World& w) const {
    STELE_CHECK(w.send<Order>(CancelOrder{some_order(w), "changed my mind"}));
    return {};
  }
  Done pay(World& w) const {
    STELE_CHECK(w.send<Payment>(ConfirmPayment{some_order(w)}));
    return {};
  }
  Done restock(World& w) const {
    STELE_CHECK(w.send<Stock>(ReceiveStock{world_product(w.below(world_products)), 5}));
    return {};
  }
};

// ---- Claims

// Whatever was received is there, kept for somebody, or gone to somebody.
Done nothing_gets_lost(World& w) {
  for (std::uint64_t i = 0; i < world_products; ++i) {
    std::int64_t received = 0;
    auto cursor = w.store().read_stream({.stream = "Stock-" + world_product(i), .from = {}});
    if (!cursor) continue;  // not yet
    STELE_TRY(const auto events, (*cursor)->next_batch(100'000));
    for (const auto& event : events)
      if (event.type == "StockReceived") {
        STELE_TRY(const auto read, stele::read_event<StockReceived>(event));
        received += read.quantity;
      }
    STELE_TRY(const auto stock, stele::Repository<Stock>(w.store()).load(world_product(i)));
    std::int64_t there = stock.state.available + stock.state.issued;
    for (const auto& [order, kept] : stock.state.reserved) there += kept;
    if (stock.state.available < 0 || there != received)
      return Error(errc::corrupt,
                   world_product(i) + ": " + std::to_string(there) + " of " + std::to_string(received));
  }
  return {};
}

struct Books {
  Money taken;
  std::map<std::string, std::int64_t> sold;
  int shipped = 0;
  int cancelled = 0;
};

Done add_order(World& w, const OrderPlaced& placed, Books& books) {
  STELE_TRY(const auto order, stele::Repository<Order>(w.store()).load(placed.order_id));
  STELE_TRY(const auto payment, stele::Repository<Payment>(w.store()).load(placed.order_id));
  if (std::holds_alternative<Order::Shipped>(order.state)) {
    ++books.shipped;
    books.taken -= placed.total;
    for (const OrderLine& line : placed.lines) books.sold[line.product_id] += line.quantity;
    if (std::holds_alternative<Payment::Captured>(payment.state)) return {};
    return Error(errc::corrupt, placed.order_id + " is shipped and not paid");
  }
  ++books.cancelled;
  if (!std::holds_alternative<Order::Cancelled>(order.state))
    return Error(errc::corrupt, placed.order_id + " is left open");
  if (!std::holds_alternative<Payment::Closed>(payment.state))
    return Error(errc::corrupt, placed.order_id + " is cancelled and its payment is not closed");
  return {};
}

Done read_books(World& w, Books& books) {
  STELE_TRY(const auto cursor, w.store().read({.query = stele::Query::all(), .from = {}}));
  while (true) {
    STELE_TRY(const auto events, cursor->next_batch(500));
    if (events.empty()) return {};
    for (const auto& event : events) {
      if (event.type == "PaymentCaptured") {
        STELE_TRY(const auto captured, stele::read_event<PaymentCaptured>(event));
        books.taken += captured.amount;
      } else if (event.type == "PaymentRefunded") {
        STELE_TRY(const auto refunded, stele::read_event<PaymentRefunded>(event));
        books.taken -= refunded.amount;
      } else if (event.type == "OrderPlaced") {
        STELE_TRY(const auto placed, stele::read_event<OrderPlaced>(event));
        STELE_CHECK(add_order(w, placed, books));
      }
    }
  }
}

Done the_books_balance(World& w, Books& all) {
  Books books;
  STELE_CHECK(read_books(w, books));
  if (books.taken != Money{})
    return Error(errc::corrupt, "taken beyond what was shipped: " + to_string(books.taken));
  for (std::uint64_t i = 0; i < world_products; ++i) {
    STELE_TRY(const auto stock, stele::Repository<Stock>(w.store()).load(world_product(i)));
    if (!stock.state.reserved.empty()) return Error(errc::corrupt, world_product(i) + " is kept for nobody");
    if (stock.state.issued != books.sold[world_product(i)])
      return Error(errc::corrupt, world_product(i) + " has left without an order");
  }
  all.shipped += books.shipped;
  all.cancelled += books.cancelled;
  return {};
}

std::vector<std::string> shown_orders(stele::ProjectionTarget& target) {
  std::vector<std::string> lines;
  auto snapshot = stele::test::must(static_cast<stele::SqliteTarget&>(target).snapshot());
  stele::test::must(snapshot.each("SELECT id, status, customer, total, version FROM orders ORDER BY id", {},
                                  [&](const stele::SqlRow& row) {
                                    lines.push_back(
                                        std::string(row.text(0)) + " " + std::string(row.text(1)) + " " +
                                        std::string(row.text(2)) + " " + std::to_string(row.integer(3)) +
                                        " v" + std::to_string(row.integer(4)));
                                  }));
  return lines;
}

stele::result<std::shared_ptr<stele::ProjectionTarget>> scratch_orders() {
  STELE_TRY(auto target, stele::SqliteTarget::scratch(stele::sqlite_projection<Orders>()));
  return std::shared_ptr<stele::ProjectionTarget>(std::move(target));
}

TEST(ShopWorld, each_order_is_completed_or_fully_compensated_whatever_happens) {
  ShopWorld shop;
  Books all;
  const auto report =
      stele::world("shop")
          .saga<Fulfilment>()
          .projection(scratch_orders, shown_orders)
          .begins([&](World& w) { return shop.open(w); })
          .people([&](World& w) { return shop.place(w); })
          .people([&](World& w) { return shop.place(w); })
          .people([&](World& w) { return shop.change_of_mind(w); })
          .people([&](World& w) { return shop.pay(w); })
          .people([&](World& w) { return shop.pay(w); })
          .people([&](World& w) { return w.below(4) == 0 ? shop.restock(w) : shop.place(w); })
          .always("goods are neither made nor lost", nothing_gets_lost)
          .in_the_end("stock and payments add up", [&](World& w) { return the_books_balance(w, all); })
          .seeds(stele::test::sanitized ? 1 : 4)
          .steps(stele::test::sanitized ? 80 : 150)
          .run();
  EXPECT_EQ(report.failed, 0u);
  EXPECT_GT(all.shipped, 0);
  EXPECT_GT(all.cancelled, 0);
  EXPECT_GT(report.timers, 0u);
  EXPECT_GT(report.lives, report.seeds);
  std::cout << "  " << report.seeds << " worlds: " << all.shipped + all.cancelled << " orders placed, "
            << all.shipped << " shipped, " << report.timers << " timers fired, " << report.lives << " lives, "
            << report.requests << " requests, " << report.repeats << " repeats, " << report.events
            << " events\n";
}

}  // namespace
}  // namespace shop
