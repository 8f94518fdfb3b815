// range.cpp - parses ranges, and asks the store what times and ages mean in positions.
#include "cli/range.hpp"

#include <fmt/format.h>

#include "cli/report.hpp"

namespace stele::cli {
namespace {

// A bad place is a mistake on the command line, whatever the library calls it.
Error range_usage(const Error& why) {
  auto error = usage_error(why.message());
  return std::move(error).help(why.help() + "; ranges are A..B, A.. or ..B");
}

result<std::optional<Moment>> place_in(std::string_view text) {
  if (text.empty()) return std::optional<Moment>();
  auto moment = parse_moment(text);
  if (!moment) return range_usage(moment.error());
  return std::optional(*moment);
}

// Times and counts go on to the end when they stand alone: "-2h" is the last two hours.
bool names_one_event(const Moment& moment) {
  return std::holds_alternative<Revision>(moment.at) || std::holds_alternative<Position>(moment.at) ||
         std::holds_alternative<Moment::Head>(moment.at);
}

// One end of a range being resolved.
class Resolver {
 public:
  Resolver(std::string_view stream, Target& target, Timestamp now)
      : stream_(stream), target_(target), now_(now) {}

  result<void> from(const Moment& moment, Bounds& bounds) const {
    if (std::holds_alternative<Moment::Start>(moment.at)) return {};
    if (const auto* last = std::get_if<Moment::Last>(&moment.at)) {
      bounds.last = last->count;
      return {};
    }
    if (std::holds_alternative<Moment::Head>(moment.at)) {
      bounds.last = 1;
      return {};
    }
    if (const auto* revision = std::get_if<Revision>(&moment.at))
      return set_revision(*revision, bounds.from_revision);
    if (const auto* position = std::get_if<Position>(&moment.at)) {
      bounds.from_position = *position;
      return {};
    }
    STELE_TRY(const auto before, target_.position_at(time_of(moment) - std::chrono::microseconds(1)));
    bounds.from_position = before.next();
    return {};
  }

  result<void> to(const Moment& moment, Bounds& bounds) const {
    if (std::holds_alternative<Moment::Head>(moment.at)) return {};
    if (const auto* revision = std::get_if<Revision>(&moment.at))
      return set_revision(*revision, bounds.to_revision);
    if (const auto* position = std::get_if<Position>(&moment.at)) {
      bounds.to_position = *position;
      return {};
    }
    if (std::holds_alternative<Timestamp>(moment.at) || std::holds_alternative<Moment::Ago>(moment.at)) {
      STELE_TRY(bounds.to_position, target_.position_at(time_of(moment)));
      return {};
    }
    return usage_error("a range cannot end at `start` or at a count")
        .help("end it at vN, pN, head, a time or an age");
  }

 private:
  result<void> set_revision(Revision revision, std::optional<Revision>& bound) const {
    if (stream_.empty())
      return usage_error(fmt::format("v{} is a version inside a stream, and this reads the whole log",
                                     revision.value()))
          .help("write pN for a position in the log, or name a stream");
    bound = revision;
    return {};
  }

  [[nodiscard]] Timestamp time_of(const Moment& moment) const {
    if (const auto* ago = std::get_if<Moment::Ago>(&moment.at)) return now_ - ago->age;
    return std::get<Timestamp>(moment.at);
  }

  std::string_view stream_;
  Target& target_;
  Timestamp now_;
};

}  // namespace

result<std::chrono::seconds> parse_span(const std::string& text) {
  const auto moment = parse_moment("-" + text);
  const auto* const ago = moment ? std::get_if<Moment::Ago>(&moment->at) : nullptr;
  if (ago != nullptr) return std::chrono::duration_cast<std::chrono::seconds>(ago->age);
  return usage_error("'" + text + "' is not a span of time").help("write 90s, 15m, 12h, 30d or 4w");
}

// The first ".." divides: no place contains one.
result<Range> parse_range(std::string_view text) {
  Range range;
  const auto dots = text.find("..");
  STELE_TRY(range.from, place_in(text.substr(0, dots)));
  if (dots == std::string_view::npos) {
    if (range.from && names_one_event(*range.from)) range.to = range.from;
    return range;
  }
  STELE_TRY(range.to, place_in(text.substr(dots + 2)));
  return range;
}

result<Bounds> resolve(const Range& range, std::string_view stream, Target& target, Timestamp now) {
  Bounds bounds;
  const Resolver resolver(stream, target, now);
  if (range.from) STELE_CHECK(resolver.from(*range.from, bounds));
  if (range.to) STELE_CHECK(resolver.to(*range.to, bounds));
  return bounds;
}

}  // namespace stele::cli
