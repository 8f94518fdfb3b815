// sqlite_disk.hpp - SQLite on a simulated disk: what it writes can be lost, torn and reordered like what the engine
// writes. One thread; while one of these lives, every database that is opened is on its disk.
#pragma once

#include <functional>
#include <memory>

#include "io/disk.hpp"

namespace stele::simulation {

class SqliteDisk {
 public:
  // `before_change` runs before each write, sync, change of size and removal. It may open databases on another disk.
  // `syncs`: false on a disk that says it did and has not.
  SqliteDisk(io::Disk& disk, std::function<void()> before_change, bool syncs = true);
  ~SqliteDisk();
  SqliteDisk(const SqliteDisk&) = delete;
  SqliteDisk& operator=(const SqliteDisk&) = delete;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace stele::simulation
