// scratch.hpp - a directory of our own below the one to measure, gone when the measurement ends. A store that
// lies beside it is never touched.
#pragma once

#include <filesystem>

#include "stele/result.hpp"

namespace stele::cli::bench {

class Scratch {
 public:
  // Below `parent`, which must exist; the current directory when empty.
  static result<Scratch> make(const std::filesystem::path& parent);
  ~Scratch();
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit Scratch(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace stele::cli::bench
