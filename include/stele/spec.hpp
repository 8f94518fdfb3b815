// spec.hpp - given, when, then: specifications of deciders that read like the sentences of the people who
// know. For tests only; needs no store, no clock and no particular test framework.
//
//   given<Account>(AccountCreated{"A1", "Ada"}, MoneyDeposited{"A1", 100_money, "salary"})
//       .when(WithdrawMoney{"A1", 60_money, "rent"})
//       .then(MoneyWithdrawn{"A1", 60_money, "rent"});
//
//   given<Account>().when(CloseAccount{"A1"}).then_refused(NoSuchAccount{"A1"});
//
// Events and refusals are compared by their wire form, so structs need no operator==, and a failure shows
// what was expected beside what came, event by event. A specification whose `then` was forgotten fails too,
// when its line ends.
//
// Who hears of a failure: when GoogleTest's header is included before this one, the running test does, with
// the line of the specification. Otherwise failures go to stderr and are counted; report_to() installs
// something else:
//
//   int main() { ...specifications...; return stele::spec::failures() == 0 ? 0 : 1; }
//
// Threading: a specification belongs to one thread. report_to() is for the start of the program.
#pragma once

#include <cstddef>
#include <filesystem>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/decider.hpp"

namespace stele::spec {

// ---- Reporting

using Reporter = void (*)(const std::source_location& where, const std::string& text);
void report_to(Reporter reporter);
// How many specifications have failed in this program, whoever was told.
[[nodiscard]] std::size_t failures();

// ---- Schema locks

// Compares a vocabulary (decider.hpp) with the committed file: what is persisted must not change by accident.
// Errors: invalid, with the lines that differ and how to accept them; not_found, when there is no such file.
// With the environment variable STELE_ACCEPT_SCHEMA set, the file is written instead.
[[nodiscard]] result<void> check_schema_lock(const std::filesystem::path& file, std::string_view vocabulary);

// ---- The sentence

namespace detail {

void report(const std::source_location& where, const std::string& text);

// One thing that was said or expected, as its name and wire form: "MoneyWithdrawn {...}".
using Lines = std::vector<std::string>;
template <recorded T>
[[nodiscard]] std::string line_of(const T& content) {
  return std::string(schema_of<T>.type) + " " + to_json(content);
}
template <recorded... T>
[[nodiscard]] std::string line_of(const std::variant<T...>& any) {
  return std::visit([](const auto& content) { return line_of(content); }, any);
}

// What the decider answered, without its types.
struct Answer {
  std::string command;
  Lines history;
  Lines events;
  std::string refusal;  // empty: accepted
  std::string error;    // empty: there was an answer
};
void compare_events(const std::source_location& where, const Answer& answer, const Lines& expected);
void compare_refusal(const std::source_location& where, const Answer& answer, const std::string& expected);
void forgotten(const std::source_location& where, std::string_view what);

}  // namespace detail

// What came of the command. Say exactly one `then`.
template <decider D>
class [[nodiscard]] Result {
 public:
  Result(std::source_location where, detail::Answer answer) : where_(where), answer_(std::move(answer)) {}
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  ~Result() {
    if (!said_) detail::forgotten(where_, "the specification has no then");
  }

  // Exactly these events, in this order.
  template <recorded... E>
  void then(const E&... expected) && {
    static_assert(sizeof...(E) > 0, "say then_nothing() when nothing is to happen");
    static_assert((stele::detail::is_listed<typename D::Events, E> && ...),
                  "the decider lists no such event");
    said_ = true;
    detail::compare_events(where_, answer_, {detail::line_of(expected)...});
  }
  // Accepted, and nothing had to happen.
  void then_nothing() && {
    said_ = true;
    detail::compare_events(where_, answer_, {});
  }
  // Refused for this reason, with these facts.
  template <recorded R>
  void then_refused(const R& expected) && {
    static_assert(stele::detail::is_listed<typename D::Refusals, R>, "the decider lists no such refusal");
    said_ = true;
    detail::compare_refusal(where_, answer_, detail::line_of(expected));
  }

 private:
  std::source_location where_;
  detail::Answer answer_;
  bool said_ = false;
};

// What happened before. Say when() next.
template <decider D>
class [[nodiscard]] Past {
 public:
  explicit Past(std::vector<typename D::Events::any> history) : history_(std::move(history)) {}
  Past(const Past&) = delete;
  Past& operator=(const Past&) = delete;
  ~Past() {
    if (!said_) detail::forgotten(std::source_location(), "a specification has no when");
  }

  // Who asks and when, for rules that look.
  Past&& asked_by(std::string who) && {
    asked_.by = std::move(who);
    return std::move(*this);
  }
  Past&& asked_at(Timestamp when) && {
    asked_.at = when;
    return std::move(*this);
  }

  // The line of this call is the one that a failure names.
  template <recorded C>
  Result<D> when(const C& command, std::source_location where = std::source_location::current()) && {
    static_assert(stele::detail::is_listed<typename D::Commands, C>, "the decider lists no such command");
    said_ = true;
    detail::Answer answer{
        .command = detail::line_of(command), .history = {}, .events = {}, .refusal = {}, .error = {}};
    for (const auto& event : history_) answer.history.push_back(detail::line_of(event));
    const auto state = replay<D>(history_);
    const auto decided =
        state ? ask<D>(*state, command, asked_) : result<typename D::Decision>(state.error());
    if (!decided)
      answer.error = decided.error().message();
    else if (decided->refused())
      answer.refusal = detail::line_of(decided->why());
    else
      for (const auto& event : decided->events()) answer.events.push_back(detail::line_of(event));
    return Result<D>(where, std::move(answer));
  }

 private:
  std::vector<typename D::Events::any> history_;
  Asked asked_;
  bool said_ = false;
};

}  // namespace stele::spec

namespace stele {

// Begins a specification with what has happened to the aggregate before; nothing: it does not exist yet.
template <decider D, recorded... E>
[[nodiscard]] spec::Past<D> given(const E&... history) {
  static_assert((detail::is_listed<typename D::Events, E> && ...), "the decider lists no such event");
  return spec::Past<D>({typename D::Events::any(history)...});
}

}  // namespace stele

#ifdef GOOGLETEST_INCLUDE_GTEST_GTEST_H_
namespace {
[[maybe_unused]] const bool stele_spec_reports_to_googletest = [] {
  stele::spec::report_to([](const std::source_location& where, const std::string& text) {
    GTEST_MESSAGE_AT_(where.file_name(), static_cast<int>(where.line()), text.c_str(),
                      testing::TestPartResult::kNonFatalFailure);
  });
  return true;
}();
}  // namespace
#endif
