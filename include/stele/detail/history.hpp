// history.hpp - a stream's fold with its decider's types left behind, for walks over logs of many deciders. Only for
// evolution.hpp and stele/history.hpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stele/decider.hpp"
#include "stele/detail/unit_of_work.hpp"
#include "stele/event.hpp"

namespace stele {
namespace detail {

// One stream's fold, its decider's types left behind.
class HistoryFold {
 public:
  virtual ~HistoryFold() = default;
  // After the first error events are only read, not folded.
  virtual result<void> take(const EventView& event) = 0;
  [[nodiscard]] virtual bool whole() const = 0;
  [[nodiscard]] virtual result<std::string> state() const = 0;  // as JSON
  // As it stands, to go on from here another time. Nothing: this state cannot be copied.
  [[nodiscard]] virtual std::unique_ptr<HistoryFold> clone() const = 0;
};
struct HistoryKind {
  std::string_view category;
  std::function<std::unique_ptr<HistoryFold>()> begin;
};

template <decider D>
class HistoryFoldOf final : public HistoryFold {
 public:
  result<void> take(const EventView& event) override {
    auto done = whole_ ? fold_into<D>(state_, event) : read(event);
    whole_ = whole_ && done;
    return done;
  }
  [[nodiscard]] bool whole() const override { return whole_; }
  [[nodiscard]] result<std::string> state() const override {
    return guarded([&]() -> result<std::string> { return to_json(state_); });
  }
  [[nodiscard]] std::unique_ptr<HistoryFold> clone() const override {
    if constexpr (std::copy_constructible<typename D::State>)
      return std::make_unique<HistoryFoldOf>(*this);
    else
      return nullptr;
  }

 private:
  static result<void> read(const EventView& event) {
    STELE_TRY(const bool known, each_event<typename D::Events>(event, [](const auto&) {}));
    if (!known && !passes_over<D>(event.type)) return foreign_event(event, D::category);
    return {};
  }
  typename D::State state_{};
  bool whole_ = true;
};

template <decider... D>
[[nodiscard]] std::vector<HistoryKind> history_kinds() {
  return {HistoryKind{D::category, [] { return std::make_unique<HistoryFoldOf<D>>(); }}...};
}

}  // namespace detail
}  // namespace stele
