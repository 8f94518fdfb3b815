// fold_file.cpp - declared folds: read from TOML once, then carried out event by event on a JSON tree. The only file
// that includes the TOML library.
namespace stele::history {
struct BrokenToml {};  // thrown where the library would end the process
constexpr void toml_holds(bool condition) {
  if (!condition) throw BrokenToml();
}
}  // namespace stele::history

// Version 3.3 meets some malformed texts ("[.") with an assertion; here that is one more way to say that it is no TOML.
#undef NDEBUG
#define TOML_ASSERT(expr) stele::history::toml_holds(static_cast<bool>(expr))
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "base/assert.hpp"
#include "base/json_text.hpp"
#include "history/exact.hpp"
#include "history/folds.hpp"
#include "history/json_tree.hpp"

namespace stele::history {
namespace {

constexpr std::size_t most_steps = 32;  // of one path

enum class Verb : std::uint8_t { set, add, append, merge, remove };
constexpr std::array<std::pair<std::string_view, Verb>, 5> verbs{{{"set", Verb::set},
                                                                  {"add", Verb::add},
                                                                  {"append", Verb::append},
                                                                  {"merge", Verb::merge},
                                                                  {"remove", Verb::remove}}};

using EventPlace = std::vector<std::string>;  // {"data", "amount"}

// A step of a target: a name, or a place of the event whose value is the name.
struct TargetStep {
  std::string name;
  EventPlace from;
};

// What is set, added, appended, merged: a place of the event, or a value of the file.
struct Operand {
  EventPlace from;
  bool negative = false;
  JsonTree value;
};

struct Deed {
  Verb verb;
  std::vector<TargetStep> target;
  Operand operand;
};
using Deeds = std::map<std::string, std::vector<Deed>, std::less<>>;  // by event type

// More steps than any event has are cut: such a place is not there.
EventPlace split_place(std::string_view text) {
  EventPlace out;
  while (out.size() < most_steps) {
    const auto dot = text.find('.');
    out.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) break;
    text.remove_prefix(dot + 1);
  }
  return out;
}

// ---- Carrying out

// The event as the file speaks of it, parsed when first asked.
class DeclaredEvent {
 public:
  explicit DeclaredEvent(const EventView& event) : event_(event) {}

  // Nothing: there is no such place.
  std::optional<JsonTree> at(const EventPlace& place) {
    const std::string& root = place.front();
    if (root == "type") return JsonTree::text(event_.type);
    if (root == "time") return JsonTree::text(to_string(event_.recorded_at));
    if (root == "stream") return JsonTree::text(event_.stream);
    auto& tree = root == "data" ? data_ : metadata_;
    if (!tree) tree = parsed(root == "data" ? event_.data : event_.metadata);
    const JsonTree* here = &*tree;
    for (std::size_t i = 1; i < place.size() && here; ++i) here = here->find(place[i]);
    const bool there = here && !(here->kind == JsonTree::Kind::scalar && here->raw.empty());
    return there ? std::optional(*here) : std::nullopt;
  }

 private:
  static JsonTree parsed(std::string_view text) {
    auto tree = JsonTree::parse(text);
    return tree ? *std::move(tree)
                : JsonTree{.kind = JsonTree::Kind::scalar, .raw = {}};  // no JSON: no places
  }
  const EventView& event_;
  std::optional<JsonTree> data_;
  std::optional<JsonTree> metadata_;
};

std::string scalar_text(const JsonTree& value) {
  if (!value.raw.starts_with('"')) return value.raw;
  const auto document = JsonDocument::parse(value.raw);
  return document ? std::string(document->root().as_string().value_or("")) : value.raw;
}

// A string stays a string, so that "100.00" is followed by "99.50".
result<JsonTree> sum_of(const JsonTree& old, const JsonTree& more, bool negative) {
  const bool none = old.kind == JsonTree::Kind::scalar && old.raw == "null";
  const auto a = none ? Exact::read("0") : Exact::read(scalar_text(old));
  const auto b = Exact::read(scalar_text(more));
  const auto total = a && b ? a->plus(negative ? b->negated() : *b) : std::nullopt;
  if (!total)
    return Error(errc::invalid, "`add` needs numbers, not " + old.json().substr(0, 60) + " and " +
                                    more.json().substr(0, 60));
  const bool quoted = old.raw.starts_with('"') || (none && more.raw.starts_with('"'));
  return quoted ? JsonTree::text(total->text())
                : JsonTree{.kind = JsonTree::Kind::scalar, .raw = total->text()};
}

// RFC 7396: objects member by member, null removes, everything else replaces.
void merge_into(JsonTree& target, const JsonTree& patch) {
  if (patch.kind != JsonTree::Kind::object) {
    target = patch;
    return;
  }
  if (target.kind != JsonTree::Kind::object) target = JsonTree::object();
  for (const auto& [key, value] : patch.members) {
    if (value.kind == JsonTree::Kind::scalar && value.raw == "null")
      target.erase(key);
    else
      merge_into(target.member(key), value);
  }
}

class DeclaredFold final : public stele::detail::HistoryFold {
 public:
  explicit DeclaredFold(std::shared_ptr<const Deeds> deeds) : deeds_(std::move(deeds)) {}

  result<void> take(const EventView& event) override {
    const auto found = deeds_->find(event.type);
    if (found == deeds_->end() || !whole_) return {};
    DeclaredEvent declared(event);
    for (const Deed& deed : found->second) {
      const auto done = carry_out(deed, declared);
      if (done) continue;
      whole_ = false;
      return Error(errc::corrupt, std::string(event.type) + " at version " +
                                      std::to_string(event.revision.value()) + " of " +
                                      std::string(event.stream) + ": " + done.error().message())
          .with("stream", std::string(event.stream))
          .with("revision", event.revision.value());
    }
    return {};
  }
  [[nodiscard]] bool whole() const override { return whole_; }
  [[nodiscard]] result<std::string> state() const override { return state_.json(); }
  [[nodiscard]] std::unique_ptr<HistoryFold> clone() const override {
    return std::make_unique<DeclaredFold>(*this);
  }

 private:
  // Objects on the way to the target are made; what stands there and is none is replaced.
  result<void> carry_out(const Deed& deed, DeclaredEvent& event) {
    STELE_TRY(const auto path, names_of(deed.target, event));
    if (deed.verb == Verb::remove) {
      remove(path);
      return {};
    }
    auto value = deed.operand.from.empty() ? std::optional(deed.operand.value) : event.at(deed.operand.from);
    if (!value) return {};  // optional members of events are not there
    JsonTree* here = &state_;
    for (const auto& name : path) here = &here->member(name);
    return apply(deed, *here, *std::move(value));
  }

  // The verbs on the one place they are about.
  static result<void> apply(const Deed& deed, JsonTree& here, JsonTree value) {
    if (deed.verb == Verb::set) {
      here = std::move(value);
    } else if (deed.verb == Verb::add) {
      STELE_TRY(here, sum_of(here, value, deed.operand.negative));
    } else if (deed.verb == Verb::append) {
      if (here.kind != JsonTree::Kind::array) here = JsonTree::array();
      here.elements.push_back(std::move(value));
    } else {
      STELE_ASSERT(deed.verb == Verb::merge, "every verb is known", static_cast<int>(deed.verb));
      merge_into(here, value);
    }
    return {};
  }

  static result<std::vector<std::string>> names_of(const std::vector<TargetStep>& target,
                                                   DeclaredEvent& event) {
    std::vector<std::string> out;
    for (const TargetStep& step : target) {
      if (step.from.empty()) {
        out.push_back(step.name);
        continue;
      }
      const auto value = event.at(step.from);
      if (!value || value->kind != JsonTree::Kind::scalar)
        return Error(errc::invalid, "the event has no name at {" + step.name + "}");
      out.push_back(scalar_text(*value));
    }
    return out;
  }

  // What is not there need not be removed.
  void remove(const std::vector<std::string>& path) {
    JsonTree* here = &state_;
    for (std::size_t i = 0; i + 1 < path.size() && here; ++i) here = here->find(path[i]);
    if (here) here->erase(path.back());
  }

  std::shared_ptr<const Deeds> deeds_;
  JsonTree state_ = JsonTree::object();
  bool whole_ = true;
};

// ---- Reading

class FoldReader {
 public:
  explicit FoldReader(const std::string& name) : name_(name) {}

  result<Deeds> category(const toml::table& table) const {
    Deeds out;
    for (const auto& [type, node] : table) {
      const auto* deeds = node.as_table();
      if (!deeds) return wrong(node, "an event type is a table: [Category." + std::string(type.str()) + "]");
      STELE_TRY(out[std::string(type.str())], read_deeds(*deeds));
    }
    return out;
  }

  [[nodiscard]] Error wrong(const toml::node& node, const std::string& what) const {
    return Error(errc::invalid, name_ + ", line " + std::to_string(node.source().begin.line) + ": " + what)
        .with("line", std::uint64_t{node.source().begin.line})
        .help("an event type has set, add, append, merge (tables) and remove (a list); see docs/history.md");
  }

 private:
  // In the order of the verbs, not of the file: TOML tables have none.
  result<std::vector<Deed>> read_deeds(const toml::table& table) const {
    for (const auto& [verb, node] : table)
      if (std::ranges::find(verbs, verb.str(), [](const auto& each) { return each.first; }) == verbs.end())
        return wrong(node, "there is no `" + std::string(verb.str()) + "`");
    std::vector<Deed> out;
    for (const auto& [word, verb] : verbs) {
      const auto* node = table.get(word);
      if (!node) continue;
      if (verb == Verb::remove) {
        STELE_CHECK(read_removals(*node, out));
        continue;
      }
      const auto* targets = node->as_table();
      if (!targets) return wrong(*node, "`" + std::string(word) + "` is a table of targets and values");
      for (const auto& [target, value] : *targets) STELE_CHECK(read_deed(verb, "", target.str(), value, out));
    }
    return out;
  }

  // TOML reads an unquoted a.b as nested tables; in a target it is the same path.
  result<void> read_deed(Verb verb, const std::string& above, std::string_view target,
                         const toml::node& value, std::vector<Deed>& out) const {
    const auto path = above.empty() ? std::string(target) : above + "." + std::string(target);
    if (const auto* nested = value.as_table(); nested && !nested->is_inline()) {
      for (const auto& [inner, each] : *nested) STELE_CHECK(read_deed(verb, path, inner.str(), each, out));
      return {};
    }
    Deed deed{verb, {}, {}};
    STELE_TRY(deed.target, read_target(value, path));
    STELE_TRY(deed.operand, read_operand(value));
    if (deed.operand.negative && verb != Verb::add) return wrong(value, "only `add` can take away");
    out.push_back(std::move(deed));
    return {};
  }

  result<void> read_removals(const toml::node& node, std::vector<Deed>& out) const {
    const auto* list = node.as_array();
    if (!list) return wrong(node, "`remove` is a list of targets");
    for (const auto& each : *list) {
      const auto* text = each.as_string();
      if (!text) return wrong(each, "`remove` is a list of targets");
      Deed deed{Verb::remove, {}, {}};
      STELE_TRY(deed.target, read_target(each, text->get()));
      out.push_back(std::move(deed));
    }
    return {};
  }

  // name.name.{place}: names end at a point, places at their brace.
  result<std::vector<TargetStep>> read_target(const toml::node& node, std::string_view text) const {
    std::vector<TargetStep> out;
    while (!text.empty() && out.size() < most_steps) {
      const bool braced = text.front() == '{';
      const auto end = braced ? text.find('}') : text.find('.');
      if (braced && end == std::string_view::npos) return wrong(node, "a `{` has no `}`");
      const auto name = braced ? text.substr(1, end - 1) : text.substr(0, end);
      if (name.empty()) return wrong(node, "a step of the target has no name");
      out.push_back({std::string(name), braced ? split_place(name) : EventPlace()});
      if (braced) STELE_CHECK(check_place(node, out.back().from));
      text.remove_prefix(std::min(text.size(), name.size() + (braced ? 2 : 0)));
      if (!text.empty() && text.front() != '.') return wrong(node, "expected `.` behind `}`");
      text.remove_prefix(std::min<std::size_t>(text.size(), 1));
    }
    if (out.empty() || !text.empty()) return wrong(node, "this is no target");
    return out;
  }

  // $ makes a text a place. A text that begins with one cannot be written as a value.
  result<Operand> read_operand(const toml::node& node) const {
    Operand out;
    const auto* text = node.as_string();
    std::string_view words = text ? std::string_view(text->get()) : std::string_view();
    if (words.starts_with("$") || words.starts_with("-$")) {
      out.negative = words.starts_with('-');
      out.from = split_place(words.substr(out.negative ? 2 : 1));
      STELE_CHECK(check_place(node, out.from));
      return out;
    }
    STELE_TRY(out.value, value_of(node));
    return out;
  }

  result<void> check_place(const toml::node& node, const EventPlace& place) const {
    const auto& root = place.front();
    if (root == "data" || root == "metadata") return {};
    if (place.size() == 1 && (root == "type" || root == "time" || root == "stream")) return {};
    return wrong(node,
                 "`" + root + "` is no place of an event: begin with data, metadata, type, time or stream");
  }

  // Floats are refused: they would not be what the file says.
  result<JsonTree> value_of(const toml::node& node) const {
    const auto scalar = [](std::string raw) {
      return JsonTree{.kind = JsonTree::Kind::scalar, .raw = std::move(raw)};
    };
    if (const auto* text = node.as_string()) return JsonTree::text(text->get());
    if (const auto* number = node.as_integer()) return scalar(std::to_string(number->get()));
    if (const auto* truth = node.as_boolean()) return scalar(truth->get() ? "true" : "false");
    if (const auto* list = node.as_array()) {
      JsonTree out = JsonTree::array();
      for (const auto& each : *list) {
        STELE_TRY(auto value, value_of(each));
        out.elements.push_back(std::move(value));
      }
      return out;
    }
    if (const auto* table = node.as_table()) {
      JsonTree out = JsonTree::object();
      for (const auto& [key, each] : *table) {
        STELE_TRY(out.member(key.str()), value_of(each));
      }
      return out;
    }
    return wrong(node, "write decimals and times in quotes, so that they stay what they are");
  }

  const std::string& name_;
};

// A quote behind anything else is not read as one.
constexpr std::string_view opens_quotes = "\n=,[{.\"'";

// The first line with a character beyond ASCII outside of quotes and comments: TOML has no place for one there, and the
// library does not survive looking at some of them. Quotes end with their line here.
std::optional<std::size_t> stray_line(std::string_view toml) {
  std::size_t line = 1;
  char inside = 0;     // the quote, or # for a comment
  char before = '\n';  // the last that is no blank
  for (std::size_t i = 0; i < toml.size(); ++i) {
    const char c = toml[i];
    const char last = c == ' ' || c == '\t' ? before : std::exchange(before, c);
    if (c == '\n') {
      ++line;
      inside = 0;
    } else if (inside == 0) {
      if (static_cast<unsigned char>(c) >= 0x80) return line;
      if (c == '#' || ((c == '"' || c == '\'') && opens_quotes.contains(last))) inside = c;
    } else if (c == '\\' && inside == '"') {
      ++i;
    } else if (c == inside && inside != '#') {
      inside = 0;
    }
  }
  return std::nullopt;
}

// The library is used with its exceptions: without them it goes on behind an error.
result<toml::table> parsed_toml(std::string_view toml, const std::string& name) {
  if (const auto line = stray_line(toml))
    return Error(errc::invalid,
                 name + ", line " + std::to_string(*line) + ": characters beyond ASCII belong in quotes")
        .with("line", std::uint64_t{*line});
  try {
    return toml::table(toml::parse(toml, name));
  } catch (const toml::parse_error& why) {
    return Error(errc::invalid, name + ", line " + std::to_string(why.source().begin.line) + ": " +
                                    std::string(why.description()))
        .with("line", std::uint64_t{why.source().begin.line});
  } catch (const BrokenToml&) {
    return Error(errc::invalid,
                 name + " is no TOML: a table's name or a key has a character that cannot be there");
  }
}

}  // namespace

result<std::vector<Fold>> declared_folds(std::string_view toml, const std::string& name) {
  STELE_TRY(const auto table, parsed_toml(toml, name));
  std::vector<Fold> out;
  const FoldReader reader(name);
  for (const auto& [category, node] : table) {
    const auto* types = node.as_table();
    if (!types) return reader.wrong(node, "expected a table for each category: [Category.EventType]");
    STELE_TRY(auto deeds, reader.category(*types));
    const auto shared = std::make_shared<const Deeds>(std::move(deeds));
    out.push_back({.category = std::string(category.str()),
                   .name = name,
                   .begin = [shared] { return std::make_unique<DeclaredFold>(shared); },
                   .declared = std::string(toml)});
  }
  return out;
}

}  // namespace stele::history
