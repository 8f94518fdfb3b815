// spec_reading.hpp - specifications of what events are read as: old ones by their upcasters, new ones by a read
// model. Only for spec.hpp, which says the words.
#pragma once

#include <array>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "stele/detail/spec_answer.hpp"
#include "stele/projection.hpp"
#include "stele/wire.hpp"

namespace stele::spec {

namespace detail {

// An event as it would lie in the log.
struct LaidDown {
  std::string type;
  std::string data;
  std::string content_type;
  std::string metadata;
  std::vector<std::string> tags;
  [[nodiscard]] EventView at(Position position, std::string_view stream) const;
};
template <recorded E>
[[nodiscard]] LaidDown lay_down(const E& event) {
  auto payload = stele::detail::payload_of(event);
  return {std::string(schema_of<E>.type),
          std::move(payload.data),
          std::string(payload.json ? json_content : binary_content),
          "{\"schemaVersion\":" + std::to_string(schema_of<E>.version) + "}",
          {}};
}

// Says what differs when `actual` is not `expected`, or when there is an error instead.
void compare_lines(const std::source_location& where, const Lines& given, std::string_view verb,
                   const Lines& expected, const result<Lines>& actual);

}  // namespace detail

// What was recorded, waiting to be read.
template <class Events>
class [[nodiscard]] Recorded {
 public:
  template <recorded E>
  Recorded(const E& event, std::source_location where)
      : sentence_(where, "the specification has no reads_as"),
        given_({detail::line_of(event)}),
        read_(read(detail::lay_down(event))) {}

  // Exactly these, in this order, are what readers see today.
  template <recorded... E>
  void reads_as(const E&... expected) && {
    static_assert(sizeof...(E) > 0, "say reads_as_nothing() when nothing is left");
    compare({detail::line_of(expected)...});
  }
  void reads_as_nothing() && { compare({}); }
  // It cannot be read, and the message says this.
  void is_refused(std::string_view words) && {
    detail::compare_lines(sentence_.finish(), given_, "  error   ", {std::string(words)}, refusal(words));
  }

 private:
  static result<detail::Lines> read(const detail::LaidDown& event) {
    detail::Lines lines;
    STELE_TRY(const bool known, each_event<Events>(event.at(Position(1), "Specified-1"), [&](const auto& e) {
                lines.push_back(detail::line_of(e));
              }));
    if (!known) return Error(errc::invalid, "nobody who reads these events knows " + event.type);
    return lines;
  }
  result<detail::Lines> refusal(std::string_view words) const {
    if (read_) return read_;
    const std::string& said = read_.error().message();
    return detail::Lines{said.find(words) == std::string::npos ? said : std::string(words)};
  }
  void compare(const detail::Lines& expected) {
    detail::compare_lines(sentence_.finish(), given_, "  reads as", expected, read_);
  }

  detail::Unfinished sentence_;
  detail::Lines given_;
  result<detail::Lines> read_;
};

// The target of a projection, and the line that named it.
struct TargetAt {
  TargetAt(ProjectionTarget& the_target,  // NOLINT(google-explicit-constructor): converts where it is named
           std::source_location named_at = std::source_location::current())
      : target(the_target), where(named_at) {}
  ProjectionTarget& target;
  std::source_location where;
};

// A model that has seen some events, waiting to be asked.
class [[nodiscard]] Projected {
 public:
  template <recorded... E>
  explicit Projected(TargetAt into, const E&... events)
      : sentence_(into.where, "the specification asks the model nothing"),
        given_({detail::line_of(events)...}) {
    done_ = apply(into.target, {detail::lay_down(events)...});
  }

  // `ask` looks at the model and answers with lines of text: exactly these, in this order.
  template <class Ask>
  Projected&& shows(const detail::Lines& expected, Ask&& ask) && {
    const result<detail::Lines> actual = done_ ? result<detail::Lines>(ask()) : done_.error();
    detail::compare_lines(sentence_.finish(), given_, "  shows   ", expected, actual);
    return std::move(*this);
  }

 private:
  static result<void> apply(ProjectionTarget& target, const std::vector<detail::LaidDown>& events);

  detail::Unfinished sentence_;
  detail::Lines given_;
  result<void> done_;
};

}  // namespace stele::spec
