// loop.cpp - runs an io_context on its own thread.
#include "server/net/loop.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>
#include <utility>

#include "server/net/connection.hpp"
#include "server/net/loop_io.hpp"

namespace stele::server {

Loop::Loop(std::chrono::milliseconds tick) : io_(std::make_unique<LoopIo>(tick)) {}
// Asio passes on what handlers throw; ours throw nothing.
Loop::~Loop() { stop(); }  // NOLINT(bugprone-exception-escape)

void Loop::start() {
  schedule_tick();
  io_->thread = std::thread([this] { io_->context.run(); });
}

// Tasks are destroyed outside the lock: what they hold may post once more on its way out.
void Loop::stop() {
  std::vector<Task> unrun;
  {
    const std::lock_guard lock(io_->mutex);
    io_->stopped = true;
    unrun.swap(io_->mailbox);
  }
  io_->context.stop();
  if (io_->thread.joinable()) io_->thread.join();
  {
    const std::lock_guard lock(io_->mutex);
    std::move(io_->mailbox.begin(), io_->mailbox.end(), std::back_inserter(unrun));
    io_->mailbox.clear();
  }
  unrun.clear();
  auto timers = std::exchange(io_->timers, {});
  timers.clear();
  for_each([](Connection& connection) { connection.abort(); });
  io_->dirty.clear();
  // Cancelled operations still hold their connections: they end here, with an error and without effect.
  io_->context.restart();
  io_->context.poll();
}

// Waking a loop is a system call; only the first of many tasks pays for it.
void Loop::post(Task task) {
  bool first = false;
  {
    const std::lock_guard lock(io_->mutex);
    if (io_->stopped) return;
    first = io_->mailbox.empty();
    io_->mailbox.push_back(std::move(task));
  }
  if (first) boost::asio::post(io_->context, [this] { drain_mailbox(); });
}

void Loop::drain_mailbox() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(io_->mutex);
    tasks.swap(io_->mailbox);
  }
  for (auto& task : tasks) task();
  flush_dirty();
}

// A timer belongs to the loop's thread, so that it is made there.
void Loop::after(std::chrono::milliseconds delay, Task task) {
  post([this, delay, task = std::move(task)]() mutable {
    const auto timer = std::make_shared<LoopTimer>(io_->context, delay, std::move(task));
    io_->timers.insert(timer);
    timer->timer.async_wait([this, weak = std::weak_ptr(timer)](auto failed) {
      const auto self = weak.lock();
      if (failed || !self) return;
      io_->timers.erase(self);
      self->task();
      flush_dirty();
    });
  });
}

void Loop::schedule_tick() {
  io_->timer.expires_after(io_->tick);
  io_->timer.async_wait([this](auto failed) {
    if (failed) return;
    const auto now = Clock::now();
    for_each([now](Connection& connection) { connection.tick(now); });
    flush_dirty();
    schedule_tick();
  });
}

void Loop::add(std::shared_ptr<Connection> connection) { io_->connections.insert(std::move(connection)); }
void Loop::remove(const std::shared_ptr<Connection>& connection) { io_->connections.erase(connection); }
void Loop::mark_dirty(std::shared_ptr<Connection> connection) { io_->dirty.push_back(std::move(connection)); }

void Loop::flush_dirty() {
  while (!io_->dirty.empty()) {
    auto dirty = std::move(io_->dirty);
    io_->dirty.clear();
    for (const auto& connection : dirty) connection->flush();
  }
}

// A copy of the list: visiting may close connections.
void Loop::for_each(const std::function<void(Connection&)>& visit) {
  const std::vector<std::shared_ptr<Connection>> all(io_->connections.begin(), io_->connections.end());
  for (const auto& connection : all) visit(*connection);
}

}  // namespace stele::server
