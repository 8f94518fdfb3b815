// spec_answer.hpp - what a specification compares: names and wire forms, as lines of text. Only for
// spec.hpp; the texts of failures are made in one source file.
#pragma once

#include <source_location>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stele/decider.hpp"

namespace stele::spec {

namespace detail {

void report(const std::source_location& where, const std::string& text);

// One thing that was said or expected, as its name and wire form: "MoneyWithdrawn {...}".
using Lines = std::vector<std::string>;
// The first behind the heading, the others below it.
void append_lines(std::string& text, std::string_view heading, const Lines& lines);
[[nodiscard]] std::string first_difference(const Lines& expected, const Lines& actual, std::string_view what);
// Of two lines about the same type, the fields that differ; nothing for any other two.
[[nodiscard]] std::string field_differences(std::string_view expected, std::string_view actual);
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

template <decider D, recorded C>
[[nodiscard]] Answer answer_of(const std::vector<typename D::Events::any>& history, const C& command,
                               const Asked& asked) {
  Answer answer;
  answer.command = line_of(command);
  for (const auto& event : history) answer.history.push_back(line_of(event));
  const auto state = replay<D>(history);
  const auto decided = state ? ask<D>(*state, command, asked) : result<typename D::Decision>(state.error());
  if (!decided)
    answer.error = decided.error().message();
  else if (decided->refused())
    answer.refusal = line_of(decided->why());
  else
    for (const auto& event : decided->events()) answer.events.push_back(line_of(event));
  return answer;
}

// Part of a sentence that must go on: complains at its end when finish() was not called.
class Unfinished {
 public:
  Unfinished(std::source_location where, std::string_view complaint) : where_(where), complaint_(complaint) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    if (!finished_) forgotten(where_, complaint_);
  }
  const std::source_location& finish() {
    finished_ = true;
    return where_;
  }

 private:
  std::source_location where_;
  std::string_view complaint_;
  bool finished_ = false;
};

}  // namespace detail

}  // namespace stele::spec
