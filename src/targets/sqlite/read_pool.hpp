// read_pool.hpp - read connections to one model file, lent out one at a time. Not a general pool.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/sqlite.hpp"

namespace stele::targets {

// Makes as many connections as are needed at once and keeps a few of them, with their prepared statements.
class ReadPool {
 public:
  explicit ReadPool(std::string path) : path_(std::move(path)) {}

  result<std::unique_ptr<sqlite::Connection>> take();
  void give_back(std::unique_ptr<sqlite::Connection> connection);
  [[nodiscard]] std::size_t lent() const;

 private:
  static constexpr std::size_t keep = 16;
  const std::string path_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<sqlite::Connection>> idle_;
  std::size_t lent_ = 0;
};

}  // namespace stele::targets
