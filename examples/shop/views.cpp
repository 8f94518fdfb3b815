// views.cpp - how each event changes the shop's read models, and the questions put to them.
#include "shop/views.hpp"

namespace shop {
namespace {

using stele::EventView;
using stele::result;
using stele::SqliteModel;
using stele::SqlRow;

std::string one_line(const Address& address) {
  return address.street + ", " + address.city + " " + address.postal_code;
}

Money money_at(const SqlRow& row, int column) { return Money::from_units(row.integer(column)); }
std::optional<std::string> maybe_text(const SqlRow& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(std::string(row.text(column)));
}

result<void> done(const result<std::int64_t>& ran) {
  if (!ran) return ran.error();
  return {};
}

result<void> add_item(SqliteModel& model, const std::string& order_id, std::size_t line,
                      const OrderLine& item) {
  return done(
      model.run("INSERT INTO item SELECT ?1, ?2, ?3, coalesce((SELECT name FROM product WHERE id = ?3), ''),"
                " ?4, ?5",
                {order_id, line, item.product_id, item.quantity, item.unit_price}));
}

}  // namespace

// ---- orders

result<void> Orders::project(SqliteModel& model, const CustomerRegistered& e) {
  return done(model.run("INSERT OR REPLACE INTO customer VALUES(?, ?, ?)", {e.customer_id, e.name, e.email}));
}
result<void> Orders::project(SqliteModel& model, const ProductListed& e) {
  return done(model.run("INSERT OR REPLACE INTO product VALUES(?, ?)", {e.product_id, e.name}));
}
result<void> Orders::project(SqliteModel& model, const OrderPlaced& e, const EventView& at) {
  STELE_CHECK(model.run(
      "INSERT INTO orders SELECT ?1, 'placed', ?2,"
      " coalesce((SELECT name FROM customer WHERE id = ?2), ''),"
      " coalesce((SELECT email FROM customer WHERE id = ?2), ''), ?3, ?4, ?5, NULL, NULL, ?6",
      {e.order_id, e.customer_id, e.total, one_line(e.shipping_address), e.estimated_delivery, at.revision}));
  for (std::size_t line = 0; line < e.lines.size(); ++line)
    STELE_CHECK(add_item(model, e.order_id, line, e.lines[line]));
  model.changed(e.order_id);
  return {};
}
result<void> Orders::project(SqliteModel& model, const ShippingAddressUpdated& e, const EventView& at) {
  model.changed(e.order_id);
  return done(model.run("UPDATE orders SET address = ?2, version = ?3 WHERE id = ?1",
                        {e.order_id, one_line(e.shipping_address), at.revision}));
}
// Of an order that was cancelled meanwhile the money is on its way back.
result<void> Orders::project(SqliteModel& model, const PaymentCaptured& e) {
  model.changed(e.order_id);
  return done(
      model.run("UPDATE orders SET status = 'paid' WHERE id = ? AND status = 'placed'", {e.order_id}));
}
result<void> Orders::project(SqliteModel& model, const OrderShipped& e, const EventView& at) {
  model.changed(e.order_id);
  return done(model.run("UPDATE orders SET status = 'shipped', tracking = ?2, version = ?3 WHERE id = ?1",
                        {e.order_id, e.tracking_number, at.revision}));
}
result<void> Orders::project(SqliteModel& model, const OrderCancelled& e, const EventView& at) {
  model.changed(e.order_id);
  return done(model.run("UPDATE orders SET status = 'cancelled', reason = ?2, version = ?3 WHERE id = ?1",
                        {e.order_id, e.reason, at.revision}));
}

// ---- carts

result<void> Carts::project(SqliteModel& model, const ProductListed& e) {
  return done(model.run("INSERT OR REPLACE INTO product VALUES(?, ?, ?)", {e.product_id, e.name, e.price}));
}
result<void> Carts::project(SqliteModel& model, const PriceChanged& e) {
  return done(model.run("UPDATE product SET price = ?2 WHERE id = ?1", {e.product_id, e.price}));
}
result<void> Carts::project(SqliteModel& model, const ItemAdded& e) {
  model.changed(e.user_id);
  return done(
      model.run("INSERT INTO cart_item VALUES(?, ?, ?) ON CONFLICT(user_id, product) DO UPDATE"
                " SET quantity = quantity + excluded.quantity",
                {e.user_id, e.product_id, e.quantity}));
}
result<void> Carts::project(SqliteModel& model, const ItemRemoved& e) {
  model.changed(e.user_id);
  return done(
      model.run("DELETE FROM cart_item WHERE user_id = ? AND product = ?", {e.user_id, e.product_id}));
}

// ---- Questions

result<OrderDocument> order_of(stele::SqliteSnapshot& orders, std::string_view order_id) {
  OrderDocument order;
  STELE_TRY(
      const bool found,
      orders.first("SELECT id, status, customer, customer_name, customer_email, total, address, delivery,"
                   " tracking, reason, version FROM orders WHERE id = ?",
                   {order_id}, [&](const SqlRow& row) {
                     order.order_id = row.text(0);
                     order.status = row.text(1);
                     order.customer_id = row.text(2);
                     order.customer_name = row.text(3);
                     order.customer_email = row.text(4);
                     order.total = money_at(row, 5);
                     order.shipping_address = row.text(6);
                     order.estimated_delivery = row.text(7);
                     order.tracking_number = maybe_text(row, 8);
                     order.cancel_reason = maybe_text(row, 9);
                     order.version = static_cast<std::uint64_t>(row.integer(10));
                   }));
  if (!found)
    return stele::Error(stele::errc::not_found, "there is no order " + std::string(order_id))
        .with("order", std::string(order_id));
  STELE_CHECK(orders.each("SELECT product, name, quantity, price FROM item WHERE order_id = ? ORDER BY line",
                          {order_id}, [&](const SqlRow& row) {
                            const Money price = money_at(row, 3);
                            order.items.push_back({std::string(row.text(0)), std::string(row.text(1)),
                                                   row.integer(2), price, price * row.integer(2)});
                          }));
  return order;
}

result<CartDocument> cart_of(stele::SqliteSnapshot& carts, std::string_view user_id) {
  CartDocument cart;
  cart.user_id = user_id;
  STELE_CHECK(
      carts.each("SELECT c.product, coalesce(p.name, ''), c.quantity, coalesce(p.price, 0) FROM cart_item c"
                 " LEFT JOIN product p ON p.id = c.product WHERE c.user_id = ? ORDER BY c.product",
                 {user_id}, [&](const SqlRow& row) {
                   cart.items.push_back({std::string(row.text(0)), std::string(row.text(1)), row.integer(2),
                                         money_at(row, 3)});
                 }));
  for (const CartItem& item : cart.items) cart.total += item.unit_price * item.quantity;
  return cart;
}

}  // namespace shop
