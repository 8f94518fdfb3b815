// requests.hpp - appends as random clients make them: few names, so that they meet; right and wrong expectations.
#pragma once

#include <string>

#include "checks.hpp"
#include "model.hpp"

namespace stele::simulation {

// How the clients of one life are.
struct Habits {
  std::uint64_t data_bytes = 40;  // exactly, or at most when `varied`
  bool varied = false;
  std::uint64_t most_events = 3;   // of one write
  std::uint64_t wrong_one_in = 6;  // expectations that do not hold
};

[[nodiscard]] std::string random_stream(Dice& dice);
// `serial` makes the contents of events differ.
[[nodiscard]] AppendRequest random_append(const Model& model, const Habits& habits, Dice& dice,
                                          std::uint64_t& serial);
// One small event, any version.
[[nodiscard]] AppendRequest small_append(Dice& dice, std::uint64_t& serial);
// Retention, deletion or tombstone of some stream, as its events.
[[nodiscard]] AppendRequest random_retention(const Model& model, Dice& dice);

}  // namespace stele::simulation
