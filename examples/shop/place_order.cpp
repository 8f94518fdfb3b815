// place_order.cpp - reads what an order rests on, decides, and reserves.
#include "shop/place_order.hpp"

#include <algorithm>

namespace shop {
namespace {

using OrderWork = stele::Work<PlacementRefusals>;

void check_quantities(OrderWork& work, const std::vector<Wanted>& items) {
  for (const Wanted& item : items)
    if (item.quantity < 1 || item.quantity > most_of_one)
      work.refuse(QuantityOutOfRange{item.product_id, item.quantity, most_of_one});
}

// A product that is named twice is one line. Each quantity was checked; their sum is, where it is reserved.
std::vector<Wanted> merged(const std::vector<Wanted>& items) {
  std::vector<Wanted> lines;
  for (const Wanted& item : items) {
    const auto known = std::ranges::find(lines, item.product_id, &Wanted::product_id);
    if (known == lines.end())
      lines.push_back(item);
    else
      known->quantity += item.quantity;
  }
  return lines;
}

stele::result<void> check_customer(OrderWork& work, const std::string& id, Money total) {
  STELE_TRY(const auto customer, work.load<Customer>(id));
  if (std::holds_alternative<Customer::Missing>(customer.state())) work.refuse(NoSuchCustomer{id});
  if (std::holds_alternative<Customer::Inactive>(customer.state())) work.refuse(CustomerInactive{id});
  const auto* active = std::get_if<Customer::Active>(&customer.state());
  if (active && total > active->credit_limit) work.refuse(CreditExceeded{active->credit_limit, total});
  return {};
}

// The price as it is now, and the goods set aside.
stele::result<OrderLine> reserve(OrderWork& work, const std::string& order_id, const Wanted& item) {
  STELE_TRY(const auto product, work.load<Product>(item.product_id));
  STELE_TRY(auto stock, work.load<Stock>(item.product_id));
  const auto* listed = std::get_if<Product::Listed>(&product.state());
  if (!listed) {
    work.refuse(NoSuchProduct{item.product_id});
    return OrderLine{};
  }
  work.ask(stock, ReserveInventory{item.product_id, order_id, item.quantity});
  return OrderLine{item.product_id, item.quantity, listed->price};
}

}  // namespace

stele::result<Placement> place_order(stele::EventStore& store, const PlaceOrder& command,
                                     const stele::Context& context, const stele::HandleOptions& options) {
  Money total;
  const auto all = [&](OrderWork& work) -> stele::result<void> {
    AcceptOrder accept{command.order_id,         command.customer_id,   {}, {},
                       command.shipping_address, command.payment_method};
    STELE_TRY(auto order, work.load<Order>(command.order_id));
    if (!work.repeated() && !std::holds_alternative<Order::Missing>(order.state()))
      work.refuse(OrderTaken{command.order_id});
    if (command.items.empty()) work.refuse(NothingOrdered{command.order_id});
    check_quantities(work, command.items);
    if (work.refusal()) return {};
    for (const Wanted& item : merged(command.items)) {
      STELE_TRY(auto line, reserve(work, command.order_id, item));
      accept.total += line.unit_price * line.quantity;
      accept.lines.push_back(std::move(line));
    }
    STELE_CHECK(check_customer(work, command.customer_id, accept.total));
    work.ask(order, accept);
    for (const auto& event : order.events())  // of a repeat: what it was then
      if (const auto* placed = std::get_if<OrderPlaced>(&event)) total = placed->total;
    return {};
  };
  STELE_TRY(auto outcome, stele::transact<PlacementRefusals>(store, command, context, options, all));
  return Placement{std::move(outcome), total};
}

}  // namespace shop
