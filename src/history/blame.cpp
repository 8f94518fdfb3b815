// blame.cpp - follows the differences of every step.
#include "history/blame.hpp"

#include <deque>
#include <map>

#include "base/json_text.hpp"
#include "history/trace.hpp"

namespace stele::history {
namespace {

// Whether `pointer` is `field` or lies below it.
bool lies_in(std::string_view pointer, std::string_view field) {
  return pointer.starts_with(field) && (pointer.size() == field.size() || pointer[field.size()] == '/');
}

// The fields as they stand, each with who set it.
class Ledger {
 public:
  // The state that deciders begin with: its fields have a value and nobody who set it.
  result<void> begin(const std::string& state) {
    STELE_TRY(last_, JsonTree::parse(state));
    for (auto& leaf : leaves_of(last_)) set_[leaf.pointer] = {leaf.pointer, leaf.value, {}, {}};
    return {};
  }

  // Most events of many streams change nothing that is looked at; equal texts save both parsings.
  result<void> take(const Step& step) {
    if (step.before == step.after) return {};
    STELE_TRY(auto now, JsonTree::parse(step.after));
    const auto event = event_members(step.event) + "}";
    for (const Change& change : changes_between(last_, now)) note(change, event);
    last_ = std::move(now);
    return {};
  }

  // In the order of the state, so that two looks at it read alike.
  [[nodiscard]] std::vector<Blame> finish() const {
    std::vector<Blame> out;
    for (const auto& leaf : leaves_of(last_))
      if (const auto found = set_.find(leaf.pointer); found != set_.end()) out.push_back(found->second);
    return out;
  }

 private:
  // A place that was replaced takes everything below it along: what lies there now was set by this event, also when
  // the same value had been there before as part of something else.
  void note(const Change& change, const std::string& event) {
    for (auto each = set_.lower_bound(change.pointer);
         each != set_.end() && each->first.starts_with(change.pointer);) {
      each = lies_in(each->first, change.pointer) ? set_.erase(each) : std::next(each);
    }
    if (!change.after) return;
    const auto tree = JsonTree::parse(*change.after);
    if (!tree) return;
    for (auto& leaf : leaves_of(*tree, change.pointer)) {
      const bool same_place = leaf.pointer == change.pointer;
      set_[leaf.pointer] = {leaf.pointer, leaf.value, event, same_place ? change.before.value_or("") : ""};
    }
  }

  JsonTree last_;
  std::map<std::string, Blame> set_;
};

// A name as conditions write it, as a pointer: read by the same rules, quoted parts included.
result<std::string> pointer_of(std::string_view field) {
  std::string out;
  const auto no_name = [&] {
    return Error(errc::invalid, "`" + std::string(field) + "` names no field")
        .help("write balance, customer.name, lines[0] or items.\"odd name\"");
  };
  const auto add = [&](std::string_view name) {
    out += '/';
    for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  };
  auto rest = field.starts_with("state.") ? field.substr(6) : field;
  while (!rest.empty()) {
    const bool quoted = rest.front() == '"';
    const bool index = rest.front() == '[';
    const auto end = quoted ? rest.find('"', 1) : index ? rest.find(']') : rest.find_first_of(".[\"");
    if ((quoted || index) && end == std::string_view::npos) return no_name();
    const auto name = quoted || index ? rest.substr(1, end - 1) : rest.substr(0, end);
    if (name.empty()) return no_name();
    add(name);
    rest.remove_prefix(quoted || index ? end + 1 : name.size());
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      if (rest.empty()) return no_name();
    }
  }
  if (out.empty()) return no_name();
  return out;
}

}  // namespace

result<std::vector<Blame>> blame_at(Timeline& timeline, std::optional<Revision> revision) {
  Ledger ledger;
  STELE_TRY(const auto start, timeline.state_at(std::nullopt));
  STELE_CHECK(ledger.begin(start));
  if (revision) {
    const auto take = [&](const Step& step) -> result<bool> {
      STELE_CHECK(ledger.take(step));
      return true;
    };
    STELE_CHECK(timeline.walk(timeline.extent().first, *revision, take));
  }
  return ledger.finish();
}

std::string blame_json(const Blame& blame) {
  std::string out = "{\"field\":";
  base::append_json_string(out, field_of(blame.pointer));
  (out += ",\"value\":") += blame.value.empty() ? "null" : blame.value;
  if (!blame.before.empty()) (out += ",\"before\":") += blame.before;
  if (!blame.event.empty()) (out += ',') += blame.event.substr(1, blame.event.size() - 2);
  return out + "}";
}

result<std::vector<Blame>> changes_of_field(Timeline& timeline, std::string_view field, Revision revision,
                                            std::size_t most) {
  STELE_TRY(const auto pointer, pointer_of(field));
  std::deque<Blame> found;
  const auto take = [&](const Step& step) -> result<bool> {
    if (step.before == step.after) return true;
    STELE_TRY(const auto changes, changes_between(step.before, step.after));
    for (const Change& change : changes) {
      if (!lies_in(change.pointer, pointer) && !lies_in(pointer, change.pointer)) continue;
      found.push_front({change.pointer, change.after.value_or(""), event_members(step.event) + "}",
                        change.before.value_or("")});
      if (found.size() > most) found.pop_back();
    }
    return true;
  };
  STELE_CHECK(timeline.walk(timeline.extent().first, revision, take));
  return std::vector<Blame>(found.begin(), found.end());
}

}  // namespace stele::history
