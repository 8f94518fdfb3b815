// serving_file.hpp - which of a projection's model files serves, which one served before, which one is being built.
// The record alone; the files themselves are model.hpp's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "targets/shared/serving.hpp"

namespace stele::targets {

// `<models>/<name>-v<version>`, to which everything about it is appended.
class ModelNames {
 public:
  ModelNames(const std::filesystem::path& models, const std::string& name, int version)
      : stem_((models / (name + "-v" + std::to_string(version))).string()) {}

  [[nodiscard]] std::filesystem::path model(std::uint64_t number) const {
    return stem_ + (number == 0 ? "" : "." + std::to_string(number)) + ".db";
  }
  [[nodiscard]] std::filesystem::path serving() const { return stem_ + ".serving"; }
  [[nodiscard]] std::filesystem::path lock() const { return stem_ + ".lock"; }

 private:
  std::string stem_;
};

// No file: number 0 serves. One that cannot be read is `corrupt`.
[[nodiscard]] result<Serving> read_serving(const std::filesystem::path& file);
// Replaced as a whole and synced: whoever reads it sees the old record or the new one.
[[nodiscard]] result<void> write_serving(const std::filesystem::path& file, const Serving& serving);

[[nodiscard]] std::string boot_of_this_machine();

}  // namespace stele::targets
