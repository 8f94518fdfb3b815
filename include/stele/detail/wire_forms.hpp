// wire_forms.hpp - the JSON form of each kind of C++ type, one specialisation of WireForm each. wire.hpp says
// what they look like and how to add one; this file is how they work.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "stele/decimal.hpp"
#include "stele/detail/reflect.hpp"
#include "stele/detail/wire_reading.hpp"
#include "stele/types.hpp"

namespace stele {

// What STELE_EVENT and its sisters (decider.hpp) say about a struct.
enum class SchemaKind : std::uint8_t { event, command, refusal };
struct Schema {
  std::string_view type;
  int version;
  SchemaKind kind;
};
template <class T>
concept recorded = requires(const T* type) {
  { stele_schema(type) } -> std::same_as<Schema>;
};
template <recorded T>
inline constexpr Schema schema_of = stele_schema(static_cast<const T*>(nullptr));

template <class T>
struct WireForm;

namespace detail {

// ---- Names

// `from_account_id` is "fromAccountId" on the wire; a trailing '_' (for names that are keywords) is dropped.
template <class T, std::size_t I>
struct CamelName {
  static constexpr std::string_view source = field_name<T, I>;
  struct Built {
    std::array<char, source.size()> text{};
    std::size_t size = 0;
  };
  static constexpr Built built = [] {
    Built name;
    bool raise = false;
    for (char c : source) {
      if (c == '_' && name.size > 0) {
        raise = true;
        continue;
      }
      const bool lower = c >= 'a' && c <= 'z';
      name.text[name.size++] = raise && lower ? static_cast<char>(c - 'a' + 'A') : c;
      raise = false;
    }
    return name;
  }();
};
template <class T, std::size_t I>
inline constexpr std::string_view wire_name{CamelName<T, I>::built.text.data(), CamelName<T, I>::built.size};

// The "type" of a variant's alternative: the recorded name, or the name of the struct.
template <class T>
consteval std::string_view tag_name() {
  if constexpr (recorded<T>)
    return schema_of<T>.type;
  else
    return unqualified_name<T>();
}

// ---- Writing and reading that needs no template

void write_text(std::string& out, std::string_view text);  // throws std::invalid_argument unless UTF-8
void write_double(std::string& out, double value);         // throws std::invalid_argument unless finite
void write_unsigned(std::string& out, std::uint64_t value);
void write_signed(std::string& out, std::int64_t value);
[[noreturn]] void refuse_unnamed_enumerator(std::string_view type, std::uint64_t value);
void read_time(WireReading& in, const JsonValue& value, Timestamp& out);
void read_uuid(WireReading& in, const JsonValue& value, Uuid& out);
void expected_integer(WireReading& in, const JsonValue& value, std::string_view lowest,
                      std::string_view highest);
void expected_one_of(WireReading& in, const JsonValue& value, const std::string& names);

template <class T>
void write_value(std::string& out, const T& value) {
  WireForm<T>::write(out, value);
}
template <class T>
void read_value(WireReading& in, const JsonValue& value, T& out) {
  WireForm<T>::read(in, value, out);
}
template <class T>
[[nodiscard]] std::string describe(unsigned depth = 0) {
  return WireForm<T>::describe(depth);
}

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// ---- Structs

template <class T>
using FieldIndexes = std::make_index_sequence<field_count<T>()>;

// Appends the members without braces; `first` is false when something stands before them.
template <class T>
void write_fields(std::string& out, const T& object, bool first) {
  each_field(object, [&](auto index, std::string_view, const auto& field) {
    if constexpr (is_optional<std::remove_cvref_t<decltype(field)>>)
      if (!field) return;
    if (!std::exchange(first, false)) out += ',';
    out += '"';
    out += wire_name<T, index>;
    out += "\":";
    write_value(out, field);
  });
}

template <class T>
using SeenFields = std::array<bool, field_count<T>() + 1>;

// False when the struct has no field of that name.
template <class T>
bool read_field(WireReading& in, const JsonMember& member, T& out, SeenFields<T>& seen) {
  bool known = false;
  each_field(out, [&](auto index, std::string_view, auto& field) {
    if (known || member.key != wire_name<T, index>) return;
    known = seen[index] = true;
    WireReading::Step step(in, member.key);
    read_value(in, member.value, field);
  });
  return known;
}

// `tag`: a member that is not a field and known all the same.
template <class T>
void read_fields(WireReading& in, const JsonValue& value, T& out, std::string_view tag = {}) {
  if (!value.is(JsonType::object)) return in.expected("an object", value);
  SeenFields<T> seen{};
  for (const JsonMember& member : value.members())
    if (!read_field(in, member, out, seen) && (tag.empty() || member.key != tag)) in.unknown(member.key);
  each_field(out, [&](auto index, std::string_view, const auto& field) {
    if constexpr (!is_optional<std::remove_cvref_t<decltype(field)>>)
      if (!seen[index]) in.missing(wire_name<T, index>);
  });
}

// "{account: text, amount: decimal(2)}" without the braces.
template <class T>
std::string describe_fields(unsigned depth) {
  std::string text;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((text += text.empty() ? "" : ", ", text += wire_name<T, I>, text += ": ",
      text += describe<field_type<T, I>>(depth + 1)),
     ...);
  }(FieldIndexes<T>());
  return text;
}

}  // namespace detail

// ---- The forms

// Plain structs, and the place where a type without a form is refused.
template <class T>
struct WireForm {
  static_assert(std::is_aggregate_v<T> && !std::is_array_v<T>,
                "this type has no JSON form: use a plain struct, or specialise stele::WireForm for it");
  static void write(std::string& out, const T& value) {
    out += '{';
    detail::write_fields(out, value, true);
    out += '}';
  }
  static void read(WireReading& in, const JsonValue& value, T& out) { detail::read_fields(in, value, out); }
  static std::string describe(unsigned depth) {
    constexpr unsigned deep_enough = 6;  // recursive types end somewhere
    if (depth > deep_enough) return std::string(detail::unqualified_name<T>());
    return "{" + detail::describe_fields<T>(depth) + "}";
  }
};

template <>
struct WireForm<bool> {
  static void write(std::string& out, bool value) { out += value ? "true" : "false"; }
  static void read(WireReading& in, const JsonValue& value, bool& out) {
    if (auto found = value.as_bool())
      out = *found;
    else
      in.expected("true or false", value);
  }
  static std::string describe(unsigned) { return "boolean"; }
};

template <class T>
concept WireInteger =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <WireInteger T>
struct WireForm<T> {
  static void write(std::string& out, T value) {
    if constexpr (std::is_signed_v<T>)
      detail::write_signed(out, value);
    else
      detail::write_unsigned(out, value);
  }
  static void read(WireReading& in, const JsonValue& value, T& out) {
    auto fits = [&](auto found) {
      return found && std::in_range<T>(*found) ? (out = static_cast<T>(*found), true) : false;
    };
    if (fits(value.as_i64()) || fits(value.as_u64())) return;
    using Range = std::numeric_limits<T>;
    detail::expected_integer(in, value, std::to_string(Range::min()), std::to_string(Range::max()));
  }
  static std::string describe(unsigned) {
    return (std::is_signed_v<T> ? "int" : "uint") + std::to_string(sizeof(T) * 8);
  }
};

template <std::floating_point T>
struct WireForm<T> {
  static void write(std::string& out, T value) { detail::write_double(out, static_cast<double>(value)); }
  static void read(WireReading& in, const JsonValue& value, T& out) {
    if (auto found = value.as_double())
      out = static_cast<T>(*found);
    else
      in.expected("a number", value);
  }
  static std::string describe(unsigned) { return "number"; }
};

template <>
struct WireForm<std::string> {
  static void write(std::string& out, std::string_view value) { detail::write_text(out, value); }
  static void read(WireReading& in, const JsonValue& value, std::string& out) {
    if (auto found = value.as_string())
      out = *found;
    else
      in.expected("a string", value);
  }
  static std::string describe(unsigned) { return "text"; }
};

template <class T>
  requires std::is_enum_v<T>
struct WireForm<T> {
  static void write(std::string& out, T value) {
    const std::string_view name = detail::enum_name(value);
    if (name.empty())
      detail::refuse_unnamed_enumerator(detail::unqualified_name<T>(), static_cast<std::uint64_t>(value));
    detail::write_text(out, name);
  }
  static void read(WireReading& in, const JsonValue& value, T& out) {
    const auto found = value.as_string();
    if (!found || !detail::enum_from_name(*found, out)) detail::expected_one_of(in, value, names());
  }
  static std::string describe(unsigned) { return "one of " + names(); }

 private:
  static std::string names() {
    std::string all;
    for (std::string_view name : detail::enumerator_names<T>)
      if (!name.empty()) (all += all.empty() ? "" : "|") += name;
    return all;
  }
};

template <unsigned Scale>
struct WireForm<Decimal<Scale>> {
  static void write(std::string& out, Decimal<Scale> value) { ((out += '"') += to_string(value)) += '"'; }
  static void read(WireReading& in, const JsonValue& value, Decimal<Scale>& out) {
    const auto text = value.is(JsonType::string) ? value.as_string() : value.number_text();
    if (!text) return in.expected("a decimal number", value);
    if (auto parsed = Decimal<Scale>::parse(*text))
      out = *parsed;
    else
      in.problem(parsed.error().message());
  }
  static std::string describe(unsigned) { return "decimal(" + std::to_string(Scale) + ")"; }
};

template <>
struct WireForm<Timestamp> {
  static void write(std::string& out, Timestamp value) { ((out += '"') += to_string(value)) += '"'; }
  static void read(WireReading& in, const JsonValue& value, Timestamp& out) {
    detail::read_time(in, value, out);
  }
  static std::string describe(unsigned) { return "time"; }
};

template <>
struct WireForm<Uuid> {
  static void write(std::string& out, const Uuid& value) { ((out += '"') += to_string(value)) += '"'; }
  static void read(WireReading& in, const JsonValue& value, Uuid& out) { detail::read_uuid(in, value, out); }
  static std::string describe(unsigned) { return "uuid"; }
};

template <class T>
struct WireForm<std::optional<T>> {
  static void write(std::string& out, const std::optional<T>& value) {
    if (value)
      detail::write_value(out, *value);
    else
      out += "null";
  }
  static void read(WireReading& in, const JsonValue& value, std::optional<T>& out) {
    if (value.is(JsonType::null))
      out.reset();
    else
      detail::read_value(in, value, out.emplace());
  }
  static std::string describe(unsigned depth) { return "optional " + detail::describe<T>(depth); }
};

template <class T>
struct WireForm<std::vector<T>> {
  static void write(std::string& out, const std::vector<T>& value) {
    out += '[';
    bool first = true;
    for (const T& element : value) {
      if (!std::exchange(first, false)) out += ',';
      detail::write_value<T>(out, element);
    }
    out += ']';
  }
  static void read(WireReading& in, const JsonValue& value, std::vector<T>& out) {
    if (!value.is(JsonType::array)) return in.expected("an array", value);
    out.clear();
    out.reserve(value.size());
    for (const JsonValue& element : value.elements()) {
      WireReading::Step step(in, out.size());
      T read{};
      detail::read_value(in, element, read);
      out.push_back(std::move(read));
    }
  }
  static std::string describe(unsigned depth) { return "list of " + detail::describe<T>(depth); }
};

template <class T>
struct WireForm<std::map<std::string, T>> {
  static void write(std::string& out, const std::map<std::string, T>& value) {
    out += '{';
    bool first = true;
    for (const auto& [key, element] : value) {
      if (!std::exchange(first, false)) out += ',';
      detail::write_text(out, key);
      out += ':';
      detail::write_value(out, element);
    }
    out += '}';
  }
  static void read(WireReading& in, const JsonValue& value, std::map<std::string, T>& out) {
    if (!value.is(JsonType::object)) return in.expected("an object", value);
    out.clear();
    for (const auto& [key, element] : value.members()) {
      WireReading::Step step(in, key);
      detail::read_value(in, element, out[std::string(key)]);
    }
  }
  static std::string describe(unsigned depth) { return "map of " + detail::describe<T>(depth); }
};

template <class... T>
struct WireForm<std::variant<T...>> {
  static void write(std::string& out, const std::variant<T...>& value) {
    std::visit(
        [&]<class U>(const U& alternative) {
          out += "{\"type\":";
          detail::write_text(out, detail::tag_name<U>());
          detail::write_fields(out, alternative, false);
          out += '}';
        },
        value);
  }
  static void read(WireReading& in, const JsonValue& value, std::variant<T...>& out) {
    if (!value.is(JsonType::object)) return in.expected("an object", value);
    const auto tag = value.find("type");
    if (!tag) return in.missing("type");
    const auto name = tag->as_string();
    if (name && (read_if<T>(in, *name, value, out) || ...)) return;
    WireReading::Step step(in, std::string_view("type"));
    detail::expected_one_of(in, *tag, names());
  }
  // With the fields of each: what changes inside an alternative changes what is recorded.
  static std::string describe(unsigned depth) {
    std::string all;
    ((((all += all.empty() ? "one of " : "|") += detail::tag_name<T>()) += alternative_form<T>(depth)), ...);
    return all;
  }

 private:
  template <class U>
  static std::string alternative_form(unsigned depth) {
    constexpr unsigned deep_enough = 6;
    return depth > deep_enough ? "" : "{" + detail::describe_fields<U>(depth) + "}";
  }
  template <class U>
  static bool read_if(WireReading& in, std::string_view name, const JsonValue& value,
                      std::variant<T...>& out) {
    if (name != detail::tag_name<U>()) return false;
    detail::read_fields(in, value, out.template emplace<U>(), "type");
    return true;
  }
  static std::string names() {
    std::string all;
    ((((all += all.empty() ? "" : "|") += detail::tag_name<T>())), ...);
    return all;
  }
};

}  // namespace stele
