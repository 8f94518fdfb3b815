// product.hpp - the catalogue: what is sold, and for how much. How many there are is stock.hpp.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "stele/decider.hpp"
#include "stele/decimal.hpp"

namespace shop {

using stele::Money;

struct ProductListed {
  std::string product_id;
  std::string name;
  Money price;
};
STELE_EVENT(ProductListed, 1, product_id, name, price);
struct PriceChanged {
  std::string product_id;
  Money price;
};
STELE_EVENT(PriceChanged, 1, product_id, price);

struct ListProduct {
  std::string product_id;
  std::string name;
  Money price;
};
STELE_COMMAND(ListProduct, product_id, name, price);
struct ChangePrice {
  std::string product_id;
  Money price;
};
STELE_COMMAND(ChangePrice, product_id, price);

struct NoSuchProduct {
  std::string product_id;
};
STELE_REFUSAL(NoSuchProduct, product_id);
struct ProductTaken {
  std::string product_id;
};
STELE_REFUSAL(ProductTaken, product_id);
struct PriceOutOfRange {
  Money price;
  Money most;
};
STELE_REFUSAL(PriceOutOfRange, price, most);

// Times the most there can be of one product (stock.hpp), and over all lines an order may have, this stays far from
// what Money cannot hold.
inline constexpr Money highest_price = Money::from_units(100'000'000);

struct Product {
  static constexpr std::string_view category = "Product";
  static const std::string& id(const auto& command) { return command.product_id; }
  using Commands = stele::commands<ListProduct, ChangePrice>;
  using Events = stele::events<ProductListed, PriceChanged>;
  using Refusals = stele::refusals<NoSuchProduct, ProductTaken, PriceOutOfRange>;
  using Decision = stele::decision<Events, Refusals>;

  struct Missing {};
  struct Listed {
    Money price;
  };
  using State = std::variant<Missing, Listed>;

  static bool possible(Money price) { return price > Money{} && price <= highest_price; }

  static Decision decide(const ListProduct& c, const Missing&) {
    if (!possible(c.price)) return stele::refuse(PriceOutOfRange{c.price, highest_price});
    return stele::happened(ProductListed{c.product_id, c.name, c.price});
  }
  static Decision decide(const ListProduct& c, const Listed&) {
    return stele::refuse(ProductTaken{c.product_id});
  }
  static Decision decide(const ChangePrice& c, const Missing&) {
    return stele::refuse(NoSuchProduct{c.product_id});
  }
  static Decision decide(const ChangePrice& c, const Listed&) {
    if (!possible(c.price)) return stele::refuse(PriceOutOfRange{c.price, highest_price});
    return stele::happened(PriceChanged{c.product_id, c.price});
  }

  static State evolve(const Missing&, const ProductListed& e) { return Listed{e.price}; }
  static State evolve(const Listed&, const PriceChanged& e) { return Listed{e.price}; }
};
static_assert(stele::decider<Product>);

}  // namespace shop
