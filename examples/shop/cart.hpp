// cart.hpp - what somebody means to buy: one cart for each user. Prices and stock are not promised by it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "shop/stock.hpp"
#include "stele/decider.hpp"

namespace shop {

struct ItemAdded {
  std::string user_id;
  std::string product_id;
  std::int64_t quantity;
};
STELE_EVENT(ItemAdded, 1, user_id, product_id, quantity);
struct ItemRemoved {
  std::string user_id;
  std::string product_id;
};
STELE_EVENT(ItemRemoved, 1, user_id, product_id);

struct AddItem {
  std::string user_id;
  std::string product_id;
  std::int64_t quantity;
};
STELE_COMMAND(AddItem, user_id, product_id, quantity);
struct RemoveItem {
  std::string user_id;
  std::string product_id;
};
STELE_COMMAND(RemoveItem, user_id, product_id);

struct Cart {
  static constexpr std::string_view category = "Cart";
  static const std::string& id(const auto& command) { return command.user_id; }
  using Commands = stele::commands<AddItem, RemoveItem>;
  using Events = stele::events<ItemAdded, ItemRemoved>;
  using Refusals = stele::refusals<QuantityOutOfRange>;
  using Decision = stele::decision<Events, Refusals>;
  struct State {
    std::map<std::string, std::int64_t> items{};
  };

  static Decision decide(const AddItem& c, const State& cart) {
    const auto known = cart.items.find(c.product_id);
    const auto most = most_of_one - (known == cart.items.end() ? 0 : known->second);
    if (c.quantity < 1 || c.quantity > most)
      return stele::refuse(QuantityOutOfRange{c.product_id, c.quantity, most});
    return stele::happened(ItemAdded{c.user_id, c.product_id, c.quantity});
  }
  static Decision decide(const RemoveItem& c, const State& cart) {
    if (!cart.items.contains(c.product_id)) return stele::happened();
    return stele::happened(ItemRemoved{c.user_id, c.product_id});
  }

  static State evolve(State&& cart, const ItemAdded& e) {
    cart.items[e.product_id] += e.quantity;
    return std::move(cart);
  }
  static State evolve(State&& cart, const ItemRemoved& e) {
    cart.items.erase(e.product_id);
    return std::move(cart);
  }
};
static_assert(stele::decider<Cart>);

}  // namespace shop
