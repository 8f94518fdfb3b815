// events_plan.cpp - each kind of condition, and what it spares.
#include "sql/events_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/assert.hpp"

namespace stele::sql {
namespace {

// ---- Numbers

// The whole numbers from `first` to `last` that can fulfil a condition.
struct NumberRange {
  std::int64_t first = std::numeric_limits<std::int64_t>::min();
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
};

// What lies beyond 64 bits is as good as the end of them: no position gets there.
std::int64_t whole_of(double value) {
  constexpr double edge = 9.2e18;
  return static_cast<std::int64_t>(std::clamp(value, -edge, edge));
}

// Nothing: no whole number is equal to it.
std::optional<NumberRange> numbers_for(Comparison comparison, double low, double high) {
  NumberRange range;
  switch (comparison) {
    case Comparison::equal:
      if (low != high) return std::nullopt;
      return NumberRange{whole_of(low), whole_of(low)};
    case Comparison::greater:
      range.first = whole_of(low + 1);
      return range;
    case Comparison::at_least:
      range.first = whole_of(high);
      return range;
    case Comparison::less:
      range.last = whole_of(high - 1);
      return range;
    case Comparison::at_most:
      range.last = whole_of(low);
      return range;
    default:
      return range;
  }
}

std::optional<NumberRange> numbers_for(Comparison comparison, std::int64_t value) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  switch (comparison) {
    case Comparison::equal:
      return NumberRange{value, value};
    case Comparison::greater:
      return value == most ? std::nullopt : std::optional(NumberRange{value + 1, most});
    case Comparison::at_least:
      return NumberRange{value, most};
    case Comparison::less:
      return value == least ? std::nullopt : std::optional(NumberRange{least, value - 1});
    case Comparison::at_most:
      return NumberRange{least, value};
    default:
      return NumberRange{};
  }
}

// A text that is no number sorts behind all numbers; such a condition spares nothing.
std::optional<NumberRange> numbers_for(const Condition& condition) {
  const auto& value = condition.values.front();
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return numbers_for(condition.comparison, *whole);
  if (const auto* real = std::get_if<double>(&value))
    return numbers_for(condition.comparison, std::floor(*real), std::ceil(*real));
  return NumberRange{};
}

void narrow_positions(EventsPlan& plan, const NumberRange& range) {
  if (range.last < 1) {
    plan.nothing = true;
    return;
  }
  if (range.first > 1) plan.from = std::max(plan.from, Position(static_cast<std::uint64_t>(range.first)));
  plan.to = std::min(plan.to, Position(static_cast<std::uint64_t>(range.last)));
}

void narrow_revisions(EventsPlan& plan, const NumberRange& range) {
  if (range.last < 0) {
    plan.nothing = true;
    return;
  }
  const Revision last(static_cast<std::uint64_t>(range.last));
  if (range.first > 0) {
    const Revision first(static_cast<std::uint64_t>(range.first));
    plan.first_revision = std::max(plan.first_revision.value_or(first), first);
  }
  plan.last_revision = std::min(plan.last_revision.value_or(last), last);
}

// ---- Texts

std::vector<std::string> texts_of(const Condition& condition) {
  std::vector<std::string> texts;
  for (const auto& value : condition.values)
    if (const auto* text = std::get_if<std::string>(&value)) texts.push_back(*text);
  return texts;
}

// Of two lists for one column the first is pushed, the other is left to SQLite.
void push_texts(EventsPlan& plan, std::vector<std::string>& list, std::vector<std::string> texts) {
  if (texts.empty()) plan.nothing = true;
  if (list.empty()) list = std::move(texts);
}

std::vector<std::string> recorded_names(const TypeNames& names, const std::vector<std::string>& today) {
  std::vector<std::string> all;
  for (const auto& name : today) {
    auto recorded = names.recorded(name);
    all.insert(all.end(), std::make_move_iterator(recorded.begin()), std::make_move_iterator(recorded.end()));
  }
  return all;
}

// 'BankAccount-%' or 'BankAccount-*': everything that fits is of one category, if that ends before the first wildcard.
void push_beginning(EventsPlan& plan, const std::vector<std::string>& patterns) {
  if (patterns.empty() || !plan.item.categories.empty()) return;
  const auto plain = std::string_view(patterns.front()).substr(0, patterns.front().find_first_of("*?[%_"));
  const auto dash = plain.find('-');
  if (dash != std::string_view::npos && dash > 0) plan.item.categories.emplace_back(plain.substr(0, dash));
}

// ---- Times

constexpr std::string_view first_time = "0000-01-01T00:00:00.000000Z";
// Where a text may be cut so that the rest can be filled in with the least there is: behind the year, the month, ...
constexpr std::array<std::size_t, 13> time_cuts{27, 26, 25, 24, 23, 22, 21, 19, 16, 13, 10, 7, 4};

constexpr std::chrono::microseconds span_of_cut(std::size_t cut) {
  using namespace std::chrono;
  switch (cut) {
    case 4:
      return days(366);
    case 7:
      return days(31);
    case 10:
      return days(1);
    case 13:
      return hours(1);
    case 16:
      return minutes(1);
    default:
      return seconds(1);  // of fractions of a second, too: too wide does no harm
  }
}

struct TimeCut {
  Timestamp first;
  Timestamp last;
};

// The instants whose text begins as `bound` does, as far as that is the text of a time at all.
std::optional<TimeCut> instants_like(std::string_view bound) {
  for (const auto cut : time_cuts) {
    if (cut > bound.size()) continue;
    std::string text(first_time);
    text.replace(0, cut, bound.substr(0, cut));
    const auto first = parse_time(text);
    if (first && to_string(*first).substr(0, cut) == bound.substr(0, cut))
      return TimeCut{*first, *first + span_of_cut(cut)};
  }
  return std::nullopt;
}

result<void> narrow_times(LogView& view, EventsPlan& plan, const Condition& condition) {
  constexpr std::chrono::microseconds one{1};
  const auto texts = texts_of(condition);
  if (texts.empty()) return {};
  const auto times = times_for(condition.comparison, texts.front());
  if (times.first) {
    STELE_TRY(const Position before, view.source.store->position_at(*times.first - one));
    plan.from = std::max(plan.from, before.next());
  }
  if (times.last) {
    STELE_TRY(const Position last, view.source.store->position_at(*times.last));
    plan.to = std::min(plan.to, last);
  }
  return {};
}

// ---- All of them

result<void> narrow_to_event(LogView& view, EventsPlan& plan, const Condition& condition) {
  const auto texts = texts_of(condition);
  const auto id = texts.empty() ? std::nullopt : parse_uuid(texts.front());
  plan.nothing = plan.nothing || !id;
  if (!id) return {};
  const auto event = view.source.store->find_event(*id);
  if (!event && event.error().kind() != errc::not_found) return event.error();
  if (!event) {
    plan.nothing = true;
    return {};
  }
  plan.from = std::max(plan.from, event->position);
  plan.to = std::min(plan.to, event->position);
  return {};
}

void narrow_numbers(EventsPlan& plan, const Condition& condition) {
  const auto range = numbers_for(condition);
  if (!range) {
    plan.nothing = true;
    return;
  }
  if (condition.column == EventColumn::global_position)
    narrow_positions(plan, *range);
  else
    narrow_revisions(plan, *range);
}

result<void> apply(LogView& view, EventsPlan& plan, const Condition& condition) {
  switch (condition.column) {
    case EventColumn::global_position:
    case EventColumn::stream_position:
      narrow_numbers(plan, condition);
      return {};
    case EventColumn::stream_id:
      if (condition.comparison == Comparison::begins)
        push_beginning(plan, texts_of(condition));
      else
        push_texts(plan, plan.item.streams, texts_of(condition));
      return {};
    case EventColumn::category:
      push_texts(plan, plan.item.categories, texts_of(condition));
      return {};
    case EventColumn::event_type:
      push_texts(plan, plan.item.types, recorded_names(view.source.names, texts_of(condition)));
      return {};
    case EventColumn::recorded_type:
      push_texts(plan, plan.item.types, texts_of(condition));
      return {};
    case EventColumn::tags:
      for (auto& tag : texts_of(condition)) plan.item.tags.push_back(std::move(tag));
      return {};
    case EventColumn::created_at:
      return narrow_times(view, plan, condition);
    case EventColumn::event_id:
      return narrow_to_event(view, plan, condition);
    default:
      return {};
  }
}

// Where the stream's revision stands. A revision that is gone stands nowhere, and spares nothing.
std::optional<Position> position_of_revision(EventStore& store, const std::string& stream, Revision revision,
                                             Direction direction) {
  const auto cursor =
      store.read_stream({.stream = stream, .from = revision, .direction = direction, .limit = 1});
  if (!cursor) return std::nullopt;
  const auto events = (*cursor)->next_batch(1);
  if (!events || events->empty() || events->front().revision != revision) return std::nullopt;
  return events->front().position;
}

// Revisions of one stream are positions, too.
void bound_by_revisions(EventStore& store, EventsPlan& plan) {
  if (plan.item.streams.size() != 1 || plan.nothing) return;
  const auto& stream = plan.item.streams.front();
  if (plan.first_revision) {
    const auto at = position_of_revision(store, stream, *plan.first_revision, Direction::forward);
    if (at) plan.from = std::max(plan.from, *at);
  }
  if (plan.last_revision && plan.backward) {
    const auto at = position_of_revision(store, stream, *plan.last_revision, Direction::backward);
    if (at) plan.to = std::min(plan.to, *at);
  }
}

void name_list(std::string& out, std::string_view what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  out += std::string(what) + "=";
  for (std::size_t i = 0; i < names.size(); ++i) out += (i > 0 ? "|" : "") + names[i];
  out += ' ';
}

}  // namespace

TimeRange times_for(Comparison comparison, std::string_view bound) {
  const auto like = instants_like(bound);
  if (!like) return {};
  switch (comparison) {
    case Comparison::equal:
      return {like->first, like->last};
    case Comparison::greater:
    case Comparison::at_least:
      return {like->first, std::nullopt};
    case Comparison::less:
    case Comparison::at_most:
      return {std::nullopt, like->last};
    default:
      return {};
  }
}

// NULL compares with nothing, so a condition with it alone has no event.
result<EventsPlan> plan_events(LogView& view, const std::vector<Condition>& conditions, bool backward) {
  EventsPlan plan;
  plan.to = view.upto;
  plan.backward = backward;
  for (const auto& condition : conditions) {
    STELE_ASSERT(!condition.values.empty() || condition.comparison == Comparison::any_of,
                 "a condition compares with something", static_cast<int>(condition.column));
    const bool alone = condition.values.size() == 1;
    if (alone && std::holds_alternative<std::monostate>(condition.values.front())) plan.nothing = true;
    STELE_CHECK(apply(view, plan, condition));
  }
  bound_by_revisions(*view.source.store, plan);
  plan.nothing = plan.nothing || plan.from > plan.to;
  return plan;
}

std::string EventsPlan::to_string() const {
  if (nothing) return "nothing";
  std::string out;
  name_list(out, "streams", item.streams);
  name_list(out, "categories", item.categories);
  name_list(out, "types", item.types);
  name_list(out, "tags", item.tags);
  if (out.empty()) out = "everything ";
  out += "p" + std::to_string(from.value()) + "..p" + std::to_string(to.value());
  if (first_revision) out += " from v" + std::to_string(first_revision->value());
  if (last_revision && last_revision->value() < (std::uint64_t{1} << 62))
    out += " to v" + std::to_string(last_revision->value());
  return backward ? out + " backward" : out;
}

}  // namespace stele::sql
