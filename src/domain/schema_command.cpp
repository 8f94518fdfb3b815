// schema_command.cpp - `schema check|digests|lock|print` for any program: words in, lines and an exit code out. What
// is checked is history_check.cpp's and schema_lock.cpp's.
#include <iostream>
#include <ostream>

#include "base/json_text.hpp"
#include "stele/evolution.hpp"
#include "stele/spec.hpp"

namespace stele::detail {
namespace {

// The contract of the `stele` command, as far as it applies here (docs/cli.md).
enum SchemaExit : int {
  schema_good = 0,
  schema_failed = 1,
  schema_misused = 2,
  schema_missing = 3,
  schema_not_now = 6,
  schema_findings = 7,
};

constexpr std::string_view schema_usage = R"(usage:
  schema check --dir DIR [--digests FILE] [-o ndjson|text]   replay the log with this program's rules
  schema digests FILE --dir DIR                              write a digest of every aggregate's state
  schema lock FILE                                           compare the vocabulary with the committed file
  schema print                                               the vocabulary
)";

struct SchemaWords {
  std::string action;
  std::string dir;
  std::string file;
  bool ndjson = false;
};

// Nothing: the words make no sense.
std::optional<SchemaWords> understood(std::span<const std::string> words) {
  SchemaWords asked;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool takes_value = word == "--dir" || word == "--digests" || word == "-o" || word == "--output";
    if (takes_value && i + 1 == words.size()) return std::nullopt;
    if (word == "--dir") {
      asked.dir = words[++i];
    } else if (word == "--digests") {
      asked.file = words[++i];
    } else if (takes_value) {
      asked.ndjson = words[++i] == "ndjson";
      if (!asked.ndjson && words[i] != "text") return std::nullopt;
    } else if (asked.action.empty()) {
      asked.action = word;
    } else if (asked.file.empty() && !word.starts_with('-')) {
      asked.file = word;
    } else {
      return std::nullopt;
    }
  }
  const bool reads = asked.action == "check" || asked.action == "digests";
  const bool writes = asked.action == "digests" || asked.action == "lock";
  const bool known = reads || writes || asked.action == "print";
  if (!known || reads != !asked.dir.empty() || (writes && asked.file.empty())) return std::nullopt;
  return asked;
}

int schema_exit_of(const Error& why) {
  switch (why.kind()) {
    case errc::not_found:
    case errc::gone:
      return schema_missing;
    case errc::busy:
    case errc::timeout:
    case errc::unavailable:
      return schema_not_now;
    case errc::corrupt:
      return schema_findings;
    default:
      return schema_failed;
  }
}

std::string problem_text(const HistoryProblem& problem) {
  std::string text = problem.stream;
  if (problem.revision) text += " v" + std::to_string(problem.revision->value());
  if (!problem.type.empty()) text += " " + problem.type;
  return text + " (p" + std::to_string(problem.position.value()) + "): " + problem.what;
}

result<int> run_check(const SchemaWords& asked, const SchemaProgram& program, std::ostream& out,
                      std::ostream& err) {
  STELE_TRY(const auto store, program.open(asked.dir));
  STELE_TRY(const auto report, check_history(*store, program.kinds, {.digests = asked.file}));
  for (const HistoryProblem& problem : report.problems)
    out << (asked.ndjson ? problem_json(problem) : problem_text(problem)) << '\n';
  err << summary(report) << '\n';
  return report.good() ? schema_good : schema_findings;
}

result<int> run_digests(const SchemaWords& asked, const SchemaProgram& program, std::ostream& err) {
  STELE_TRY(const auto store, program.open(asked.dir));
  STELE_TRY(const auto written, write_state_digests(*store, program.kinds, asked.file));
  err << written << " digests in " << asked.file << '\n';
  return schema_good;
}

result<int> run_schema(const SchemaWords& asked, const SchemaProgram& program, std::ostream& out,
                       std::ostream& err) {
  if (asked.action == "check") return run_check(asked, program, out, err);
  if (asked.action == "digests") return run_digests(asked, program, err);
  if (asked.action == "print") {
    out << program.vocabulary;
    return schema_good;
  }
  const auto same = spec::check_schema_lock(asked.file, program.vocabulary);
  if (same) return schema_good;
  err << same.error().to_string() << '\n';
  return same.error().kind() == errc::invalid ? schema_findings : schema_exit_of(same.error());
}

}  // namespace

std::string problem_json(const HistoryProblem& problem) {
  std::string line = "{\"stream\":";
  base::append_json_string(line, problem.stream);
  line += ",\"version\":" + (problem.revision ? std::to_string(problem.revision->value()) : "null");
  line += ",\"position\":" + std::to_string(problem.position.value()) + ",\"type\":";
  base::append_json_string(line, problem.type);
  line += ",\"what\":";
  base::append_json_string(line, problem.what);
  return line + "}";
}

std::string summary(const HistoryReport& report) {
  std::string text = std::to_string(report.found) + " problems in " + std::to_string(report.events) +
                     " events of " + std::to_string(report.streams) + " streams";
  if (report.found > report.problems.size())
    text += ", the first " + std::to_string(report.problems.size()) + " of them listed";
  if (report.compared > 0) text += "; " + std::to_string(report.compared) + " states compared";
  for (const auto& [category, streams] : report.unowned)
    text += "\nno decider here has " + category + " (" + std::to_string(streams) + " streams)";
  return text;
}

int schema_command(std::span<const std::string> words, const SchemaProgram& program, std::ostream& out,
                   std::ostream& err) {
  const auto asked = understood(words);
  if (!asked) {
    err << schema_usage;
    return schema_misused;
  }
  const auto code = guarded([&] { return run_schema(*asked, program, out, err); });
  if (code) return *code;
  err << "error: " << code.error().to_string() << '\n';
  return schema_exit_of(code.error());
}

std::optional<int> schema_command(int argc, const char* const* argv,
                                  const std::function<SchemaProgram()>& program) {
  if (argc < 2 || std::string_view(argv[1]) != "schema") return std::nullopt;
  const std::vector<std::string> words(argv + 2, argv + argc);
  return schema_command(words, program(), std::cout, std::cerr);
}

}  // namespace stele::detail
