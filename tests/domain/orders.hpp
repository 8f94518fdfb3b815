// orders.hpp - a small domain for tests of sagas: an order that wants paying, stock that is held for it, and the saga
// between them. Not an example to copy: that is examples/shop.
#pragma once

#include <chrono>
#include <string>
#include <variant>

#include "stele/saga.hpp"

namespace orders {

using std::chrono::minutes;

// ---- Order

struct Placed {
  std::string order;
  int amount;
};
STELE_EVENT(Placed, 1, order, amount);
struct Confirmed {
  std::string order;
};
STELE_EVENT(Confirmed, 1, order);
struct Cancelled {
  std::string order;
  std::string reason;
};
STELE_EVENT(Cancelled, 1, order, reason);

struct Place {
  std::string order;
  int amount;
};
STELE_COMMAND(Place, order, amount);
struct Confirm {
  std::string order;
};
STELE_COMMAND(Confirm, order);
struct Cancel {
  std::string order;
  std::string reason;
};
STELE_COMMAND(Cancel, order, reason);
struct NotOpen {
  std::string order;
};
STELE_REFUSAL(NotOpen, order);

struct Order {
  static constexpr std::string_view category = "Order";
  static const std::string& id(const auto& command) { return command.order; }
  using Commands = stele::commands<Place, Confirm, Cancel>;
  using Events = stele::events<Placed, Confirmed, Cancelled>;
  using Refusals = stele::refusals<NotOpen>;
  using Decision = stele::decision<Events, Refusals>;
  struct None {};
  struct Open {};
  struct Done {};
  using State = std::variant<None, Open, Done>;

  static Decision decide(const Place& c, const None&) { return stele::happened(Placed{c.order, c.amount}); }
  static Decision decide(const Place&, const auto&) { return stele::happened(); }
  static Decision decide(const Confirm& c, const Open&) { return stele::happened(Confirmed{c.order}); }
  static Decision decide(const Cancel& c, const Open&) {
    return stele::happened(Cancelled{c.order, c.reason});
  }
  // Cancelling what is done is nothing to do.
  static Decision decide(const Cancel&, const Done&) { return stele::happened(); }
  static Decision decide(const auto& c, const auto&) { return stele::refuse(NotOpen{c.order}); }

  static State evolve(const None&, const Placed&) { return Open{}; }
  static State evolve(const Open&, const Confirmed&) { return Done{}; }
  static State evolve(const Open&, const Cancelled&) { return Done{}; }
};

// ---- Purse: one for each customer; here, one for each order.

struct Charged {
  std::string order;
  int amount;
};
STELE_EVENT(Charged, 1, order, amount);
struct Refunded {
  std::string order;
};
STELE_EVENT(Refunded, 1, order);
struct Charge {
  std::string order;
  int amount;
};
STELE_COMMAND(Charge, order, amount);
struct Refund {
  std::string order;
};
STELE_COMMAND(Refund, order);
struct TooPoor {
  int asked;
};
STELE_REFUSAL(TooPoor, asked);

struct Purse {
  static constexpr std::string_view category = "Purse";
  static const std::string& id(const auto& command) { return command.order; }
  using Commands = stele::commands<Charge, Refund>;
  using Events = stele::events<Charged, Refunded>;
  using Refusals = stele::refusals<TooPoor>;
  using Decision = stele::decision<Events, Refusals>;
  struct State {
    int charged = 0;
  };
  static Decision decide(const Charge& c, const State&) {
    if (c.amount < 0) throw std::domain_error("nobody charges less than nothing");
    if (c.amount > 100) return stele::refuse(TooPoor{c.amount});
    if (c.amount == 0) return stele::happened();
    return stele::happened(Charged{c.order, c.amount});
  }
  static Decision decide(const Refund& c, const State& s) {
    if (s.charged == 0) return stele::happened();
    return stele::happened(Refunded{c.order});
  }
  static State evolve(const State& s, const Charged& e) { return {s.charged + e.amount}; }
  static State evolve(const State&, const Refunded&) { return {}; }
};

// ---- The saga: charge; then confirm, or cancel. An order of 99 is charged and never confirmed: its time runs out.

// [saga]
struct Payment {
  static constexpr std::string_view name = "Payment";
  using Reacts = stele::events<Placed, Charged, Confirmed, Cancelled>;
  using Reaction = stele::reaction<Order, Purse>;
  static std::string route(const auto& event) { return event.order.starts_with("test") ? "" : event.order; }

  struct New {};
  struct Waiting {
    std::string order;
  };
  struct Paid {};
  using State = std::variant<New, Waiting, Paid>;

  static Reaction on(const Placed& e, const New&) {
    return Reaction().send(Charge{e.order, e.amount}).schedule("unpaid", minutes(15));
  }
  static Reaction on(const Charged& e, const Waiting&) {
    if (e.amount == 99) return {};
    return Reaction().cancel("unpaid").send(Confirm{e.order});
  }
  static Reaction on(const Confirmed&, const Paid&) { return Reaction().complete(); }
  static Reaction on(const Cancelled& e, const auto&) { return Reaction().send(Refund{e.order}).complete(); }
  static Reaction on(const auto&, const auto&) { return {}; }

  static Reaction on_timer(const stele::TimerFired&, const Waiting& order) {
    return Reaction().send(Cancel{order.order, "not paid"});
  }
  static Reaction on_refused(const stele::Refused<Charge>& refused, const Waiting&) {
    const auto why = refused.as<TooPoor>();
    return Reaction().send(
        Cancel{refused.command.order, why ? "cannot pay " + std::to_string(why->asked) : refused.rule});
  }

  static State evolve(const New&, const Placed& e) { return Waiting{e.order}; }
  static State evolve(const Waiting& w, const Charged& e) {
    if (e.amount == 99) return w;
    return Paid{};
  }
};
static_assert(stele::saga<Payment>);
// [/saga]

}  // namespace orders
