// clock.hpp - what time it is for everything in the domain toolkit that waits for a time: timers, back-off.
// Not for rules, which are told the time (Asked), and not the engine's clock.
//
// Threading: every member may be called from any thread.
#pragma once

#include <functional>
#include <memory>

#include "stele/store.hpp"
#include "stele/types.hpp"

namespace stele {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
  // Calls back when time has moved otherwise than by passing; whoever sleeps until a time looks again. Null: it
  // never does.
  [[nodiscard]] virtual std::unique_ptr<Watch> on_jump(std::function<void()> jumped) = 0;
};

// The machine's own.
[[nodiscard]] Clock& system_clock();

// Stands still until it is told otherwise. For tests: "and fifteen minutes later" is one line.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp(std::chrono::days(20'000)));
  ~ManualClock() override;
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] std::unique_ptr<Watch> on_jump(std::function<void()> jumped) override;
  void advance(std::chrono::microseconds by);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stele
