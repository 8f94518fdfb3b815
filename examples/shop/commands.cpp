// commands.cpp - the shop's writing side: from a request to a command, from its outcome to an answer. No read model is
// asked here.
#include "shop/api.hpp"
#include "shop/place_order.hpp"

namespace shop {
namespace {

using stele::Answer;
using stele::Request;
using stele::Response;

// ---- Bodies

struct OrderBody {
  std::optional<std::string> order_id;  // none: the shop gives one
  std::string customer_id;
  std::vector<Wanted> items;
  Address shipping_address;
  std::optional<std::string> payment_method;
};
struct QuantityBody {
  std::int64_t quantity;
};
struct ReasonBody {
  std::string reason;
};

struct PlacedAnswer {
  std::string order_id;
  std::string status;
  Money total;
  std::uint64_t version;
  std::uint64_t position;
};
struct ChangedAnswer {
  std::uint64_t version;
  std::uint64_t position;
};

// ---- Answers

// One aggregate, one command. Nothing to do is an answer, too.
template <class D, class C>
Answer handled(stele::EventStore& store, const Request& request, const C& command, int status) {
  if (!stele::is_id(D::id(command))) return Response::problem(stele::wrong_id("id", D::id(command)));
  STELE_TRY(const auto done,
            stele::handle<D>(store, command, stele::context_of(request), stele::options_of(request)));
  if (done.refusal) return Response::problem(stele::refusal_of(*done.refusal));
  const auto at = done.appended ? done.appended->last : store.head().position;
  const ChangedAnswer answer{done.revision ? done.revision->value() : 0, at.value()};
  auto response = Response::json(status, stele::to_json(answer)).position(at);
  return done.revision ? std::move(response).etag(*done.revision) : std::move(response);
}

// The body is the command itself.
template <class D, class C>
Answer created(stele::EventStore& store, const Request& request) {
  auto command = stele::body_as<C>(request);
  if (!command) return Response::problem(command.error());
  return handled<D>(store, request, *command, 201);
}

// The same id again when the request is repeated.
std::string new_order_id(const Request& request) {
  constexpr stele::Uuid space(
      {0x51, 0x0b, 0x8e, 0x0a, 0x7c, 0x1f, 0x42, 0xd9, 0x9a, 0x3b, 0x6f, 0x72, 0x64, 0x65, 0x72, 0x31});
  return "order-" + to_string(request.idempotency_key
                                  ? stele::Uuid::from_name(space, *request.idempotency_key)
                                  : stele::Uuid::random());
}

Answer post_order(stele::EventStore& store, const Request& request) {
  auto body = stele::body_as<OrderBody>(request);
  if (!body) return Response::problem(body.error());
  const PlaceOrder command{body->order_id.value_or(new_order_id(request)), body->customer_id,
                           std::move(body->items), std::move(body->shipping_address),
                           body->payment_method.value_or("card")};
  if (!stele::is_id(command.order_id)) return Response::problem(stele::wrong_id("orderId", command.order_id));
  if (!stele::is_id(command.customer_id))
    return Response::problem(stele::wrong_id("customerId", command.customer_id));
  for (const Wanted& item : command.items)
    if (!stele::is_id(item.product_id)) return Response::problem(stele::wrong_id("items", item.product_id));
  STELE_TRY(const auto placed,
            place_order(store, command, stele::context_of(request), stele::options_of(request)));
  if (placed.outcome.refusal) return Response::problem(stele::refusal_of(*placed.outcome.refusal));
  const auto last = placed.outcome.appended->last;
  const PlacedAnswer answer{command.order_id, "placed", placed.total, 0, last.value()};
  return Response::json(201, stele::to_json(answer))
      .header("Location", "/api/orders/" + command.order_id)
      .etag(stele::Revision(0))
      .position(last);
}

Answer post_stock(stele::EventStore& store, const Request& request) {
  const auto body = stele::body_as<QuantityBody>(request);
  if (!body) return Response::problem(body.error());
  return handled<Stock>(store, request, ReceiveStock{std::string(request.param("id")), body->quantity}, 200);
}

Answer post_payment(stele::EventStore& store, const Request& request) {
  return handled<Payment>(store, request, ConfirmPayment{std::string(request.param("id"))}, 200);
}

Answer post_cancel(stele::EventStore& store, const Request& request) {
  auto body = stele::body_as<ReasonBody>(request);
  if (!body) return Response::problem(body.error());
  return handled<Order>(store, request, CancelOrder{std::string(request.param("id")), body->reason}, 200);
}

Answer post_address(stele::EventStore& store, const Request& request) {
  auto body = stele::body_as<Address>(request);
  if (!body) return Response::problem(body.error());
  return handled<Order>(store, request, UpdateShippingAddress{std::string(request.param("id")), *body}, 200);
}

Answer post_item(stele::EventStore& store, const Request& request) {
  auto body = stele::body_as<Wanted>(request);
  if (!body) return Response::problem(body.error());
  if (!stele::is_id(body->product_id))
    return Response::problem(stele::wrong_id("productId", body->product_id));
  return handled<Cart>(store, request,
                       AddItem{std::string(request.param("user")), body->product_id, body->quantity}, 200);
}

Answer delete_item(stele::EventStore& store, const Request& request) {
  return handled<Cart>(store, request,
                       RemoveItem{std::string(request.param("user")), std::string(request.param("product"))},
                       200);
}

}  // namespace

void add_commands(stele::App& app, stele::EventStore& store) {
  const auto add = [&](std::string method, std::string pattern,
                       Answer (*handler)(stele::EventStore&, const Request&), std::string summary) {
    app.route({.method = std::move(method),
               .pattern = std::move(pattern),
               .handler = [&store, handler](const Request& request) { return handler(store, request); },
               .doc = {.summary = std::move(summary)}});
  };
  add("POST", "/api/customers", created<Customer, RegisterCustomer>, "Register a customer");
  add("POST", "/api/products", created<Product, ListProduct>, "List a product at a price");
  add("POST", "/api/products/{id}/stock", post_stock, "Receive goods");
  add("POST", "/api/orders", post_order, "Place an order and reserve its goods, or nothing");
  add("POST", "/api/orders/{id}/payment", post_payment, "Confirm the payment of an order");
  add("POST", "/api/orders/{id}/cancel", post_cancel, "Cancel an order that is not shipped");
  add("POST", "/api/orders/{id}/address", post_address, "Change where an order is sent");
  add("POST", "/api/carts/{user}/items", post_item, "Put something into a cart");
  add("DELETE", "/api/carts/{user}/items/{product}", delete_item, "Take something out of a cart");
}

}  // namespace shop
