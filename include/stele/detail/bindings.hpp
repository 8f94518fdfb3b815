// bindings.hpp - the one place that spells out structured bindings for 1 to 64 fields: C++ 23 has no other
// way to take a plain struct apart. Only for reflect.hpp; nothing to read here but a table.
#pragma once

#include <cstddef>
#include <tuple>

// n names beginning with p, for n from 1 to 8.
#define STELE_NAMES1(p) p##0
#define STELE_NAMES2(p) p##0, p##1
#define STELE_NAMES3(p) p##0, p##1, p##2
#define STELE_NAMES4(p) p##0, p##1, p##2, p##3
#define STELE_NAMES5(p) p##0, p##1, p##2, p##3, p##4
#define STELE_NAMES6(p) p##0, p##1, p##2, p##3, p##4, p##5
#define STELE_NAMES7(p) p##0, p##1, p##2, p##3, p##4, p##5, p##6
#define STELE_NAMES8(p) p##0, p##1, p##2, p##3, p##4, p##5, p##6, p##7

#define STELE_BIND(n, ...)        \
  else if constexpr (N == (n)) {  \
    auto& [__VA_ARGS__] = object; \
    return std::tie(__VA_ARGS__); \
  }

// The cases for `full` + 1 to `full` + 8 fields; what follows p are the names of the first `full`, with a
// comma.
// clang-format off
#define STELE_BIND8(full, p, ...) \
  STELE_BIND(full + 1, __VA_ARGS__ STELE_NAMES1(p)) \
  STELE_BIND(full + 2, __VA_ARGS__ STELE_NAMES2(p)) \
  STELE_BIND(full + 3, __VA_ARGS__ STELE_NAMES3(p)) \
  STELE_BIND(full + 4, __VA_ARGS__ STELE_NAMES4(p)) \
  STELE_BIND(full + 5, __VA_ARGS__ STELE_NAMES5(p)) \
  STELE_BIND(full + 6, __VA_ARGS__ STELE_NAMES6(p)) \
  STELE_BIND(full + 7, __VA_ARGS__ STELE_NAMES7(p)) \
  STELE_BIND(full + 8, __VA_ARGS__ STELE_NAMES8(p))
// clang-format on

namespace stele::detail {

// References to the N fields of `object`, in order.
template <std::size_t N, class T>
constexpr auto tie_fields([[maybe_unused]] T& object) {
  static_assert(N <= 64, "reflection ends at 64 fields: nest some of them in a struct of their own");
  if constexpr (N == 0) {
    return std::tuple<>();
  }
  // clang-format off
  STELE_BIND8(0, a, )
  STELE_BIND8(8, b, STELE_NAMES8(a),)
  STELE_BIND8(16, c, STELE_NAMES8(a), STELE_NAMES8(b),)
  STELE_BIND8(24, d, STELE_NAMES8(a), STELE_NAMES8(b), STELE_NAMES8(c),)
  STELE_BIND8(32, e, STELE_NAMES8(a), STELE_NAMES8(b), STELE_NAMES8(c), STELE_NAMES8(d),)
  STELE_BIND8(40, f, STELE_NAMES8(a), STELE_NAMES8(b), STELE_NAMES8(c), STELE_NAMES8(d), STELE_NAMES8(e),)
  STELE_BIND8(48, g, STELE_NAMES8(a), STELE_NAMES8(b), STELE_NAMES8(c),
              STELE_NAMES8(d), STELE_NAMES8(e), STELE_NAMES8(f),)
  STELE_BIND8(56, h, STELE_NAMES8(a), STELE_NAMES8(b), STELE_NAMES8(c),
              STELE_NAMES8(d), STELE_NAMES8(e), STELE_NAMES8(f), STELE_NAMES8(g),)
  // clang-format on
}

}  // namespace stele::detail

#undef STELE_BIND8
#undef STELE_BIND
#undef STELE_NAMES1
#undef STELE_NAMES2
#undef STELE_NAMES3
#undef STELE_NAMES4
#undef STELE_NAMES5
#undef STELE_NAMES6
#undef STELE_NAMES7
#undef STELE_NAMES8
