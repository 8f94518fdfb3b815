// spec.cpp - comparing what a decider answered with what was specified, and telling the difference.
#include "stele/spec.hpp"

#include <atomic>
#include <iostream>

namespace stele::spec {
namespace {

void report_to_stderr(const std::source_location& where, const std::string& text) {
  std::cerr << where.file_name() << ":" << where.line() << ": " << text << "\n";
}

std::atomic<Reporter> current_reporter = report_to_stderr;
std::atomic<std::size_t> failure_count = 0;

using detail::append_lines;

// Everything that was said, so that nobody has to run it again to see.
std::string told(const detail::Answer& answer, std::string_view expected_heading,
                 const detail::Lines& expected) {
  std::string text = "the specification does not hold\n";
  append_lines(text, "  given   ", answer.history);
  append_lines(text, "  when    ", {answer.command});
  append_lines(text, expected_heading, expected);
  if (!answer.error.empty())
    append_lines(text, "  but     ", {"error: " + answer.error});
  else if (!answer.refusal.empty())
    append_lines(text, "  but     ", {"refused: " + answer.refusal});
  else
    append_lines(text, "  but     ", answer.events);
  return text;
}

}  // namespace

void report_to(Reporter reporter) { current_reporter = reporter; }
std::size_t failures() { return failure_count; }

namespace detail {

void append_lines(std::string& text, std::string_view heading, const Lines& lines) {
  text += heading;
  if (lines.empty()) text += "  (nothing)\n";
  for (std::size_t i = 0; i < lines.size(); ++i)
    text += (i == 0 ? "  " : std::string(heading.size() + 2, ' ')) + lines[i] + "\n";
}

std::string first_difference(const Lines& expected, const Lines& actual, std::string_view what) {
  std::size_t same = 0;
  while (same < expected.size() && same < actual.size() && expected[same] == actual[same]) ++same;
  const auto or_none = [&](const Lines& lines) { return same < lines.size() ? lines[same] : "(none)"; };
  return "  differs at " + std::string(what) + " " + std::to_string(same + 1) + ":\n    expected " +
         or_none(expected) + "\n    happened " + or_none(actual) + "\n" +
         field_differences(or_none(expected), or_none(actual));
}

void report(const std::source_location& where, const std::string& text) {
  ++failure_count;
  current_reporter.load()(where, text);
}

void compare_events(const std::source_location& where, const Answer& answer, const Lines& expected) {
  const bool accepted = answer.error.empty() && answer.refusal.empty();
  if (accepted && answer.events == expected) return;
  std::string text = told(answer, "  then    ", expected);
  if (accepted) text += first_difference(expected, answer.events, "event");
  report(where, text);
}

void compare_refusal(const std::source_location& where, const Answer& answer, const std::string& expected) {
  if (answer.error.empty() && answer.refusal == expected) return;
  report(where, told(answer, "  refused ", {expected}));
}

void forgotten(const std::source_location& where, std::string_view what) { report(where, std::string(what)); }

}  // namespace detail
}  // namespace stele::spec
