// kill_moment.hpp - a random moment in the life of a process that ends by itself, whatever the machine does besides.
#pragma once

#include <chrono>
#include <random>
#include <thread>

#include "support/process.hpp"

namespace stele::test {

// How long such a process lives is learned on the way: a signal that came too late makes the next ones come earlier,
// one that hit lets them come later. So about half of them hit, and all of its life is hit.
class KillMoment {
 public:
  // False: it had ended before the signal came.
  bool kill(Process& process, std::mt19937_64& dice) {
    const auto most = static_cast<std::uint64_t>(window_.count());
    std::this_thread::sleep_for(std::chrono::microseconds(dice() % most));  // trouble, not synchronisation
    const bool hit = process.stop(SIGKILL) == 128 + SIGKILL;
    window_ = hit ? window_ * 5 / 4 : window_ * 3 / 4 + std::chrono::microseconds(1);
    return hit;
  }

 private:
  std::chrono::microseconds window_{30'000};
};

}  // namespace stele::test
