// stock.hpp - how many of a product there are, and for which orders they are kept. Releasing and issuing may be asked
// twice: the second time there is nothing to do.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "stele/decider.hpp"

namespace shop {

struct StockReceived {
  std::string product_id;
  std::int64_t quantity;
};
STELE_EVENT(StockReceived, 1, product_id, quantity);
struct InventoryReserved {
  std::string product_id;
  std::string order_id;
  std::int64_t quantity;
};
STELE_EVENT(InventoryReserved, 1, product_id, order_id, quantity);
struct InventoryReleased {
  std::string product_id;
  std::string order_id;
  std::int64_t quantity;
};
STELE_EVENT(InventoryReleased, 1, product_id, order_id, quantity);
struct InventoryIssued {
  std::string product_id;
  std::string order_id;
  std::int64_t quantity;
};
STELE_EVENT(InventoryIssued, 1, product_id, order_id, quantity);

struct ReceiveStock {
  std::string product_id;
  std::int64_t quantity;
};
STELE_COMMAND(ReceiveStock, product_id, quantity);
struct ReserveInventory {
  std::string product_id;
  std::string order_id;
  std::int64_t quantity;
};
STELE_COMMAND(ReserveInventory, product_id, order_id, quantity);
struct ReleaseInventory {
  std::string product_id;
  std::string order_id;
};
STELE_COMMAND(ReleaseInventory, product_id, order_id);
struct IssueInventory {
  std::string product_id;
  std::string order_id;
};
STELE_COMMAND(IssueInventory, product_id, order_id);

struct OutOfStock {
  std::string product_id;
  std::int64_t available;
  std::int64_t asked;
};
STELE_REFUSAL(OutOfStock, product_id, available, asked);
// `most` is what was possible.
struct QuantityOutOfRange {
  std::string product_id;
  std::int64_t quantity;
  std::int64_t most;
};
STELE_REFUSAL(QuantityOutOfRange, product_id, quantity, most);

// Of one product, wherever it is counted: in a cart, an order, the stock. Sums of such numbers stay far from the ends
// of 64 bits.
inline constexpr std::int64_t most_of_one = 1'000'000;

struct Stock {
  static constexpr std::string_view category = "Stock";
  static const std::string& id(const auto& command) { return command.product_id; }
  using Commands = stele::commands<ReceiveStock, ReserveInventory, ReleaseInventory, IssueInventory>;
  using Events = stele::events<StockReceived, InventoryReserved, InventoryReleased, InventoryIssued>;
  using Refusals = stele::refusals<OutOfStock, QuantityOutOfRange>;
  using Decision = stele::decision<Events, Refusals>;

  struct State {
    std::int64_t available = 0;
    std::map<std::string, std::int64_t> reserved{};  // by order
    std::int64_t issued = 0;
  };

  static Decision decide(const ReceiveStock& c, const State& stock) {
    const auto most = most_of_one - stock.available;
    if (c.quantity < 1 || c.quantity > most)
      return stele::refuse(QuantityOutOfRange{c.product_id, c.quantity, most});
    return stele::happened(StockReceived{c.product_id, c.quantity});
  }
  static Decision decide(const ReserveInventory& c, const State& stock) {
    if (c.quantity < 1 || c.quantity > most_of_one)
      return stele::refuse(QuantityOutOfRange{c.product_id, c.quantity, most_of_one});
    if (c.quantity > stock.available)
      return stele::refuse(OutOfStock{c.product_id, stock.available, c.quantity});
    return stele::happened(InventoryReserved{c.product_id, c.order_id, c.quantity});
  }
  static Decision decide(const ReleaseInventory& c, const State& stock) {
    const auto kept = stock.reserved.find(c.order_id);
    if (kept == stock.reserved.end()) return stele::happened();
    return stele::happened(InventoryReleased{c.product_id, c.order_id, kept->second});
  }
  static Decision decide(const IssueInventory& c, const State& stock) {
    const auto kept = stock.reserved.find(c.order_id);
    if (kept == stock.reserved.end()) return stele::happened();
    return stele::happened(InventoryIssued{c.product_id, c.order_id, kept->second});
  }

  static State evolve(State&& s, const StockReceived& e) {
    s.available += e.quantity;
    return std::move(s);
  }
  static State evolve(State&& s, const InventoryReserved& e) {
    s.available -= e.quantity;
    s.reserved[e.order_id] += e.quantity;
    return std::move(s);
  }
  static State evolve(State&& s, const InventoryReleased& e) {
    s.available += e.quantity;
    s.reserved.erase(e.order_id);
    return std::move(s);
  }
  static State evolve(State&& s, const InventoryIssued& e) {
    s.issued += e.quantity;
    s.reserved.erase(e.order_id);
    return std::move(s);
  }
};
static_assert(stele::decider<Stock>);

}  // namespace shop
