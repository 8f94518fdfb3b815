// expression.cpp - whether a condition holds: values are looked up as they are asked for, JSON is parsed at most once
// for each text.
#include "history/expression.hpp"

#include <algorithm>
#include <charconv>

#include "base/assert.hpp"
#include "history/expression_tree.hpp"
#include "stele/detail/json.hpp"

namespace stele::history {
namespace {

using Kind = Node::Kind;

// A value of a condition. `json` for arrays and objects; texts are borrowed from the literal, the event or a document.
struct Value {
  enum class Type : std::uint8_t { null, boolean, number, text, tags, json };
  Type type = Type::null;
  bool truth = false;
  std::string_view text{};  // of numbers: how they are written
  std::optional<Exact> number{};
  std::optional<JsonValue> json{};
};

Value text_value(std::string_view text) { return {.type = Value::Type::text, .text = text}; }
Value number_value(Exact number) { return {.type = Value::Type::number, .number = std::move(number)}; }
Value truth_value(bool truth) { return {.type = Value::Type::boolean, .truth = truth}; }
Value count_value(std::uint64_t count) { return number_value(*Exact::read(std::to_string(count))); }

// Numbers beyond Exact keep their type and lose their order: comparisons with them are false.
Value json_value(const JsonValue& value) {
  switch (value.type()) {
    case JsonType::null:
      return {};
    case JsonType::boolean:
      return truth_value(*value.as_bool());
    case JsonType::number:
      return {.type = Value::Type::number, .text = value.raw(), .number = Exact::read(value.raw())};
    case JsonType::string:
      return text_value(*value.as_string());
    default:
      return {.type = Value::Type::json, .json = value};
  }
}

// A JSON text, parsed when it is first looked at; one that is no JSON has no places.
class LazyJson {
 public:
  explicit LazyJson(std::string_view text) : text_(text) {}
  std::optional<JsonValue> at(const std::vector<std::string>& path) {
    if (!parsed_ && !text_.empty()) {
      if (auto read = JsonDocument::parse(text_, {.allow_repeated_keys = true})) document_ = *std::move(read);
    }
    parsed_ = true;
    if (!document_) return std::nullopt;
    std::optional<JsonValue> here = document_->root();
    for (const auto& name : path) {
      if (!here) return std::nullopt;
      here = here->is(JsonType::array) ? element(*here, name) : here->find(name);
    }
    return here;
  }

 private:
  // An index beyond the end is a place that is not there, not an error.
  static std::optional<JsonValue> element(const JsonValue& list, std::string_view name) {
    std::size_t index = 0;
    const auto [stop, failure] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (failure != std::errc{} || stop != name.data() + name.size() || index >= list.size())
      return std::nullopt;
    for (const JsonValue each : list.elements())
      if (index-- == 0) return each;
    return std::nullopt;
  }
  std::string_view text_;
  bool parsed_ = false;
  std::optional<JsonDocument> document_;
};

// Linear in the text for each star: a star takes as little as possible, and only the last one is ever widened.
bool matches_pattern(std::string_view text, std::string_view pattern) {
  std::size_t t = 0;
  std::size_t p = 0;
  std::optional<std::size_t> star;
  std::size_t retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      do ++t;
      while (t < text.size() && (text[t] & 0xC0) == 0x80);  // a whole character
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star) {
      p = *star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

// Amounts are strings in the JSON of domains, so a text may stand for a number.
std::optional<Exact> number_of(const Value& value) {
  if (value.type == Value::Type::number) return value.number;
  if (value.type != Value::Type::text) return std::nullopt;
  return value.number ? value.number : Exact::read(value.text);
}

// Nothing: the two have no order.
std::optional<std::strong_ordering> order_of(const Value& a, const Value& b) {
  if (a.type == Value::Type::number || b.type == Value::Type::number) {
    const auto x = number_of(a);
    const auto y = number_of(b);
    if (!x || !y) return std::nullopt;
    return *x <=> *y;
  }
  if (a.type != Value::Type::text || b.type != Value::Type::text) return std::nullopt;
  const auto x = number_of(a);
  const auto y = x ? number_of(b) : std::nullopt;
  if (x && y) return *x <=> *y;
  const auto early = parse_time(a.text);
  const auto late = early ? parse_time(b.text) : std::nullopt;
  if (early && late) return early->time_since_epoch().count() <=> late->time_since_epoch().count();
  return a.text <=> b.text;
}

// Two texts are equal as texts or as times, never as numbers: '007' is not '7'. With a number on one side they are
// compared as numbers.
bool equal_values(const Value& a, const Value& b) {
  if (a.type == Value::Type::number || b.type == Value::Type::number) {
    const auto order = order_of(a, b);
    return order && *order == 0;
  }
  if (a.type == Value::Type::text && b.type == Value::Type::text) {
    if (a.text == b.text) return true;
    const auto x = parse_time(a.text);
    const auto y = x ? parse_time(b.text) : std::nullopt;
    return x && y && *x == *y;
  }
  if (a.type != b.type) return false;
  if (a.type == Value::Type::boolean) return a.truth == b.truth;
  if (a.type == Value::Type::json) return a.json->raw() == b.json->raw();
  return a.type == Value::Type::null;
}

// One look at one event and its states.
class Look {
 public:
  explicit Look(const Seen& seen)
      : seen_(seen),
        data_(seen.event ? seen.event->data : ""),
        metadata_(seen.event ? seen.event->metadata : ""),
        before_(seen.before),
        after_(seen.after) {}

  bool holds(const Node& node) {
    switch (node.kind) {
      case Kind::any_of:
        return std::ranges::any_of(node.children, [&](const Node& each) { return holds(each); });
      case Kind::all_of:
        return std::ranges::all_of(node.children, [&](const Node& each) { return holds(each); });
      case Kind::none_of:
        return !holds(node.children.front());
      default:
        return compares(node);
    }
  }

 private:
  // What is no comparison holds when it is true itself: `metadata.ok`, `exists(x)`.
  bool compares(const Node& node) {
    if (node.children.size() != 2 || node.kind == Kind::plus || node.kind == Kind::minus) {
      const auto value = value_of(node);
      return value.type == Value::Type::boolean && value.truth;
    }
    const auto left = value_of(node.children[0]);
    const auto right = value_of(node.children[1]);
    switch (node.kind) {
      case Kind::equal:
        return equal_values(left, right);
      case Kind::unequal:
        return !equal_values(left, right);
      case Kind::contains:
        return holds_inside(left, right);
      case Kind::matches:
        return left.type == Value::Type::text && matches_pattern(left.text, right.text);
      default:
        return ordered(node.kind, left, right);
    }
  }

  static bool ordered(Kind kind, const Value& left, const Value& right) {
    const auto order = order_of(left, right);
    if (!order) return false;
    if (kind == Kind::less) return *order < 0;
    if (kind == Kind::at_most) return *order <= 0;
    if (kind == Kind::greater) return *order > 0;
    STELE_ASSERT(kind == Kind::at_least, "every comparison is known", static_cast<int>(kind));
    return *order >= 0;
  }

  // What `contains` means depends on what it looks into; of anything else nothing is a part.
  bool holds_inside(const Value& whole, const Value& part) const {
    if (whole.type == Value::Type::text)
      return part.type == Value::Type::text && whole.text.find(part.text) != std::string_view::npos;
    if (whole.type == Value::Type::tags)
      return part.type == Value::Type::text && seen_.event->tags.contains(part.text);
    if (whole.type != Value::Type::json) return false;
    if (whole.json->is(JsonType::object))
      return part.type == Value::Type::text && whole.json->find(part.text).has_value();
    for (const JsonValue each : whole.json->elements())
      if (equal_values(json_value(each), part)) return true;
    return false;
  }

  Value value_of(const Node& node) {
    switch (node.kind) {
      case Kind::literal:
        return literal(node);
      case Kind::path:
        return place(node);
      case Kind::plus:
      case Kind::minus:
        return sum(node);
      case Kind::exists:
        return truth_value(place(node.children.front()).type != Value::Type::null);
      case Kind::size:
        return size_of(place(node.children.front()));
      default:
        return truth_value(holds(node));
    }
  }

  static Value literal(const Node& node) {
    if (const auto* truth = std::get_if<bool>(&node.literal)) return truth_value(*truth);
    if (const auto* number = std::get_if<Exact>(&node.literal)) return number_value(*number);
    if (const auto* text = std::get_if<std::string>(&node.literal))
      return {.type = Value::Type::text, .text = *text, .number = node.as_number};
    return {};
  }

  // With something that is no number the sum is null, and null has no order.
  Value sum(const Node& node) {
    const auto left = number_of(value_of(node.children[0]));
    const auto right = number_of(value_of(node.children[1]));
    if (!left || !right) return {};
    const auto total = left->plus(node.kind == Kind::minus ? right->negated() : *right);
    return total ? number_value(*total) : Value();
  }

  // Of a text: characters, as people count them.
  Value size_of(const Value& value) const {
    if (value.type == Value::Type::text)
      return count_value(static_cast<std::uint64_t>(
          std::ranges::count_if(value.text, [](char c) { return (c & 0xC0) != 0x80; })));
    if (value.type == Value::Type::tags)
      return count_value(static_cast<std::uint64_t>(std::ranges::distance(seen_.event->tags)));
    if (value.type == Value::Type::json) return count_value(value.json->size());
    return {};
  }

  // The root decides which document is parsed; those that nobody asks for never are.
  Value place(const Node& node) {
    if (node.root <= Root::tags) return seen_.event ? of_event(node.root, *seen_.event) : Value();
    auto& document = node.root == Root::data       ? data_
                     : node.root == Root::metadata ? metadata_
                     : node.root == Root::before   ? before_
                                                   : after_;
    const auto found = document.at(node.path);
    return found ? json_value(*found) : Value();
  }

  Value of_event(Root root, const EventView& event) {
    switch (root) {
      case Root::type:
        return text_value(event.type);
      case Root::stream:
        return text_value(event.stream);
      case Root::version:
        return count_value(event.revision.value());
      case Root::position:
        return count_value(event.position.value());
      case Root::time:
        time_ = to_string(event.recorded_at);
        return text_value(time_);
      case Root::id:
        id_ = to_string(event.id);
        return text_value(id_);
      default:
        return {.type = Value::Type::tags};
    }
  }

  const Seen& seen_;
  LazyJson data_;
  LazyJson metadata_;
  LazyJson before_;
  LazyJson after_;
  std::string time_;
  std::string id_;
};

}  // namespace

bool Expression::holds(const Seen& seen) const { return Look(seen).holds(*root_); }

std::optional<std::chrono::microseconds> parse_age(std::string_view text) {
  const auto moment = parse_moment("-" + std::string(text));
  if (!moment) return std::nullopt;
  const auto* ago = std::get_if<Moment::Ago>(&moment->at);
  return ago ? std::optional(ago->age) : std::nullopt;
}

}  // namespace stele::history
