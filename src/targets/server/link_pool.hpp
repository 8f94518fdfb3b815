// link_pool.hpp - read connections to one model, lent out one at a time. Not a general pool.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "targets/server/sql_link.hpp"

namespace stele::targets {

// Makes as many connections as are needed at once and keeps a few of them, with their prepared statements; a server
// has room for a limited number of them.
class LinkPool {
 public:
  LinkPool(ConnectSql connect, std::string space) : connect_(std::move(connect)), space_(std::move(space)) {}

  // `fresh`: a new one, and what is kept goes, too: the server has closed those connections.
  result<std::unique_ptr<SqlLink>> take(bool fresh);
  void give_back(std::unique_ptr<SqlLink> link);
  [[nodiscard]] std::size_t lent() const;

 private:
  static constexpr std::size_t keep = 4;
  const ConnectSql connect_;
  const std::string space_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<SqlLink>> idle_;
  std::size_t lent_ = 0;
};

}  // namespace stele::targets
