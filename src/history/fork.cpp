// fork.cpp - folds reality and its fork side by side.
#include "history/fork.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/assert.hpp"
#include "base/json_text.hpp"
#include "event/event_json.hpp"
#include "history/folds.hpp"
#include "history/json_tree.hpp"

namespace stele::history {
namespace {

constexpr std::string_view bundle_format = "stele history bundle 1";

// People learn the form from its example.
Error no_edit(std::string_view text, const char* example) {
  return Error(errc::invalid, "`" + std::string(text) + "` is no edit")
      .help(std::string("write for example ") + example);
}

// Cuts "v203" off the front.
std::optional<Revision> take_revision(std::string_view& text) {
  if (!text.starts_with('v')) return std::nullopt;
  std::uint64_t number = 0;
  const auto [stop, failure] = std::from_chars(text.data() + 1, text.data() + text.size(), number);
  if (failure != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return Revision(number);
}

// Never the id of a real event.
constexpr Uuid inserted_space({0x2f, 0x90, 0x5c, 0x1d, 0x63, 0x7a, 0x41, 0x0e, 0xb8, 0x2d, 0x66, 0x6f, 0x72,
                               0x6b, 0x65, 0x64});

// A state by a fold, or why there is none.
struct Side {
  std::unique_ptr<stele::detail::HistoryFold> fold;
  std::string state{};
  std::string refusal{};

  // A fold that cannot even show its first state is refused before anything is read.
  result<void> begin(const Fold& from) {
    fold = from.begin();
    STELE_TRY(state, fold->state());
    return {};
  }
  // After a refusal the state stays what it was.
  result<void> take(const EventView& event) {
    if (!refusal.empty()) return {};
    if (const auto taken = fold->take(event); !taken) {
      refusal = taken.error().message();
      return {};
    }
    STELE_TRY(state, fold->state());
    return {};
  }
};

class Forking {
 public:
  Forking(const Fold& fold, const StreamInfo& info, std::vector<Edit> edits, const ForkLimits& limits,
          std::string* bundle)
      : limits_(limits), bundle_(bundle) {
    out_.stream = info.stream;
    out_.type = fold.category;
    out_.fold = fold.name;
    for (Edit& edit : edits) edits_[edit.at].push_back(std::move(edit));
    next_ = first_kept(info);
    if (bundle_) head_bundle(fold);
  }

  result<void> begin(const Fold& fold) {
    STELE_CHECK(real_.begin(fold));
    return forked_.begin(fold);
  }

  // Reality must be foldable: a difference from something unknown says nothing. The fork need not be.
  result<bool> take(const EventView& event) {
    if (++out_.real_events > limits_.events)
      return Error(errc::too_large, "a fork of more than " + std::to_string(limits_.events) + " events");
    STELE_CHECK(real_.take(event));
    if (!real_.refusal.empty()) return Error(errc::corrupt, real_.refusal);
    auto own = event.to_owned();
    const auto edits = edits_.find(event.revision);
    bool dropped = false;
    if (edits != edits_.end()) {
      for (const Edit& edit : edits->second) {
        if (edit.kind == Edit::Kind::insert) STELE_CHECK(insert(edit, own.recorded_at));
        if (edit.kind == Edit::Kind::set) STELE_CHECK(change(edit, own));
        dropped = dropped || edit.kind == Edit::Kind::drop;
      }
      edits_.erase(edits);
    }
    if (!dropped) STELE_CHECK(put(std::move(own)));
    last_ = event.recorded_at;
    if (!out_.first_different && real_.state != forked_.state) out_.first_different = event.revision;
    return true;
  }

  // Edits that met no event are mistakes, but for insertions directly behind the last one.
  result<Forked> finish(const StreamInfo& info) {
    const auto behind = edits_.find(info.last_revision.next());
    if (behind != edits_.end()) {
      for (const Edit& edit : behind->second) {
        if (edit.kind != Edit::Kind::insert) return nothing_there(edit.at);
        STELE_CHECK(insert(edit, last_));
      }
      edits_.erase(behind);
      if (!out_.first_different && real_.state != forked_.state)
        out_.first_different = info.last_revision.next();
    }
    if (!edits_.empty()) return nothing_there(edits_.begin()->first);
    out_.real = real_.state;
    out_.forked = forked_.state;
    out_.impossible = forked_.refusal;
    STELE_TRY(out_.difference, changes_between(out_.real, out_.forked));
    return std::move(out_);
  }

 private:
  [[nodiscard]] Error nothing_there(Revision at) const {
    return Error(errc::invalid, out_.stream + " has no version " + std::to_string(at.value()) + " to edit")
        .with("version", at.value());
  }

  // Recorded when the event behind it was, so that times never go back.
  result<void> insert(const Edit& edit, Timestamp at) {
    STELE_CHECK(JsonTree::parse(edit.data));
    RecordedEvent event;
    event.id = Uuid::from_name(inserted_space, out_.stream + " " + std::to_string(next_.value()));
    event.stream = out_.stream;
    event.type = edit.type;
    event.data = edit.data;
    event.content_type = std::string(json_content);
    event.recorded_at = at;
    return put(std::move(event));
  }

  // Everything else of the data stays the text it was.
  static result<void> change(const Edit& edit, RecordedEvent& event) {
    STELE_TRY(auto data, JsonTree::parse(event.data));
    STELE_TRY(auto value, JsonTree::parse(edit.data));
    JsonTree* here = &data;
    for (std::string_view rest = edit.path; !rest.empty();) {
      const auto dot = rest.find('.');
      here = &here->member(rest.substr(0, dot));
      rest.remove_prefix(dot == std::string_view::npos ? rest.size() : dot + 1);
    }
    *here = std::move(value);
    event.data = data.json();
    return {};
  }

  // The next event of the fork: numbered anew, so that there are no gaps.
  result<void> put(RecordedEvent event) {
    event.revision = next_;
    next_ = next_.next();
    ++out_.forked_events;
    const bool was_possible = forked_.refusal.empty();
    STELE_CHECK(forked_.take(stele::detail::view_of(event)));
    if (!bundle_ || !was_possible) return {};
    *bundle_ += "{\"event\":";
    append_event_json(*bundle_, event);
    if (forked_.refusal.empty())
      *bundle_ += ",\"state\":" + forked_.state + "}\n";
    else
      *bundle_ += ",\"refused\":" + base::json_string(forked_.refusal) + "}\n";
    if (bundle_->size() <= limits_.bundle_bytes) return {};
    return Error(errc::too_large,
                 "the bundle would be larger than " + std::to_string(limits_.bundle_bytes) + " bytes");
  }

  // The first line says how to read the others.
  void head_bundle(const Fold& fold) {
    *bundle_ = "{\"format\":\"" + std::string(bundle_format) +
               "\",\"stream\":" + base::json_string(out_.stream) +
               ",\"type\":" + base::json_string(fold.category) + ",\"fold\":" + base::json_string(fold.name);
    if (!fold.declared.empty()) *bundle_ += ",\"declared\":" + base::json_string(fold.declared);
    *bundle_ += "}\n";
  }

  ForkLimits limits_;
  std::string* bundle_;
  std::map<Revision, std::vector<Edit>> edits_;
  Side real_;
  Side forked_;
  Revision next_;
  Timestamp last_;
  Forked out_;
};

// ---- Bundles

class BundleReader {
 public:
  explicit BundleReader(std::string_view text) : text_(text) {}

  // A declared fold that came along wins: the bundle is about that one.
  result<void> begin(const std::function<result<const Fold*>(const std::string&)>& own) {
    STELE_TRY(const auto head, next_line());
    const auto text = [&](std::string_view name) {
      const auto member = head.root().find(name);
      return std::string(member ? member->as_string().value_or("") : "");
    };
    if (text("format") != bundle_format)
      return Error(errc::invalid, "this is no bundle of a history")
          .help("`stele whatif ... --save FILE` writes one");
    out_.stream = text("stream");
    if (const auto declared = text("declared"); !declared.empty()) {
      STELE_CHECK(folds_.add_text(declared, text("fold")));
      STELE_TRY(fold_, folds_.find(text("type")));
    } else {
      STELE_TRY(fold_, own(text("type")));
    }
    out_.fold = fold_->name;
    return side_.begin(*fold_);
  }

  result<Replayed> run() {
    while (!text_.empty() && out_.identical) {
      STELE_TRY(const auto line, next_line());
      STELE_CHECK(compare(line.root()));
    }
    return std::move(out_);
  }

 private:
  result<JsonDocument> next_line() {
    ++number_;
    const auto line = text_.substr(0, text_.find('\n'));
    text_.remove_prefix(std::min(text_.size(), line.size() + 1));
    auto read = JsonDocument::parse(line, {.allow_repeated_keys = true});
    if (!read) return Error(read.error()).at("line " + std::to_string(number_) + " of the bundle");
    return read;
  }

  // States are compared as texts: the same fold writes the same text, to the byte.
  result<void> compare(const JsonValue& line) {
    const auto event = line.find("event");
    const auto state = line.find("state");
    const auto refused = line.find("refused");
    if (!event || (!state && !refused))
      return Error(errc::invalid,
                   "line " + std::to_string(number_) + " of the bundle has no event with its state");
    STELE_TRY(const auto recorded, parse_event_json(event->raw()));
    STELE_CHECK(side_.take(stele::detail::view_of(recorded)));
    ++out_.events;
    const bool same = side_.refusal.empty() ? state && state->raw() == side_.state : refused.has_value();
    if (same) return {};
    out_.identical = false;
    out_.first_different = recorded.revision;
    out_.expected = std::string(state ? state->raw() : refused->raw());
    out_.got = side_.refusal.empty() ? side_.state : base::json_string(side_.refusal);
    return {};
  }

  std::string_view text_;
  std::uint64_t number_ = 0;
  Folds folds_;
  const Fold* fold_ = nullptr;
  Side side_;
  Replayed out_;
};

// For two builds a refusal is an answer like any other.
std::string refused_or_state(const Side& side) {
  return side.refusal.empty() ? side.state : "{\"refused\":" + base::json_string(side.refusal) + "}";
}

}  // namespace

result<Edit> parse_drop(std::string_view text) {
  auto rest = text;
  const auto at = take_revision(rest);
  if (!at || !rest.empty()) return no_edit(text, "--drop v203");
  return Edit{.kind = Edit::Kind::drop, .at = *at};
}

result<Edit> parse_set(std::string_view text) {
  auto rest = text;
  const auto at = take_revision(rest);
  const auto equals = rest.find('=');
  if (!at || !rest.starts_with('.') || equals == std::string_view::npos || equals < 2)
    return no_edit(text, "--set 'v203.amount=\"50.00\"'");
  const auto value = rest.substr(equals + 1);
  STELE_CHECK(JsonTree::parse(value));
  return Edit{.kind = Edit::Kind::set,
              .at = *at,
              .path = std::string(rest.substr(1, equals - 1)),
              .data = std::string(value)};
}

result<Edit> parse_insert(std::string_view text) {
  auto rest = text;
  const auto at = take_revision(rest);
  if (!at || !rest.starts_with(' '))
    return no_edit(text, "--insert 'v203 MoneyDeposited {\"amount\":\"5.00\"}'");
  rest.remove_prefix(1);
  const auto blank = rest.find(' ');
  const auto data = blank == std::string_view::npos ? std::string_view("{}") : rest.substr(blank + 1);
  if (rest.empty() || blank == 0)
    return no_edit(text, "--insert 'v203 MoneyDeposited {\"amount\":\"5.00\"}'");
  STELE_CHECK(JsonTree::parse(data));
  return Edit{.kind = Edit::Kind::insert,
              .at = *at,
              .type = std::string(rest.substr(0, blank)),
              .data = std::string(data)};
}

std::string forked_json(const Forked& forked) {
  std::string out =
      "{\"stream\":" + base::json_string(forked.stream) + ",\"fold\":" + base::json_string(forked.fold) +
      ",\"real\":{\"events\":" + std::to_string(forked.real_events) + ",\"state\":" + forked.real +
      "},\"forked\":{\"events\":" + std::to_string(forked.forked_events) + ",\"state\":" + forked.forked;
  if (!forked.impossible.empty()) out += ",\"impossible\":" + base::json_string(forked.impossible);
  out += "},\"first_different\":" +
         (forked.first_different ? std::to_string(forked.first_different->value()) : std::string("null"));
  return out + ",\"difference\":" + changes_json(forked.difference) + "}";
}

result<Forked> fork_history(EventSource& source, const Fold& fold, const StreamInfo& info,
                            std::vector<Edit> edits, const ForkLimits& limits, std::string* bundle) {
  Forking forking(fold, info, std::move(edits), limits, bundle);
  STELE_CHECK(forking.begin(fold));
  STELE_CHECK(source.read_stream(info.stream, first_kept(info), info.last_revision,
                                 [&](const EventView& event) { return forking.take(event); }));
  return forking.finish(info);
}

result<Replayed> replay_bundle(std::string_view bundle,
                               const std::function<result<const Fold*>(const std::string&)>& own) {
  BundleReader reader(bundle);
  STELE_CHECK(reader.begin(own));
  return reader.run();
}

std::string replayed_json(const Replayed& replayed) {
  std::string out = "{\"stream\":" + base::json_string(replayed.stream) +
                    ",\"fold\":" + base::json_string(replayed.fold) +
                    ",\"events\":" + std::to_string(replayed.events) +
                    ",\"identical\":" + (replayed.identical ? "true" : "false");
  if (replayed.first_different)
    out += ",\"version\":" + std::to_string(replayed.first_different->value()) +
           ",\"expected\":" + replayed.expected + ",\"got\":" + replayed.got;
  return out + "}";
}

result<Compared> compare_folds(EventSource& source, const StreamInfo& info, const Fold& first,
                               const Fold& second) {
  Side a;
  Side b;
  STELE_CHECK(a.begin(first));
  STELE_CHECK(b.begin(second));
  Compared out;
  const auto take = [&](const EventView& event) -> result<bool> {
    ++out.events;
    STELE_CHECK(a.take(event));
    STELE_CHECK(b.take(event));
    if (a.state == b.state && a.refusal.empty() == b.refusal.empty()) return a.refusal.empty();
    out.first_different = event.revision;
    append_event_json(out.event, event);
    out.first = refused_or_state(a);
    out.second = refused_or_state(b);
    return false;
  };
  STELE_CHECK(source.read_stream(info.stream, first_kept(info), info.last_revision, take));
  return out;
}

}  // namespace stele::history
