// app_test.cpp - the shop over HTTP: placing, looking up, cancelling, and who gets the last one.
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>

#include "shop/place_order.hpp"
#include "shop/shop.hpp"
#include "stele/handler.hpp"
#include "support/http_client.hpp"
#include "support/temp_directory.hpp"

namespace shop {
namespace {

using namespace stele::literals;
using stele::test::Headers;
using stele::test::Reply;

constexpr std::string_view alices_order =
    R"({"orderId":"order-1","customerId":"cust-42","items":[{"productId":"prod-101","quantity":2},)"
    R"({"productId":"prod-205","quantity":1}],"shippingAddress":{"street":"400 Broad St","city":"Seattle",)"
    R"("postalCode":"98101"}})";

// One bottle, with an order id, a customer and a method of payment to choose.
std::string order(const std::string& id, const std::string& customer, const std::string& product,
                  const std::string& method = "card") {
  return R"({"orderId":")" + id + R"(","customerId":")" + customer + R"(","items":[{"productId":")" +
         product +
         R"(","quantity":1}],"shippingAddress":{"street":"1 Main St","city":"Salem","postalCode":"97301"},)" +
         R"("paymentMethod":")" + method + R"("})";
}

class ShopTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = take(stele::open(dir_ / "store"));
    ASSERT_TRUE(seed(*store_));
    ASSERT_TRUE(seed(*store_)) << "again, it changes nothing";
    stele::SagaOptions options;
    options.clock = &clock_;
    shop_ = take(Shop::open(*store_, dir_ / "models", options));
    app_ = std::make_unique<stele::App>("shop", "1");
    shop_->attach(*app_);
    stele::ServerOptions serving;
    serving.port = 0;
    server_ = take(stele::Server::start(*store_, app_.get(), serving));
    http_ = std::make_unique<stele::test::HttpClient>(server_->port());
  }
  void TearDown() override {
    http_.reset();
    server_.reset();
    app_.reset();
    shop_.reset();
    store_.reset();
  }
  template <class T>
  T take(stele::result<T> from) {
    EXPECT_TRUE(from) << from.error().to_string();
    return *std::move(from);
  }
  Reply post(const std::string& target, std::string_view body, const Headers& headers = {}) {
    return http_->post(target, body, headers);
  }
  // When everything that follows from what was done is done, and visible.
  Reply settled(const std::string& target) {
    EXPECT_TRUE(shop_->fulfilment().settle(std::chrono::minutes(1)));
    return http_->get(target + "?after_position=" + std::to_string(store_->head().position.value()));
  }

  stele::test::TempDirectory dir_;
  stele::ManualClock clock_{std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now())};
  std::unique_ptr<stele::EventStore> store_;
  std::unique_ptr<Shop> shop_;
  std::unique_ptr<stele::App> app_;
  std::unique_ptr<stele::Server> server_;
  std::unique_ptr<stele::test::HttpClient> http_;
};

TEST_F(ShopTest, the_order_document_is_flat_and_joined_field_for_field) {
  const auto placed = post("/api/orders", alices_order);
  ASSERT_EQ(placed.status, 201) << placed.body;
  EXPECT_EQ(placed.at("/total"), "109.97");
  EXPECT_EQ(placed.header("location"), "/api/orders/order-1");
  const auto found = settled("/api/orders/order-1");
  ASSERT_EQ(found.status, 200) << found.body;
  EXPECT_EQ(found.at("/status"), "shipped");
  EXPECT_EQ(found.at("/customerId"), "cust-42");
  EXPECT_EQ(found.at("/customerName"), "Alice Johnson");
  EXPECT_EQ(found.at("/customerEmail"), "alice@example.com");
  EXPECT_EQ(found.at("/items/0/productName"), "Wireless Mouse");
  EXPECT_EQ(found.at("/items/0/quantity"), "2");
  EXPECT_EQ(found.at("/items/0/unitPrice"), "29.99");
  EXPECT_EQ(found.at("/items/0/lineTotal"), "59.98");
  EXPECT_EQ(found.at("/items/1/lineTotal"), "49.99");
  EXPECT_EQ(found.at("/total"), "109.97");
  EXPECT_EQ(found.at("/shippingAddress"), "400 Broad St, Seattle 98101");
  EXPECT_EQ(found.at("/estimatedDelivery").size(), 10u);
  EXPECT_EQ(found.at("/trackingNumber"), "track-order-1");
  EXPECT_EQ(http_->get("/api/orders/order-9").status, 404);
  const auto day = found.at("/estimatedDelivery");
  EXPECT_EQ(
      found.body,
      R"({"orderId":"order-1","status":"shipped","customerId":"cust-42","customerName":"Alice Johnson",)"
      R"("customerEmail":"alice@example.com","items":[{"productId":"prod-101","productName":"Wireless Mouse",)"
      R"("quantity":2,"unitPrice":"29.99","lineTotal":"59.98"},{"productId":"prod-205","productName":)"
      R"("Mechanical Keyboard","quantity":1,"unitPrice":"49.99","lineTotal":"49.99"}],"total":"109.97",)"
      R"("shippingAddress":"400 Broad St, Seattle 98101","estimatedDelivery":")" +
          day + R"(","trackingNumber":"track-order-1","version":1})");
}

TEST_F(ShopTest, placing_reserves_in_the_same_append) {
  const auto before = store_->head().position.value();
  shop_->fulfilment().stop();
  const auto placed = post("/api/orders", alices_order);
  ASSERT_EQ(placed.status, 201);
  EXPECT_EQ(placed.at("/position"), std::to_string(before + 3)) << "two reservations and the order";
}

TEST_F(ShopTest, the_same_request_again_is_the_same_order) {
  const auto first = post("/api/orders", alices_order, {{"Idempotency-Key", "k-1"}});
  const auto again = post("/api/orders", alices_order, {{"Idempotency-Key", "k-1"}});
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(post("/api/orders", alices_order).status, 422) << "another request for the same order";
}

TEST_F(ShopTest, a_refusal_names_the_rule_and_its_facts) {
  const auto too_much =
      post("/api/orders", R"({"customerId":"cust-7","items":[{"productId":"prod-205","quantity":3}],)"
                          R"("shippingAddress":{"street":"s","city":"c","postalCode":"p"}})");
  ASSERT_EQ(too_much.status, 422) << too_much.body;
  EXPECT_EQ(too_much.at("/rule"), "CreditExceeded");
  EXPECT_EQ(too_much.at("/creditLimit"), "100.00");
  EXPECT_EQ(too_much.at("/total"), "149.97");
  EXPECT_EQ(post("/api/orders", order("o", "nobody", "prod-101")).status, 404);
  EXPECT_EQ(post("/api/orders", order("o", "cust-42", "prod-9")).at("/rule"), "NoSuchProduct");
  EXPECT_EQ(post("/api/orders", order("o/1", "cust-42", "prod-101")).status, 400);
  EXPECT_EQ(post("/api/orders", R"({"customerId":7})").status, 400);
  EXPECT_EQ(http_->get("/api/orders/o").status, 404) << "and nothing was appended";
}

TEST_F(ShopTest, a_declined_card_cancels_the_order_and_releases_the_goods) {
  ASSERT_EQ(post("/api/orders", order("o-1", "cust-42", "prod-101", "declined")).status, 201);
  const auto found = settled("/api/orders/o-1");
  EXPECT_EQ(found.at("/status"), "cancelled");
  EXPECT_EQ(found.at("/cancelReason"), "the card was declined");
  const auto stock = take(stele::Repository<Stock>(*store_).load("prod-101"));
  EXPECT_EQ(stock.state.available, 1000);
}

TEST_F(ShopTest, a_transfer_is_awaited_for_fifteen_minutes) {
  ASSERT_EQ(post("/api/orders", order("paid", "cust-42", "prod-101", "transfer")).status, 201);
  ASSERT_EQ(post("/api/orders", order("late", "cust-42", "prod-101", "transfer")).status, 201);
  EXPECT_EQ(settled("/api/orders/paid").at("/status"), "placed");
  ASSERT_EQ(post("/api/orders/paid/payment", "").status, 200);
  EXPECT_EQ(settled("/api/orders/paid").at("/status"), "shipped");
  clock_.advance(std::chrono::minutes(16));
  EXPECT_EQ(settled("/api/orders/late").at("/status"), "cancelled");
  const auto too_late = post("/api/orders/late/payment", "");
  EXPECT_EQ(too_late.status, 422);
  EXPECT_EQ(too_late.at("/rule"), "PaymentIsClosed");
}

TEST_F(ShopTest, address_and_cancellation_until_it_is_shipped) {
  ASSERT_EQ(post("/api/orders", order("o-1", "cust-42", "prod-101", "transfer")).status, 201);
  EXPECT_EQ(
      post("/api/orders/o-1/address", R"({"street":"2 Elm St","city":"Bend","postalCode":"97701"})").status,
      200);
  EXPECT_EQ(settled("/api/orders/o-1").at("/shippingAddress"), "2 Elm St, Bend 97701");
  EXPECT_EQ(post("/api/orders/o-1/cancel", R"({"reason":"changed my mind"})").status, 200);
  EXPECT_EQ(settled("/api/orders/o-1").at("/status"), "cancelled");
  EXPECT_EQ(post("/api/orders/none/cancel", R"({"reason":"x"})").status, 404);
}

TEST_F(ShopTest, a_cart_holds_what_was_put_in_it) {
  EXPECT_EQ(post("/api/carts/ada/items", R"({"productId":"prod-101","quantity":1})").status, 200);
  EXPECT_EQ(post("/api/carts/ada/items", R"({"productId":"prod-101","quantity":2})").status, 200);
  EXPECT_EQ(post("/api/carts/ada/items", R"({"productId":"prod-205","quantity":1})").status, 200);
  EXPECT_EQ(post("/api/carts/eve/items", R"({"productId":"prod-310","quantity":0})").status, 422);
  auto cart = settled("/api/carts/ada");
  EXPECT_EQ(cart.at("/items/0/productName"), "Wireless Mouse");
  EXPECT_EQ(cart.at("/items/0/quantity"), "3");
  EXPECT_EQ(cart.at("/total"), "139.96");
  EXPECT_EQ(http_->send("DELETE", "/api/carts/ada/items/prod-101", "", {}).status, 200);
  cart = settled("/api/carts/ada");
  EXPECT_EQ(cart.at("/total"), "49.99");
  EXPECT_EQ(settled("/api/carts/eve").at("/total"), "0.00");
}

TEST_F(ShopTest, a_quantity_no_warehouse_has_is_refused_and_the_models_go_on) {
  const std::string huge = R"({"productId":"prod-101","quantity":9223372036854775807})";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(post("/api/carts/ada/items", huge).at("/rule"), "QuantityOutOfRange");
  EXPECT_EQ(post("/api/carts/ada/items", R"({"productId":"prod-101","quantity":1000000})").status, 200);
  EXPECT_EQ(post("/api/carts/ada/items", R"({"productId":"prod-101","quantity":1})").at("/most"), "0");
  EXPECT_EQ(settled("/api/carts/ada").at("/items/0/quantity"), "1000000");
}

TEST_F(ShopTest, each_item_of_an_order_counts_for_itself_and_their_sum_too) {
  const auto asked = [&](std::vector<Wanted> items) {
    const PlaceOrder wanted{"o-9", "cust-42", std::move(items), {"s", "c", "p"}, "card"};
    const auto placed = take(place_order(*store_, wanted));
    return placed.outcome.refusal ? std::string(stele::type_name(*placed.outcome.refusal)) : "";
  };
  EXPECT_EQ(asked({{"prod-101", 7}, {"prod-101", -5}}), "QuantityOutOfRange");
  EXPECT_EQ(asked({{"prod-101", 600'000}, {"prod-101", 600'000}}), "QuantityOutOfRange");
  constexpr auto huge = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(asked({{"prod-101", huge}, {"prod-101", huge}}), "QuantityOutOfRange");
  EXPECT_EQ(asked({{"prod-101", 1}, {"prod-101", 1}}), "");
}

// Of `shoppers` who want the last one at once: how many got it, how many were told why not.
std::pair<int, int> fight_for_the_last(stele::EventStore& store, const std::string& product, int shoppers) {
  std::atomic<int> winners = 0;
  std::atomic<int> told = 0;
  std::vector<std::thread> all;
  for (int i = 0; i < shoppers; ++i)
    all.emplace_back([&, i] {
      const PlaceOrder wanted{
          product + "-" + std::to_string(i), "cust-42", {{product, 1}}, {"s", "c", "p"}, "card"};
      stele::HandleOptions options;
      options.max_tries = 1000;
      const auto placed = place_order(store, wanted, {}, options);
      ASSERT_TRUE(placed) << placed.error().to_string();
      if (placed->outcome.accepted()) ++winners;
      if (placed->outcome.refusal && stele::type_name(*placed->outcome.refusal) == "OutOfStock") ++told;
    });
  for (std::thread& each : all) each.join();
  return {winners, told};
}

TEST_F(ShopTest, of_two_and_of_sixty_four_who_want_the_last_one_exactly_one_gets_it) {
  for (const int shoppers : {2, 64}) {
    const auto product = "rare-" + std::to_string(shoppers);
    ASSERT_EQ(
        post("/api/products", R"({"productId":")" + product + R"(","name":"Rare","price":"1.00"})").status,
        201);
    ASSERT_EQ(post("/api/products/" + product + "/stock", R"({"quantity":1})").status, 200);
    EXPECT_EQ(fight_for_the_last(*store_, product, shoppers), std::pair(1, shoppers - 1));
  }
}

TEST_F(ShopTest, a_price_nobody_could_add_up_is_refused) {
  const auto listed = [&](const std::string& price) {
    return post("/api/products",
                R"({"productId":"p-)" + price + R"(","name":"Yacht","price":")" + price + "\"}");
  };
  EXPECT_EQ(listed("90071992547409.93").at("/rule"), "PriceOutOfRange");
  EXPECT_EQ(listed("-1.00").at("/rule"), "PriceOutOfRange");
  EXPECT_EQ(listed("1000000.01").at("/most"), "1000000.00");
  EXPECT_EQ(listed("1000000.00").status, 201);
  // A cart of the most there can be, at the highest price.
  ASSERT_EQ(post("/api/carts/eve/items", R"({"productId":"p-1000000.00","quantity":1000000})").status, 200);
  EXPECT_EQ(settled("/api/carts/eve").at("/total"), "1000000000000.00");
}

TEST_F(ShopTest, readiness_and_metrics_speak_of_it) {
  EXPECT_EQ(http_->get("/readyz").status, 200);
  EXPECT_NE(http_->get("/metrics").body.find("stele_saga_position{saga=\"Fulfilment\"}"), std::string::npos);
}

}  // namespace
}  // namespace shop
