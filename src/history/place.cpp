// place.cpp - finds the event a moment means, by bisection where it is a time or a position: both rise along a stream.
#include "history/place.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "history/expression.hpp"

namespace stele::history {
namespace {

struct Placed {
  Revision revision;
  Position position;
  Timestamp recorded_at;
};

// Bisection reads single events: twenty of a stream of a million.
result<Placed> placed_at(EventSource& source, const std::string& stream, Revision revision) {
  std::optional<Placed> found;
  const auto take = [&](const EventView& event) -> result<bool> {
    found = Placed{event.revision, event.position, event.recorded_at};
    return false;
  };
  STELE_CHECK(source.read_stream(stream, revision, revision, take));
  if (found) return *found;
  return Error(errc::not_found, "stream " + stream + " has no version " + std::to_string(revision.value()));
}

// The last revision for which `inside` is true; it is true up to some event and false from there on.
template <class Inside>
result<std::optional<Revision>> last_inside(EventSource& source, const StreamInfo& info, Inside inside) {
  auto low = first_kept(info).value();
  auto high = info.last_revision.value() + 1;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(const auto placed, placed_at(source, info.stream, Revision(middle)));
    if (inside(placed))
      low = middle + 1;
    else
      high = middle;
  }
  if (low == first_kept(info).value()) return std::optional<Revision>();
  return std::optional(Revision(low - 1));
}

// Events of the same instant are all in.
result<std::optional<Revision>> at_time(EventSource& source, const StreamInfo& info, Timestamp time) {
  return last_inside(source, info, [&](const Placed& placed) { return placed.recorded_at <= time; });
}

// The newest event of the type, in windows from the end.
result<Placed> newest_of(EventSource& source, const StreamInfo& info, std::string_view type) {
  constexpr std::uint64_t window = 4'096;
  const auto first = first_kept(info).value();
  for (auto end = info.last_revision.value() + 1; end > first;) {
    const auto begin = end - first > window ? end - window : first;
    std::optional<Placed> found;
    const auto take = [&](const EventView& event) -> result<bool> {
      if (event.type == type) found = Placed{event.revision, event.position, event.recorded_at};
      return true;
    };
    STELE_CHECK(source.read_stream(info.stream, Revision(begin), Revision(end - 1), take));
    if (found) return *found;
    end = begin;
  }
  return Error(errc::not_found, "stream " + info.stream + " has no event of type " + std::string(type))
      .with("type", std::string(type))
      .help("a moment is vN, pN, start, head, -20, -2h, a time, or an event type such as 'CheckedOut -10m'");
}

// What begins otherwise was meant as a moment and is refused as one.
bool is_type_name(std::string_view text) {
  return !text.empty() &&
         ((text.front() >= 'A' && text.front() <= 'Z') || (text.front() >= 'a' && text.front() <= 'z'));
}

// "CheckedOut -10m": the state so long before (or behind) it; "CheckedOut": with it.
result<std::optional<Revision>> beside_event(EventSource& source, const StreamInfo& info,
                                             std::string_view text, const Error& no_moment) {
  const auto blank = text.find(' ');
  const auto type = text.substr(0, blank);
  if (!is_type_name(type)) return no_moment;
  if (blank == std::string_view::npos) {
    STELE_TRY(const auto placed, newest_of(source, info, type));
    return std::optional(placed.revision);
  }
  auto offset = text.substr(std::min(text.find_first_not_of(' ', blank), text.size()));
  if (offset.empty()) return no_moment;
  const char sign = offset.front();
  const auto age = parse_age(offset.substr(1));
  if ((sign != '-' && sign != '+') || !age)
    return Error(errc::invalid, "'" + std::string(offset) + "' is no distance from an event")
        .help("write for example 'CheckedOut -10m' or 'CheckedOut +2h'; units s m h d w");
  STELE_TRY(const auto placed, newest_of(source, info, type));
  return at_time(source, info, sign == '-' ? placed.recorded_at - *age : placed.recorded_at + *age);
}

class MomentFinder {
 public:
  MomentFinder(EventSource& source, const StreamInfo& info, Timestamp now)
      : source_(source), info_(info), now_(now) {}
  using Found = result<std::optional<Revision>>;

  Found operator()(Moment::Start) const { return std::optional<Revision>(); }
  Found operator()(Moment::Head) const { return std::optional(info_.last_revision); }
  Found operator()(Revision revision) const {
    if (revision <= info_.last_revision && revision >= first_kept(info_)) return std::optional(revision);
    const bool gone = revision < first_kept(info_);
    return Error(errc::not_found, "stream " + info_.stream +
                                      (gone ? " keeps no version " : " has no version ") +
                                      std::to_string(revision.value()) + (gone ? " any more" : ""))
        .with("first", first_kept(info_).value())
        .with("last", info_.last_revision.value());
  }
  Found operator()(Position position) const {
    return last_inside(source_, info_, [&](const Placed& placed) { return placed.position <= position; });
  }
  Found operator()(Timestamp time) const { return at_time(source_, info_, time); }
  Found operator()(const Moment::Ago& ago) const { return at_time(source_, info_, now_ - ago.age); }
  Found operator()(const Moment::Last& last) const {
    if (last.count >= info_.events) return std::optional<Revision>();
    return std::optional(Revision(info_.last_revision.value() - last.count));
  }

 private:
  EventSource& source_;
  const StreamInfo& info_;
  Timestamp now_;
};

}  // namespace

result<std::optional<Revision>> revision_at(EventSource& source, const StreamInfo& stream,
                                            std::string_view moment, Timestamp now) {
  if (moment.size() > 400) return Error(errc::invalid, "a moment has at most 400 characters");
  const auto parsed = parse_moment(moment);
  if (!parsed) return beside_event(source, stream, moment, parsed.error());
  return std::visit(MomentFinder(source, stream, now), parsed->at);
}

result<RevisionRange> revisions_between(EventSource& source, const StreamInfo& stream, std::string_view range,
                                        Timestamp now) {
  const auto dots = range.find("..");
  const auto low = range.substr(0, dots);
  const auto high = dots == std::string_view::npos ? std::string_view() : range.substr(dots + 2);
  RevisionRange out{first_kept(stream), stream.last_revision};
  if (!low.empty()) {
    STELE_TRY(const auto from, revision_at(source, stream, low, now));
    if (from) out.from = *from;
    if (dots == std::string_view::npos && from && !low.starts_with('-')) out.to = *from;
  }
  if (!high.empty()) {
    STELE_TRY(const auto to, revision_at(source, stream, high, now));
    if (!to || *to < out.from)
      return Error(errc::invalid, "the range " + std::string(range) + " holds no event of " + stream.stream);
    out.to = *to;
  }
  STELE_ASSERT(out.from >= first_kept(stream) && out.to <= stream.last_revision, "a range of what there is",
               out.from.value(), out.to.value());
  return out;
}

}  // namespace stele::history
