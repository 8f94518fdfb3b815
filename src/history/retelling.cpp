// retelling.cpp - writes the test: structs as their JSON form, so that any domain's types can be written.
#include "history/retelling.hpp"

#include <algorithm>

#include "history/trace.hpp"

namespace stele::history {
namespace {

constexpr std::uint64_t most_retold = 5'000;

// A raw string whose end cannot stand in the text.
std::string raw_string(const std::string& text) {
  std::string mark = "json";
  while (text.find(")" + mark + "\"") != std::string::npos) mark += "_";
  return "R\"" + mark + "(" + text + ")" + mark + "\"";
}

// Names out of a log may be any text, and what is in a comment must not get out of it.
std::string in_comment(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\\'; }, '?');
  return out;
}

// Through JSON, because any struct of a domain has that form, and initialisers of nested structs need their types.
std::string told(const stele::detail::WrittenStruct& value) {
  return "told<" + value.type + ">(" + raw_string(value.json) + ")";
}

// "BankAccount-acct-13" -> "BankAccount_acct_13"
std::string identifier(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out,
      [](char c) { return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')); },
      '_');
  return out;
}

constexpr std::string_view test_head = R"(#include <gtest/gtest.h>

#include "stele/spec.hpp"
#include "stele/wire.hpp"

namespace {

// An event or a command as it lies in the log.
template <class T>
T told(const char* json) {
  return *stele::from_json<T>(json);
}

)";

std::string past_list(const std::string& rules, const std::vector<stele::detail::WrittenStruct>& past) {
  std::string out = "  const std::vector<" + rules + "::Events::any> past{";
  for (std::size_t i = 0; i < past.size(); ++i) out += (i > 0 ? ",\n      " : "\n      ") + told(past[i]);
  return out + "};\n";
}

// What today's rules say, beside what was recorded.
std::string decision_lines(const std::string& rules, const stele::detail::Retold& retold) {
  std::string out = "  stele::spec::Past<" + rules + ">(past)\n      .when(" + told(*retold.command) + ")\n";
  if (retold.refused) return out + "      .then_refused(" + told(retold.answer.front()) + ");\n";
  if (retold.answer.empty()) return out + "      .then_nothing();\n";
  out += "      .then(";
  for (std::size_t i = 0; i < retold.answer.size(); ++i) out += (i > 0 ? ", " : "") + told(retold.answer[i]);
  return out + ");\n";
}

// Without a command there is no decision to compare; then it is the fold that is pinned down.
std::string state_lines(const std::string& rules, const stele::detail::Retold& retold) {
  std::string out = "  auto whole = past;\n";
  for (const auto& each : retold.recorded) out += "  whole.emplace_back(" + told(each) + ");\n";
  return out + "  const auto state = stele::replay<" + rules + ">(whole);\n  ASSERT_TRUE(state);\n" +
         "  EXPECT_EQ(stele::to_json(*state), " + raw_string(retold.state) + ");\n";
}

bool same_structs(const std::vector<stele::detail::WrittenStruct>& a,
                  const std::vector<stele::detail::WrittenStruct>& b) {
  return std::ranges::equal(
      a, b, [](const auto& x, const auto& y) { return x.type == y.type && x.json == y.json; });
}

// Why the test is what it is, for its first line.
std::string remark(const stele::detail::Retold& retold, const Trace& trace) {
  if (!retold.command)
    return trace.command.empty()
               ? "nothing says what was asked for"
               : in_comment(trace.command) + " was asked for, and the event does not hold all of it";
  if (!retold.refused && same_structs(retold.answer, retold.recorded)) return "today's rules decide the same";
  std::string out = "today's rules decide otherwise; recorded was ";
  for (const auto& each : retold.recorded) out += each.type + " ";
  out.pop_back();
  return out;
}

}  // namespace

result<std::string> retold_as_test(EventSource& source, const Fold& fold, const StreamInfo& info,
                                   Revision revision, const std::string& include) {
  if (!fold.kind)
    return Error(errc::invalid, fold.name + " is no decider: a test needs the rules of an application");
  if (revision.value() - first_kept(info).value() >= most_retold)
    return Error(errc::too_large, "a test of more than " + std::to_string(most_retold) + " events");
  std::vector<RecordedEvent> history;
  STELE_CHECK(source.read_stream(info.stream, first_kept(info), revision,
                                 [&](const EventView& event) -> result<bool> {
                                   history.push_back(event.to_owned());
                                   return true;
                                 }));
  if (history.empty()) return Error(errc::not_found, info.stream + " has no such version");
  const auto trace = trace_of(history.back().metadata);
  STELE_TRY(const auto retold, fold.kind->retell(history, trace.command));
  std::string out = "// " + in_comment(info.stream) + " v" + std::to_string(revision.value()) + ", " +
                    in_comment(history.back().type) + " at " + to_string(history.back().recorded_at) +
                    ":\n// " + remark(retold, trace) + ".\n";
  if (!include.empty()) out += "#include \"" + include + "\"\n\n";
  out += test_head;
  out += "TEST(" + identifier(info.stream) + ", version_" + std::to_string(revision.value()) + ") {\n";
  out += past_list(fold.kind->rules, retold.past);
  out += retold.command ? decision_lines(fold.kind->rules, retold) : state_lines(fold.kind->rules, retold);
  return out + "}\n\n}  // namespace\n";
}

}  // namespace stele::history
