// baseline.hpp - an earlier run to compare with: a file that the same command wrote with --json or --ndjson. It
// only looks lines up; what is compared and how it is shown is the report's business.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/detail/json.hpp"
#include "stele/result.hpp"

namespace stele::cli::bench {

class Baseline {
 public:
  // `keys`: the members that say which line is which. Errors: not_found, invalid (no record of this kind of
  // measurement in the file, or text that is none of ours).
  static result<Baseline> read(const std::string& file, std::string_view bench,
                               std::vector<std::string> keys);

  // A number of the earlier line that has the same key as `line`; nothing when there was no such line or member.
  [[nodiscard]] std::optional<double> find(const JsonValue& line, std::string_view member) const;
  [[nodiscard]] std::size_t lines() const { return lines_.size(); }

 private:
  using Numbers = std::map<std::string, double, std::less<>>;
  [[nodiscard]] std::string key_of(const JsonValue& line) const;
  void remember(const JsonValue& line);

  std::vector<std::string> keys_;
  std::map<std::string, Numbers> lines_;
};

}  // namespace stele::cli::bench
