// assert.cpp - the last words of a process whose invariant broke.
#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace stele::base {

void assertion_failed(const char* expression, const char* what, const std::string& values, const char* file,
                      int line) {
  std::fprintf(stderr, "stele: assertion failed: %s\n  %s%s%s\n  at %s:%d\n", expression, what,
               values.empty() ? "" : ":", values.c_str(), file, line);
  std::abort();
}

}  // namespace stele::base
