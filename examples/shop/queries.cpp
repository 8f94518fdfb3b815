// queries.cpp - the shop's reading side: two models, two questions. Nothing here appends.
#include "shop/api.hpp"

namespace shop {
namespace {

using stele::Answer;
using stele::Request;
using stele::Response;

Answer get_order(Model& orders, const Request& request) {
  STELE_TRY(auto snapshot, orders.target->snapshot());
  const auto order = order_of(snapshot, request.param("id"));
  if (!order && order.error().kind() == stele::errc::not_found)
    return Response::problem(
        stele::refusal_of("NoSuchOrder", stele::to_json(NoSuchOrder{std::string(request.param("id"))})));
  if (!order) return order.error();
  const stele::Revision version(order->version);
  return Response::json(200, stele::to_json(*order)).etag(version).read(version, snapshot.position());
}

Answer get_cart(Model& carts, const Request& request) {
  STELE_TRY(auto snapshot, carts.target->snapshot());
  STELE_TRY(const auto cart, cart_of(snapshot, request.param("user")));
  auto answer = Response::json(200, stele::to_json(cart));
  answer.read_position = snapshot.position();
  return answer;
}

}  // namespace

void add_queries(stele::App& app, Model& orders, Model& carts) {
  app.route({.method = "GET",
             .pattern = "/api/orders/{id}",
             .handler = [&orders](const Request& request) { return get_order(orders, request); },
             .doc = {.summary = "The order with everything about it"},
             .model = &orders.position,
             .stream = [](const Request& request) { return stele::stream_of<Order>(request.param("id")); }});
  app.route({.method = "GET",
             .pattern = "/api/carts/{user}",
             .handler = [&carts](const Request& request) { return get_cart(carts, request); },
             .doc = {.summary = "What is in a cart"},
             .model = &carts.position,
             .stream = [](const Request& request) { return stele::stream_of<Cart>(request.param("user")); }});
}

}  // namespace shop
