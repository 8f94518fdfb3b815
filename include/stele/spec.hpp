// spec.hpp - given, when, then: specifications of deciders that read like the sentences of the people who
// know. For tests only; needs no store, no clock and no particular test framework.
//
//   given<Account>(AccountCreated{"A1", "Ada"}, MoneyDeposited{"A1", 100_money, "salary"})
//       .when(WithdrawMoney{"A1", 60_money, "rent"})
//       .then(MoneyWithdrawn{"A1", 60_money, "rent"});
//
//   given<Account>().when(CloseAccount{"A1"}).then_refused(NoSuchAccount{"A1"});
//
//   given_saga<OrderPayment>(OrderPlaced{"o-1", 20_money})          // saga.hpp
//       .after(15min).sends(CancelOrder{"o-1", "not paid"}).completes();
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
#include "stele/detail/saga_scene.hpp"
#include "stele/detail/spec_answer.hpp"
#include "stele/detail/spec_reading.hpp"

namespace stele::spec {

// ---- Reporting

// Told of each failure, with the place of the specification and everything that was said.
using Reporter = void (*)(const std::source_location& where, const std::string& text);
void report_to(Reporter reporter);
// How many specifications have failed in this program, whoever was told. For mains without a test framework.
// Counts up only.
[[nodiscard]] std::size_t failures();

// ---- Schema locks

// Compares a vocabulary (decider.hpp) with the committed file: what is persisted must not change by accident.
// Errors: invalid, with the lines that differ and how to accept them; not_found, when there is no such file.
// With the environment variable STELE_ACCEPT_SCHEMA set, the file is written instead.
[[nodiscard]] result<void> check_schema_lock(const std::filesystem::path& file, std::string_view vocabulary);

// ---- The sentence

// What came of the command, decided and waiting to be compared. Lives as long as its line. Say exactly one
// `then`; the failure names the line of when().
template <decider D>
class [[nodiscard]] Result {
 public:
  Result(std::source_location where, detail::Answer answer)
      : sentence_(where, "the specification has no then"), answer_(std::move(answer)) {}

  // Exactly these events, in this order.
  template <recorded... E>
  void then(const E&... expected) && {
    static_assert(sizeof...(E) > 0, "say then_nothing() when nothing is to happen");
    static_assert((stele::detail::is_listed<typename D::Events, E> && ...),
                  "the decider lists no such event");
    detail::compare_events(sentence_.finish(), answer_, {detail::line_of(expected)...});
  }
  // Accepted, and nothing had to happen.
  void then_nothing() && { detail::compare_events(sentence_.finish(), answer_, {}); }
  // Refused for this reason, with these facts.
  template <recorded R>
  void then_refused(const R& expected) && {
    static_assert(stele::detail::is_listed<typename D::Refusals, R>, "the decider lists no such refusal");
    detail::compare_refusal(sentence_.finish(), answer_, detail::line_of(expected));
  }

 private:
  detail::Unfinished sentence_;
  detail::Answer answer_;
};

// What happened before. Say when() next, once; asked_by() and asked_at() before it where rules look at them.
template <decider D>
class [[nodiscard]] Past {
 public:
  explicit Past(std::vector<typename D::Events::any> history)
      : sentence_(std::source_location(), "a specification has no when"), history_(std::move(history)) {}

  // Who asks.
  Past&& asked_by(std::string who) && {
    asked_.by = std::move(who);
    return std::move(*this);
  }
  // What the rules see as now; 1970 when it is not said, so that no specification depends on the clock.
  Past&& asked_at(Timestamp when) && {
    asked_.at = when;
    return std::move(*this);
  }
  // The command. A history that cannot be, or a rule that throws, fails the specification.
  template <recorded C>
  Result<D> when(const C& command, std::source_location where = std::source_location::current()) && {
    static_assert(stele::detail::is_listed<typename D::Commands, C>, "the decider lists no such command");
    (void)sentence_.finish();
    return Result<D>(where, detail::answer_of<D>(history_, command, asked_));
  }

 private:
  detail::Unfinished sentence_;
  std::vector<typename D::Events::any> history_;
  Asked asked_;
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

namespace stele {

// ---- What events are read as

// Begins a specification of upcasters: an event of any age, as it lies in the log, read by whoever lists `Events`
// (a decider's or a projection's).
//
//   given_recorded<Book::Events>(v1::BookGiven{"b1", 12}).reads_as(BookLent{"b1", "reader-12", {}});
template <class Events, recorded E>
[[nodiscard]] spec::Recorded<Events> given_recorded(
    const E& event, std::source_location where = std::source_location::current()) {
  return spec::Recorded<Events>(event, where);
}

// Begins a specification of a projection: its target, usually a scratch one, after these events (those of them
// it asks for), at positions 1, 2, 3... The question is yours, the answer is lines of text.
//
//   given_projected(**target, AccountOpened{"A1", "Ada"}, MoneyDeposited{"A1", 5_money, ""})
//       .shows({"A1 5.00"}, [&] { return lines_of(**target, "SELECT ..."); });
template <recorded... E>
[[nodiscard]] spec::Projected given_projected(spec::TargetAt target, const E&... events) {
  return spec::Projected(target, events...);
}

}  // namespace stele

namespace stele {

// ---- Sagas
//
// Begins a specification of one instance of a saga with the events it has heard before, and goes on with a word for
// what happens and the words for what the saga does about it, any number of times:
//
//   when(event)                      the event is heard
//   when_refused(command, refusal)   a command that the saga has sent is refused
//   after(15min)                     time goes by; timers that are due fire, the earliest first
//     sends(commands...)             these, in this order
//     schedules("name", 15min)       schedules_at("name", time), cancels("name")
//     completes()
//     does_nothing()
//
// Exact: what is not said must not happen. A scene begins in 1970; starting_at(time) before given(events...) says
// otherwise.
template <saga S, recorded... E>
[[nodiscard]] spec::Scene<S> given_saga(const E&... events) {
  return spec::Scene<S>(events...);
}

}  // namespace stele

// GoogleTest as the listener, when it is there. Anonymous on purpose: each test file that includes both
// headers installs the same reporter.
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
