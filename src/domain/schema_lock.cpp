// schema_lock.cpp - the committed vocabulary against the one that was compiled.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "stele/spec.hpp"

namespace stele::spec {
namespace {

constexpr const char* accept_variable = "STELE_ACCEPT_SCHEMA";

detail::Lines lines_of(std::string_view text) {
  detail::Lines lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The lines of `from` that `other` lacks, each behind `mark`.
std::string only_in(const detail::Lines& from, const detail::Lines& other, std::string_view mark) {
  std::string text;
  for (const std::string& line : from)
    if (std::ranges::find(other, line) == other.end()) text += "\n" + std::string(mark) + line;
  return text;
}

result<void> accept(const std::filesystem::path& file, std::string_view vocabulary) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << vocabulary << std::flush;
  if (!out) return Error(errc::unavailable, "cannot write " + file.string());
  return {};
}

}  // namespace

result<void> check_schema_lock(const std::filesystem::path& file, std::string_view vocabulary) {
  if (const char* set = std::getenv(accept_variable); set && *set) return accept(file, vocabulary);
  const std::string how = std::string("if that is meant, run this once with ") + accept_variable +
                          "=1 and commit " + file.string();
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error(errc::not_found, "there is no schema lock at " + file.string()).help(how);
  const std::string locked{std::istreambuf_iterator<char>(in), {}};
  if (locked == vocabulary) return {};
  const auto before = lines_of(locked);
  const auto now = lines_of(vocabulary);
  std::string difference = only_in(before, now, "- ") + only_in(now, before, "+ ");
  if (difference.empty()) difference = "\n  the same lines in another order";
  return Error(errc::invalid, "the vocabulary is not the one in " + file.string() + ":" + difference)
      .help(how);
}

}  // namespace stele::spec
