// report.cpp - errors as text for people and as a record for programs.
#include "cli/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/json_text.hpp"
#include "cli/exit_code.hpp"

namespace stele::cli {
namespace {

constexpr const char* usage_fact = "usage";

std::string painted(std::string_view text, std::string_view code, bool colored) {
  return colored ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

// Facts come from the network and from files: nothing in them may steer the terminal.
std::string harmless(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || (byte >= 0x20 && byte != 0x7f))
      shown += c;
    else
      shown += fmt::format("\\x{:02x}", byte);
  }
  return shown;
}

}  // namespace

std::string describe(const Error& error, bool colored) {
  std::string text = fmt::format("{} {}      [{}]\n", painted("error:", "1;31", colored),
                                 harmless(error.message()), to_string(error.kind()));
  std::size_t widest = 0;
  for (const auto& fact : error.facts()) widest = std::max(widest, fact.name.size());
  for (const auto& fact : error.facts()) {
    if (fact.name == usage_fact) continue;
    text += fmt::format("  {:<{}}  {}\n", fact.name, widest, harmless(fact.value));
  }
  if (!error.help().empty())
    text += fmt::format("  {}  {}\n", painted("help:", "1", colored), harmless(error.help()));
  return text;
}

std::string error_record(const Error& error) {
  std::string record = R"({"$error":{"kind":)";
  base::append_json_string(record, to_string(error.kind()));
  record += ",\"message\":";
  base::append_json_string(record, error.message());
  record += ",\"help\":";
  base::append_json_string(record, error.help());
  record += ",\"facts\":{";
  for (bool first = true; const auto& fact : error.facts()) {
    if (!first) record += ',';
    first = false;
    base::append_json_string(record, fact.name);
    record += ':';
    base::append_json_string(record, fact.value);
  }
  return record + "}}}";
}

// Data first: when both go to one terminal, the error stands below what it is about.
int report(Session& session, const Error& error) {
  session.out.flush();
  session.err << describe(error, session.colored_err());
  session.err.flush();
  return error.fact(usage_fact) ? static_cast<int>(exit_usage) : exit_code_of(error);
}

int report_usage(Session& session, const std::string& message, const std::string& hint) {
  return report(session, usage_error(message).help(hint));
}

Error usage_error(std::string message) {
  return Error(errc::invalid, std::move(message)).with(usage_fact, "2");
}

}  // namespace stele::cli
