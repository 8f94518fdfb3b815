// reflect_test.cpp - pins what the two compilers print, which the names of fields and enumerators are taken
// from.
#include "stele/detail/reflect.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "stele/decimal.hpp"
#include "stele/types.hpp"

namespace reflected {

struct Empty {};
struct One {
  int only = 3;
};
struct Inner {
  std::string street;
  int number;
};
enum class Colour : unsigned char { red, dark_green = 5, blue = 127 };
struct Everything {
  bool flag;
  unsigned char byte;
  double real;
  std::string text;
  std::optional<std::string> maybe;
  std::vector<Inner> list;
  std::map<std::string, Inner> table;
  std::variant<int, Inner> either;
  Colour colour;
  Inner inner;
  stele::Money money;
  stele::Timestamp time;
  stele::Uuid id;
  std::unique_ptr<int> owned;
};
struct Wide {
  int a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7;
  int c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2, d3, d4, d5, d6, d7;
  int e0, e1, e2, e3, e4, e5, e6, e7, f0, f1, f2, f3, f4, f5, f6, f7;
  int g0, g1, g2, g3, g4, g5, g6, g7, h0, h1, h2, h3, h4, h5, h6, last_one;
};
struct Derived : Inner {
  int more;
};
struct DerivedFromEmpty : Empty {
  int more;
};
template <class T>
struct Boxed {
  T content;
};

}  // namespace reflected

namespace {

namespace d = stele::detail;
using namespace reflected;

struct Hidden {
  int in_anonymous_namespace;
};

template <class T>
std::vector<std::string> names_of() {
  std::vector<std::string> names;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (names.emplace_back(d::field_name<T, I>), ...);
  }(std::make_index_sequence<d::field_count<T>()>());
  return names;
}

TEST(Reflect, counts_the_fields_of_every_shape) {
  static_assert(d::field_count<Empty>() == 0);
  static_assert(d::field_count<One>() == 1);
  static_assert(d::field_count<Inner>() == 2);
  static_assert(d::field_count<Everything>() == 14);
  static_assert(d::field_count<Wide>() == 64);
  static_assert(d::field_count<Boxed<std::vector<int>>>() == 1);
}

TEST(Reflect, names_fields_as_they_are_written) {
  EXPECT_EQ(names_of<Inner>(), (std::vector<std::string>{"street", "number"}));
  EXPECT_EQ(names_of<Everything>(),
            (std::vector<std::string>{"flag", "byte", "real", "text", "maybe", "list", "table", "either",
                                      "colour", "inner", "money", "time", "id", "owned"}));
  EXPECT_EQ(names_of<Wide>().front(), "a0");
  EXPECT_EQ(names_of<Wide>().back(), "last_one");
  EXPECT_EQ(names_of<Hidden>(), std::vector<std::string>{"in_anonymous_namespace"});
  EXPECT_EQ(names_of<Boxed<One>>(), std::vector<std::string>{"content"});
  struct Local {
    int in_a_function;
  };
  EXPECT_EQ(names_of<Local>(), std::vector<std::string>{"in_a_function"});
}

TEST(Reflect, reaches_the_fields_themselves) {
  Inner inner{"Main", 4};
  d::each_field(inner, [](auto, std::string_view name, auto& field) {
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(field)>, int>) {
      EXPECT_EQ(name, "number");
      field += 1;
    }
  });
  EXPECT_EQ(inner.number, 5);
  static_assert(std::is_same_v<d::field_type<Inner, 0>, std::string>);
}

TEST(Reflect, a_base_class_is_noticed) {
  static_assert(d::HasBase<Derived> && d::HasBase<DerivedFromEmpty>);
  static_assert(!d::HasBase<Inner> && !d::HasBase<Everything> && !d::HasBase<Empty> && !d::HasBase<One>);
}

TEST(Reflect, names_types_without_their_namespace) {
  EXPECT_EQ(d::unqualified_name<Inner>(), "Inner");
  EXPECT_EQ(d::unqualified_name<Hidden>(), "Hidden");
  EXPECT_EQ(d::unqualified_name<Boxed<Inner>>(), "Boxed");
}

TEST(Reflect, names_enumerators_both_ways) {
  EXPECT_EQ(d::enum_name(Colour::dark_green), "dark_green");
  EXPECT_EQ(d::enum_name(Colour::blue), "blue");
  EXPECT_EQ(d::enum_name(static_cast<Colour>(4)), "");
  EXPECT_EQ(d::enum_name(static_cast<Colour>(200)), "");
  Colour colour = Colour::blue;
  EXPECT_TRUE(d::enum_from_name("red", colour));
  EXPECT_EQ(colour, Colour::red);
  EXPECT_FALSE(d::enum_from_name("Red", colour));
  EXPECT_FALSE(d::enum_from_name("", colour));
}

}  // namespace
