// aggregates.cpp - what of the shop can be looked at through time.
#include "shop/cart.hpp"
#include "shop/customer.hpp"
#include "shop/order.hpp"
#include "shop/payment.hpp"
#include "shop/product.hpp"
#include "shop/shop.hpp"
#include "shop/stock.hpp"
#include "stele/history.hpp"

namespace shop {

std::shared_ptr<const stele::Aggregates> aggregates() {
  return stele::aggregates<Order, Cart, Customer, Product, Stock, Payment>();
}

}  // namespace shop
