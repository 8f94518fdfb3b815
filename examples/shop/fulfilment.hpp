// fulfilment.hpp - what follows from an order: the payment, then the shipping, or else everything taken back. Its goods
// were reserved when it was placed; here they are issued or released.
//
//   placed ─ payment captured ─ ship ─ shipped ─ issue the goods
//     ├ payment failed ──────┐
//     ├ 15 minutes ──────────┼ cancel ─ cancelled ─ release the goods, give the money back
//     └ the customer cancels ┘
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "shop/order.hpp"
#include "shop/payment.hpp"
#include "shop/stock.hpp"
#include "stele/saga.hpp"

namespace shop {

struct Fulfilment {
  static constexpr std::string_view name = "Fulfilment";
  using Reacts = stele::events<OrderPlaced, PaymentCaptured, PaymentFailed, OrderShipped, OrderCancelled>;
  using Reaction = stele::reaction<Payment, Order, Stock>;
  static std::string route(const auto& event) { return event.order_id; }

  static constexpr std::chrono::minutes patience{15};

  struct New {};
  struct Open {
    std::string order_id;
    std::vector<OrderLine> lines;
  };
  using State = std::variant<New, Open>;

  static Reaction on(const OrderPlaced& e, const New&) {
    return Reaction()
        .send(RequestPayment{e.order_id, e.total, e.payment_method})
        .schedule("payment", patience);
  }
  static Reaction on(const PaymentCaptured& e, const Open&) {
    return Reaction().cancel("payment").send(ShipOrder{e.order_id, "track-" + e.order_id});
  }
  static Reaction on(const PaymentFailed& e, const Open&) {
    return Reaction().cancel("payment").send(CancelOrder{e.order_id, e.reason});
  }
  static Reaction on(const OrderShipped& e, const Open& order) {
    Reaction reaction;
    for (const OrderLine& line : order.lines) reaction.send(IssueInventory{line.product_id, e.order_id});
    return reaction.complete();
  }
  static Reaction on(const OrderCancelled& e, const Open& order) {
    Reaction reaction;
    for (const OrderLine& line : order.lines) reaction.send(ReleaseInventory{line.product_id, e.order_id});
    return reaction.send(ReversePayment{e.order_id}).complete();
  }
  // An order is placed once, and everything else comes after that.
  static Reaction on(const auto&, const auto&) { return {}; }

  static Reaction on_timer(const stele::TimerFired&, const Open& order) {
    return Reaction().send(CancelOrder{order.order_id, "not paid within 15 minutes"});
  }

  // Somebody was faster: it was cancelled before it could be shipped, or shipped before it could be cancelled. The
  // event that says so is on its way here.
  static Reaction on_refused(const stele::Refused<ShipOrder>&, const Open&) { return {}; }
  static Reaction on_refused(const stele::Refused<CancelOrder>&, const Open&) { return {}; }
  static Reaction on_refused(const stele::Refused<RequestPayment>&, const Open&) { return {}; }

  static State evolve(const New&, const OrderPlaced& e) { return Open{e.order_id, e.lines}; }
};
static_assert(stele::saga<Fulfilment>);

}  // namespace shop
