// assert.hpp - invariants that stay on in every build. Not for bad input: that is an Error.
//
// STELE_ASSERT(condition, "what must hold", values...): when the condition is false the process prints the
// expression, the sentence and the values, and aborts. A store that has lost an invariant must not go on
// writing.
#pragma once

#include <sstream>
#include <string>

namespace stele::base {

[[noreturn]] void assertion_failed(const char* expression, const char* what, const std::string& values,
                                   const char* file, int line);

template <class... Values>
[[noreturn]] [[gnu::cold, gnu::noinline]] void assertion_failed_with(const char* expression, const char* what,
                                                                     const char* file, int line,
                                                                     const Values&... values) {
  std::ostringstream text;
  ((text << ' ' << values), ...);
  assertion_failed(expression, what, text.str(), file, line);
}

}  // namespace stele::base

#define STELE_ASSERT(condition, what, ...)                                                                   \
  do {                                                                                                       \
    if (!(condition)) [[unlikely]]                                                                           \
      ::stele::base::assertion_failed_with(#condition, what, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)
