// loop.hpp - one network thread: its event loop, a mailbox for other threads, and the connections it owns.
// Nothing here may block.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "server/net/workers.hpp"

namespace stele::server {

class Connection;
struct LoopIo;  // the Asio side, known to net/*.cpp only

class Loop {
 public:
  explicit Loop(std::chrono::milliseconds tick);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start();
  // Ends the thread; tasks and timers that have not run are destroyed.
  void stop();

  // From any thread. One wake-up of the loop serves all tasks posted meanwhile. After stop(): destroyed unrun.
  void post(Task task);
  // From any thread: runs `task` on the loop once the time has passed.
  void after(std::chrono::milliseconds delay, Task task);

  // On the loop's thread only.
  void add(std::shared_ptr<Connection> connection);
  void remove(const std::shared_ptr<Connection>& connection);
  // Connections with something to write are flushed once, at the end of the current batch of work: several
  // answers that became ready together leave in one system call.
  void mark_dirty(std::shared_ptr<Connection> connection);
  void flush_dirty();
  void for_each(const std::function<void(Connection&)>& visit);

  [[nodiscard]] LoopIo& io() { return *io_; }

 private:
  void drain_mailbox();
  void schedule_tick();
  std::unique_ptr<LoopIo> io_;
};

}  // namespace stele::server
