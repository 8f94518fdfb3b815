// views.hpp - what people ask a shop, and the read models that answer: the order as one flat document with everything
// joined beforehand, and the items of a cart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shop/cart.hpp"
#include "shop/customer.hpp"
#include "shop/order.hpp"
#include "shop/payment.hpp"
#include "shop/product.hpp"
#include "stele/sqlite.hpp"
#include "stele/wire.hpp"

namespace shop {

// ---- Answers

struct OrderItem {
  std::string product_id;
  std::string product_name;
  std::int64_t quantity = 0;
  Money unit_price;
  Money line_total;
};
struct OrderDocument {
  std::string order_id;
  std::string status;  // "placed", "paid", "shipped" or "cancelled"
  std::string customer_id;
  std::string customer_name;
  std::string customer_email;
  std::vector<OrderItem> items;
  Money total;
  std::string shipping_address;  // one line: "400 Broad St, Seattle 98101"
  std::string estimated_delivery;
  std::optional<std::string> tracking_number;
  std::optional<std::string> cancel_reason;
  std::uint64_t version = 0;  // the revision of the order's last event
};

struct CartItem {
  std::string product_id;
  std::string product_name;
  std::int64_t quantity = 0;
  Money unit_price;  // as it is listed now
};
struct CartDocument {
  std::string user_id;
  std::vector<CartItem> items;
  Money total;
};

// ---- Models

// Orders with the names of their customers and products as they were when the order was placed.
struct Orders {
  static constexpr std::string_view name = "orders";
  static constexpr int version = 1;
  // Other domains of the same log have customers, too.
  static constexpr std::string_view categories[] = {Customer::category, Product::category, Order::category,
                                                    Payment::category};
  static constexpr std::string_view schema =
      "CREATE TABLE customer(id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL) STRICT, WITHOUT "
      "ROWID;"
      "CREATE TABLE product(id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID;"
      "CREATE TABLE orders(id TEXT PRIMARY KEY, status TEXT NOT NULL, customer TEXT NOT NULL,"
      " customer_name TEXT NOT NULL, customer_email TEXT NOT NULL, total INTEGER NOT NULL, address TEXT NOT "
      "NULL,"
      " delivery TEXT NOT NULL, tracking TEXT, reason TEXT, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
      "CREATE TABLE item(order_id TEXT NOT NULL, line INTEGER NOT NULL, product TEXT NOT NULL, name TEXT NOT "
      "NULL,"
      " quantity INTEGER NOT NULL, price INTEGER NOT NULL, PRIMARY KEY(order_id, line)) STRICT, WITHOUT "
      "ROWID";
  using Events = stele::events<CustomerRegistered, ProductListed, OrderPlaced, ShippingAddressUpdated,
                               PaymentCaptured, OrderShipped, OrderCancelled>;

  using Done = stele::result<void>;
  static Done project(stele::SqliteModel& model, const CustomerRegistered& e);
  static Done project(stele::SqliteModel& model, const ProductListed& e);
  static Done project(stele::SqliteModel& model, const OrderPlaced& e, const stele::EventView& at);
  static Done project(stele::SqliteModel& model, const ShippingAddressUpdated& e, const stele::EventView& at);
  static Done project(stele::SqliteModel& model, const PaymentCaptured& e);
  static Done project(stele::SqliteModel& model, const OrderShipped& e, const stele::EventView& at);
  static Done project(stele::SqliteModel& model, const OrderCancelled& e, const stele::EventView& at);
};

// The items of every cart, by user.
struct Carts {
  static constexpr std::string_view name = "carts";
  static constexpr int version = 1;
  static constexpr std::string_view schema =
      "CREATE TABLE product(id TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER NOT NULL) STRICT, WITHOUT "
      "ROWID;"
      "CREATE TABLE cart_item(user_id TEXT NOT NULL, product TEXT NOT NULL, quantity INTEGER NOT NULL,"
      " PRIMARY KEY(user_id, product)) STRICT, WITHOUT ROWID";
  using Events = stele::events<ProductListed, PriceChanged, ItemAdded, ItemRemoved>;

  using Done = stele::result<void>;
  static Done project(stele::SqliteModel& model, const ProductListed& e);
  static Done project(stele::SqliteModel& model, const PriceChanged& e);
  static Done project(stele::SqliteModel& model, const ItemAdded& e);
  static Done project(stele::SqliteModel& model, const ItemRemoved& e);
};

// ---- Questions

// Errors: not_found.
[[nodiscard]] stele::result<OrderDocument> order_of(stele::SqliteSnapshot& orders, std::string_view order_id);
// A user without items has an empty cart.
[[nodiscard]] stele::result<CartDocument> cart_of(stele::SqliteSnapshot& carts, std::string_view user_id);

}  // namespace shop
