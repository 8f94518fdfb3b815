// payment.hpp - the money for one order: asked for, captured or failed, and given back. Who is paid through is not
// said here; a method "card" pays at once, "declined" never, "transfer" when somebody confirms it.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "stele/decider.hpp"
#include "stele/decimal.hpp"

namespace shop {

using stele::Money;

struct PaymentAwaited {
  std::string order_id;
  Money amount;
};
STELE_EVENT(PaymentAwaited, 1, order_id, amount);
struct PaymentCaptured {
  std::string order_id;
  Money amount;
};
STELE_EVENT(PaymentCaptured, 1, order_id, amount);
struct PaymentFailed {
  std::string order_id;
  std::string reason;
};
STELE_EVENT(PaymentFailed, 1, order_id, reason);
struct PaymentRefunded {
  std::string order_id;
  Money amount;
};
STELE_EVENT(PaymentRefunded, 1, order_id, amount);
struct PaymentVoided {
  std::string order_id;
};
STELE_EVENT(PaymentVoided, 1, order_id);

struct RequestPayment {
  std::string order_id;
  Money amount;
  std::string method;
};
STELE_COMMAND(RequestPayment, order_id, amount, method);
struct ConfirmPayment {
  std::string order_id;
};
STELE_COMMAND(ConfirmPayment, order_id);
// Whatever has become of it: after this the customer has the money and the payment is closed.
struct ReversePayment {
  std::string order_id;
};
STELE_COMMAND(ReversePayment, order_id);

struct NoSuchPayment {
  std::string order_id;
};
STELE_REFUSAL(NoSuchPayment, order_id);
struct PaymentIsClosed {
  std::string order_id;
};
STELE_REFUSAL(PaymentIsClosed, order_id);

struct Payment {
  static constexpr std::string_view category = "Payment";
  static const std::string& id(const auto& command) { return command.order_id; }
  using Commands = stele::commands<RequestPayment, ConfirmPayment, ReversePayment>;
  using Events =
      stele::events<PaymentAwaited, PaymentCaptured, PaymentFailed, PaymentRefunded, PaymentVoided>;
  using Refusals = stele::refusals<NoSuchPayment, PaymentIsClosed>;
  using Decision = stele::decision<Events, Refusals>;

  struct None {};
  struct Awaited {
    Money amount;
  };
  struct Captured {
    Money amount;
  };
  struct Closed {};
  using State = std::variant<None, Awaited, Captured, Closed>;

  static Decision decide(const RequestPayment& c, const None&) {
    if (c.method == "card") return stele::happened(PaymentCaptured{c.order_id, c.amount});
    if (c.method == "declined") return stele::happened(PaymentFailed{c.order_id, "the card was declined"});
    return stele::happened(PaymentAwaited{c.order_id, c.amount});
  }
  static Decision decide(const ConfirmPayment& c, const None&) {
    return stele::refuse(NoSuchPayment{c.order_id});
  }
  static Decision decide(const ReversePayment& c, const None&) {
    return stele::happened(PaymentVoided{c.order_id});
  }

  static Decision decide(const RequestPayment&, const Awaited&) { return stele::happened(); }
  static Decision decide(const ConfirmPayment& c, const Awaited& payment) {
    return stele::happened(PaymentCaptured{c.order_id, payment.amount});
  }
  static Decision decide(const ReversePayment& c, const Awaited&) {
    return stele::happened(PaymentVoided{c.order_id});
  }

  static Decision decide(const ReversePayment& c, const Captured& payment) {
    return stele::happened(PaymentRefunded{c.order_id, payment.amount});
  }
  static Decision decide(const auto&, const Captured&) { return stele::happened(); }

  static Decision decide(const ReversePayment&, const Closed&) { return stele::happened(); }
  static Decision decide(const auto& c, const Closed&) { return stele::refuse(PaymentIsClosed{c.order_id}); }

  static State evolve(const None&, const PaymentAwaited& e) { return Awaited{e.amount}; }
  static State evolve(const auto&, const PaymentCaptured& e) { return Captured{e.amount}; }
  static State evolve(const None&, const PaymentFailed&) { return Closed{}; }
  static State evolve(const Captured&, const PaymentRefunded&) { return Closed{}; }
  static State evolve(const auto&, const PaymentVoided&) { return Closed{}; }
};
static_assert(stele::decider<Payment>);

}  // namespace shop
