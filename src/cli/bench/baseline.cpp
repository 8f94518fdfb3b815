// baseline.cpp - reads a JSON array or JSON lines and keeps the numbers of each line.
#include "cli/bench/baseline.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <utility>

namespace stele::cli::bench {
namespace {

result<std::string> baseline_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return Error(errc::not_found, "there is no file " + file).help("--baseline names an earlier --json");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// JSON lines become one array, so that both forms are read alike.
std::string as_array(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '[') return text;
  std::string array = "[";
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (end > begin) array.append(array.size() > 1 ? "," : "").append(text, begin, end - begin);
    begin = end + 1;
  }
  return array + "]";
}

}  // namespace

result<Baseline> Baseline::read(const std::string& file, std::string_view bench,
                                std::vector<std::string> keys) {
  STELE_TRY(const auto text, baseline_text(file));
  const auto document = JsonDocument::parse(as_array(text));
  if (!document)
    return Error(errc::invalid, file + " is not what --json writes").help("see stele bench --help");
  Baseline baseline;
  baseline.keys_ = std::move(keys);
  bool ours = false;
  for (const auto line : document->root().elements()) {
    const auto kind = line.find("bench");
    if (!kind) {
      if (ours) baseline.remember(line);
      continue;
    }
    ours = kind->as_string() == bench;
  }
  if (baseline.lines_.empty())
    return Error(errc::invalid, fmt::format("{} holds no lines of bench {}", file, bench))
        .help(fmt::format("stele bench {} --json > FILE writes one", bench));
  return baseline;
}

std::string Baseline::key_of(const JsonValue& line) const {
  std::string key;
  for (const auto& member : keys_) {
    const auto value = line.find(member);
    key.append(value ? value->raw() : "").append("\n");
  }
  return key;
}

void Baseline::remember(const JsonValue& line) {
  auto& numbers = lines_[key_of(line)];
  for (const auto& [member, value] : line.members()) {
    if (const auto number = value.as_double()) numbers[std::string(member)] = *number;
  }
}

std::optional<double> Baseline::find(const JsonValue& line, std::string_view member) const {
  const auto earlier = lines_.find(key_of(line));
  if (earlier == lines_.end()) return std::nullopt;
  const auto number = earlier->second.find(member);
  return number == earlier->second.end() ? std::nullopt : std::optional(number->second);
}

}  // namespace stele::cli::bench
