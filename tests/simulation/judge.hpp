// judge.hpp - the first thing that was not as it must be. Not a test framework: the same checks run in a test, in a run
// of hours, and against engines that are broken on purpose.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "stele/result.hpp"

namespace stele::simulation {

class Judge {
 public:
  Judge() = default;
  // `excused`: whether errors are explained by the disk at this moment. Wrong answers never are.
  explicit Judge(std::function<bool()> excused) : excused_(std::move(excused)) {}

  [[nodiscard]] bool content() const { return !finding_; }
  [[nodiscard]] const std::optional<std::string>& finding() const { return finding_; }

  // Only the first finding counts: what follows it follows from it. Returns whether `holds`.
  bool expect(bool holds, const char* what) { return holds || complain(what); }
  template <class Details>
  bool expect(bool holds, const char* what, Details&& details) {
    return holds || complain(std::string(what) + ": " + std::forward<Details>(details)());
  }
  bool complain(std::string what) {
    if (!finding_) finding_ = std::move(what);
    return false;
  }
  // A call that answered with an error where it should not have. Always false.
  bool failed(const char* what, const Error& why) {
    return excused() ? false : complain(std::string(what) + ": " + why.to_string());
  }
  [[nodiscard]] bool excused() const { return excused_ && excused_(); }

 private:
  std::function<bool()> excused_;
  std::optional<std::string> finding_;
};

inline std::string number(std::uint64_t value) { return std::to_string(value); }

}  // namespace stele::simulation
