// shop.hpp - the shop as an application: its read models and its saga on a store, and its addresses on a stele::App.
// What makes it a process is the caller's; `stele demo` is one such caller.
//
//   POST /api/customers                 {"customerId", "name", "email", "creditLimit"}
//   POST /api/products                  {"productId", "name", "price"}
//   POST /api/products/{id}/stock       {"quantity"}
//   POST /api/orders                    {"orderId"?, "customerId", "items":[{"productId", "quantity"}],
//                                        "shippingAddress":{"street", "city", "postalCode"}, "paymentMethod"?}
//   GET  /api/orders/{id}               the order document; ?after_version=, ?after_position=
//   POST /api/orders/{id}/payment       confirms a payment by transfer
//   POST /api/orders/{id}/cancel        {"reason"}
//   POST /api/orders/{id}/address       {"street", "city", "postalCode"}
//   POST /api/carts/{user}/items        {"productId", "quantity"}; DELETE /api/carts/{user}/items/{product}
//   GET  /api/carts/{user}
//
// Payment methods: "card" (the default), "declined" (a card that is), "transfer" (waits for the confirmation).
#pragma once

#include <filesystem>
#include <memory>

#include "stele/app.hpp"
#include "stele/projection.hpp"
#include "stele/saga.hpp"

namespace stele {
struct Aggregates;
}

namespace shop {

// What the shop answers for when somebody looks through time (stele/history.hpp).
[[nodiscard]] std::shared_ptr<const stele::Aggregates> aggregates();

class Shop {
 public:
  // Opens the read models in the folder `models`, starts to keep them up to date, and starts the saga. `store` must
  // outlive the shop. Errors: as SqliteTarget::open.
  static stele::result<std::unique_ptr<Shop>> open(stele::EventStore& store,
                                                   const std::filesystem::path& models,
                                                   stele::SagaOptions options = {});
  ~Shop();
  Shop(const Shop&) = delete;
  Shop& operator=(const Shop&) = delete;

  // Adds addresses and readiness. The shop must outlive the server.
  void attach(stele::App& app);
  [[nodiscard]] stele::Projections& projections() const;
  [[nodiscard]] stele::SagaRunner& fulfilment() const;

 private:
  struct Impl;
  explicit Shop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The customer, the products and the stock that the documentation speaks of: cust-42, prod-101 at 29.99, prod-205 at
// 49.99. What is there already stays as it is.
stele::result<void> seed(stele::EventStore& store);

}  // namespace shop
