// light.hpp - the words of a lamp, for the snippets beside it. Each snippet forgets one thing and must not compile;
// its second line is what the first error has to name. compile_failure_test.cpp compiles them.
#pragma once

#include "stele/decider.hpp"

namespace lamp {

struct SwitchedOn {
  int brightness;
};
STELE_EVENT(SwitchedOn, 1, brightness);
struct SwitchedOff {};
STELE_EVENT(SwitchedOff, 1);
struct SwitchOn {
  int brightness;
};
STELE_COMMAND(SwitchOn, brightness);
struct SwitchOff {};
STELE_COMMAND(SwitchOff);
struct AlreadyOn {};
STELE_REFUSAL(AlreadyOn);

struct Words {
  static constexpr std::string_view category = "Lamp";
  using Commands = stele::commands<SwitchOn, SwitchOff>;
  using Events = stele::events<SwitchedOn, SwitchedOff>;
  using Refusals = stele::refusals<AlreadyOn>;
  using Decision = stele::decision<Events, Refusals>;
  struct Off {};
  struct On {};
  using State = std::variant<Off, On>;
};

}  // namespace lamp
