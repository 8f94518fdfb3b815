// json.hpp - a read-only look into one JSON text: exact numbers, raw slices, no tree of strings. What
// wire.hpp reads structs from, and what servers and tools walk request bodies with. Not a writer and not a
// general JSON library; which parser stands behind it is the business of one source file.
//
// Strict on purpose: RFC 8259 and nothing else. Refused: trailing text, invalid UTF-8, lone surrogates,
// repeated keys (unless asked for), nesting below json_max_depth, more values than json_max_values. Numbers
// are kept as their text and may be of any size; as_i64 and friends answer only when that text is exactly
// representable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stele/result.hpp"

namespace stele {

inline constexpr std::size_t json_max_depth = 128;
inline constexpr std::size_t json_max_values = 10'000'000;

enum class JsonType : std::uint8_t { null, boolean, number, string, array, object };
// "null", "boolean", "number", "string", "array", "object".
[[nodiscard]] std::string_view to_string(JsonType type);

struct JsonOptions {
  bool allow_repeated_keys = false;  // then find() answers the first and members() shows all
};

struct JsonMember;
class JsonMembers;
class JsonElements;
namespace detail {
struct JsonTape;
}

// One value of a JsonDocument: two words, copy freely. Valid as long as the document it came from lives, also
// when that was moved. Every as_... gives nothing when the value is of another type or out of range; nothing
// throws.
class JsonValue {
 public:
  [[nodiscard]] JsonType type() const;
  [[nodiscard]] bool is(JsonType wanted) const { return type() == wanted; }
  // The bytes of the source, unchanged: from the first to the last character of the value.
  [[nodiscard]] std::string_view raw() const;

  [[nodiscard]] std::optional<bool> as_bool() const;
  [[nodiscard]] std::optional<std::string_view> as_string() const;  // unescaped
  [[nodiscard]] std::optional<std::uint64_t> as_u64() const;  // plain integers only: "1e3" and "1.0" are not
  [[nodiscard]] std::optional<std::int64_t> as_i64() const;
  [[nodiscard]] std::optional<double> as_double() const;  // nearest; nothing when out of range
  [[nodiscard]] std::optional<std::string_view> number_text() const;

  // Members or elements directly inside; 0 for everything else.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::optional<JsonValue> find(std::string_view key) const;
  [[nodiscard]] JsonMembers members() const;  // for (auto [key, value] : v.members()); empty unless an object
  [[nodiscard]] JsonElements elements() const;  // for (JsonValue v : v.elements()); empty unless an array

 private:
  friend class JsonDocument;
  friend class JsonMembers;
  friend class JsonElements;
  JsonValue(const detail::JsonTape& tape, std::uint32_t at) : tape_(&tape), at_(at) {}
  [[nodiscard]] std::uint32_t after() const;  // where the next sibling stands
  const detail::JsonTape* tape_;
  std::uint32_t at_;
};

struct JsonMember {
  std::string_view key;  // unescaped
  JsonValue value;
};

// The members of an object in the order of the text.
class JsonMembers {
 public:
  class iterator {
   public:
    using value_type = JsonMember;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    JsonMember operator*() const;
    iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(const iterator& other) const { return at_ == other.at_; }

   private:
    friend class JsonMembers;
    iterator(const detail::JsonTape& tape, std::uint32_t at) : tape_(&tape), at_(at) {}
    const detail::JsonTape* tape_;
    std::uint32_t at_;
  };
  [[nodiscard]] iterator begin() const { return {*tape_, begin_}; }
  [[nodiscard]] iterator end() const { return {*tape_, end_}; }

 private:
  friend class JsonValue;
  JsonMembers(const detail::JsonTape& tape, std::uint32_t begin, std::uint32_t end)
      : tape_(&tape), begin_(begin), end_(end) {}
  const detail::JsonTape* tape_;
  std::uint32_t begin_;
  std::uint32_t end_;
};

// The elements of an array in the order of the text.
class JsonElements {
 public:
  class iterator {
   public:
    using value_type = JsonValue;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    JsonValue operator*() const { return {*tape_, at_}; }
    iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(const iterator& other) const { return at_ == other.at_; }

   private:
    friend class JsonElements;
    iterator(const detail::JsonTape& tape, std::uint32_t at) : tape_(&tape), at_(at) {}
    const detail::JsonTape* tape_;
    std::uint32_t at_;
  };
  [[nodiscard]] iterator begin() const { return {*tape_, begin_}; }
  [[nodiscard]] iterator end() const { return {*tape_, end_}; }

 private:
  friend class JsonValue;
  JsonElements(const detail::JsonTape& tape, std::uint32_t begin, std::uint32_t end)
      : tape_(&tape), begin_(begin), end_(end) {}
  const detail::JsonTape* tape_;
  std::uint32_t begin_;
  std::uint32_t end_;
};

// A whole text, checked to its last byte when it was parsed. Owns a copy of the text; movable.
class JsonDocument {
 public:
  // Errors: invalid (facts: offset, line, column, pointer) and too_large (more than json_max_values).
  [[nodiscard]] static result<JsonDocument> parse(std::string_view text, JsonOptions options = {});

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  [[nodiscard]] JsonValue root() const;

 private:
  explicit JsonDocument(std::unique_ptr<detail::JsonTape> tape);
  std::unique_ptr<detail::JsonTape> tape_;
};

}  // namespace stele
