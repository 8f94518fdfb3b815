// loop_io.hpp - the Asio half of a Loop. Included by net/*.cpp only, so that Asio is compiled in few places.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <vector>

#include "server/net/loop.hpp"

namespace stele::server {

// One call of Loop::after(). The loop owns it, so that stopping can let go of what the task holds.
struct LoopTimer {
  LoopTimer(boost::asio::io_context& context, std::chrono::milliseconds delay, Task what)
      : timer(context, delay), task(std::move(what)) {}
  boost::asio::steady_timer timer;
  Task task;
};

struct LoopIo {
  explicit LoopIo(std::chrono::milliseconds interval) : tick(interval), timer(context) {}

  // One thread runs it; the hint 1 lets Asio leave out its locks between threads.
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
  std::chrono::milliseconds tick;
  boost::asio::steady_timer timer;
  std::thread thread;

  std::mutex mutex;  // guards the mailbox
  std::vector<Task> mailbox;
  bool stopped = false;

  // Touched by the loop's thread only.
  std::unordered_set<std::shared_ptr<Connection>> connections;
  std::vector<std::shared_ptr<Connection>> dirty;
  std::unordered_set<std::shared_ptr<LoopTimer>> timers;
};

}  // namespace stele::server
