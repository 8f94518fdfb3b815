// expectation.cpp - one word to an expected version.
#include "cli/commands/expectation.hpp"

#include <fmt/format.h>

#include <charconv>

#include "cli/report.hpp"

namespace stele::cli {

result<ExpectedVersion> parse_expected(std::string_view text) {
  if (text == "any") return ExpectedVersion::any();
  if (text == "none" || text == "no_stream") return ExpectedVersion::no_stream();
  if (text == "exists") return ExpectedVersion::exists();
  std::uint64_t revision = 0;
  const auto digits = text.starts_with('v') ? text.substr(1) : text;
  const auto* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, revision);
  if (digits.empty() || failure != std::errc{} || stop != end)
    return usage_error(fmt::format("--expect cannot be '{}'", text)).help("write v204, none, exists or any");
  return ExpectedVersion::exact(Revision(revision));
}

}  // namespace stele::cli
