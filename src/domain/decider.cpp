// decider.cpp - what a decider's runner has to say when a history cannot be.
#include "stele/decider.hpp"

namespace stele::detail {

Error impossible_event(std::string_view type, std::size_t index, const Error* why) {
  std::string message = std::string(type) + ", event " + std::to_string(index) + " of the history, ";
  message += why ? "could not be applied: " + why->message() : "cannot happen in the state before it";
  return Error(errc::corrupt, std::move(message))
      .with("type", std::string(type))
      .with("index", std::uint64_t{index});
}

}  // namespace stele::detail
