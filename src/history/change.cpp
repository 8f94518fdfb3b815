// change.cpp - walks two states side by side.
#include "history/change.hpp"

#include <algorithm>

#include "base/json_reader.hpp"
#include "base/json_text.hpp"

namespace stele::history {
namespace {

class Comparison {
 public:
  // Equal parts end here, whatever their size; a change of kind is a change of the whole.
  void compare(const std::string& at, const JsonTree& before, const JsonTree& after) {
    if (before == after) return;
    if (before.kind == JsonTree::Kind::object && after.kind == JsonTree::Kind::object) {
      compare_members(at, before, after);
    } else if (before.kind == JsonTree::Kind::array && after.kind == JsonTree::Kind::array) {
      compare_elements(at, before, after);
    } else {
      found.push_back({at, before.json(), after.json()});
    }
  }
  std::vector<Change> found;

 private:
  // Removals first, as a patch reads best; the order of members alone is no difference.
  void compare_members(const std::string& at, const JsonTree& before, const JsonTree& after) {
    for (const auto& [key, value] : before.members)
      if (!after.find(key)) found.push_back({json_pointer(at, key), value.json(), std::nullopt});
    for (const auto& [key, value] : after.members) {
      if (const auto* const old = before.find(key))
        compare(json_pointer(at, key), *old, value);
      else
        found.push_back({json_pointer(at, key), std::nullopt, value.json()});
    }
  }
  // What is too much goes from the end, so that every pointer is right when its turn comes.
  void compare_elements(const std::string& at, const JsonTree& before, const JsonTree& after) {
    const auto both = std::min(before.elements.size(), after.elements.size());
    for (std::size_t i = 0; i < both; ++i)
      compare(json_pointer(at, i), before.elements[i], after.elements[i]);
    for (auto i = before.elements.size(); i-- > both;)
      found.push_back({json_pointer(at, i), before.elements[i].json(), std::nullopt});
    for (auto i = both; i < after.elements.size(); ++i)
      found.push_back({json_pointer(at, i), std::nullopt, after.elements[i].json()});
  }
};

// What a condition can name without quotes.
bool is_plain_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// RFC 6901: ~1 is a slash and ~0 a tilde.
std::string unescaped_segment(std::string_view segment) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '~' || i + 1 == segment.size()) {
      out += segment[i];
    } else {
      out += segment[++i] == '1' ? '/' : '~';
    }
  }
  return out;
}

}  // namespace

std::vector<Change> changes_between(const JsonTree& before, const JsonTree& after) {
  Comparison comparison;
  comparison.compare("", before, after);
  return std::move(comparison.found);
}

result<std::vector<Change>> changes_between(std::string_view before, std::string_view after) {
  if (before == after) return std::vector<Change>();
  STELE_TRY(const auto old, JsonTree::parse(before));
  STELE_TRY(const auto now, JsonTree::parse(after));
  return changes_between(old, now);
}

std::string json_patch(const std::vector<Change>& changes) {
  std::string out = "[";
  for (const Change& each : changes) {
    if (out.size() > 1) out += ',';
    const auto* const verb = !each.after ? "remove" : !each.before ? "add" : "replace";
    ((out += "{\"op\":\"") += verb) += "\",\"path\":";
    base::append_json_string(out, each.pointer);
    if (each.after) (out += ",\"value\":") += *each.after;
    out += '}';
  }
  return out + "]";
}

std::string changes_json(const std::vector<Change>& changes) {
  std::string out = "[";
  for (const Change& each : changes) {
    if (out.size() > 1) out += ',';
    out += "{\"field\":";
    base::append_json_string(out, field_of(each.pointer));
    if (each.before) (out += ",\"before\":") += *each.before;
    if (each.after) (out += ",\"after\":") += *each.after;
    out += '}';
  }
  return out + "]";
}

std::string changes_line(const std::vector<Change>& changes) {
  std::string out;
  for (const Change& each : changes) {
    if (!out.empty()) out += ", ";
    const auto field = field_of(each.pointer);
    out += field.empty() ? "state" : field;
    if (!each.before)
      out += " = " + plain_text(*each.after);
    else if (!each.after)
      out += " gone (was " + plain_text(*each.before) + ")";
    else
      out += " " + plain_text(*each.before) + " -> " + plain_text(*each.after);
  }
  return out;
}

std::vector<Leaf> leaves_of(const JsonTree& tree, const std::string& pointer) {
  if (tree.elements.empty() && tree.members.empty()) return {{pointer, tree.json()}};
  std::vector<Leaf> out;
  const auto below = [&](const std::string& at, const JsonTree& inner) {
    for (Leaf& leaf : leaves_of(inner, at)) out.push_back(std::move(leaf));
  };
  for (std::size_t i = 0; i < tree.elements.size(); ++i) below(json_pointer(pointer, i), tree.elements[i]);
  for (const auto& [key, value] : tree.members) below(json_pointer(pointer, key), value);
  return out;
}

// Digits behind something are taken for an index; conditions look a member of that name up as well.
std::string field_of(std::string_view pointer) {
  std::string out;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const auto name = unescaped_segment(pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(std::min(pointer.size(), pointer.find('/')));
    const bool number =
        !name.empty() && name.size() < 19 && name.find_first_not_of("0123456789") == std::string::npos;
    if (number && !out.empty()) {
      out += "[" + name + "]";
      continue;
    }
    if (!out.empty()) out += '.';
    out += is_plain_name(name) ? name : base::json_string(name);
  }
  return out;
}

std::string plain_text(std::string_view json) {
  if (!json.starts_with('"')) return std::string(json);
  const auto document = JsonDocument::parse(json);
  return document ? std::string(document->root().as_string().value_or(json)) : std::string(json);
}

}  // namespace stele::history
