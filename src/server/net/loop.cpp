// loop.cpp - runs an io_context on its own thread.
#include "server/net/loop.hpp"

#include <boost/asio/post.hpp>

#include "server/net/connection.hpp"
#include "server/net/loop_io.hpp"

namespace stele::server {

Loop::Loop(std::chrono::milliseconds tick) : io_(std::make_unique<LoopIo>(tick)) {}
Loop::~Loop() { stop(); }

void Loop::start() {
  schedule_tick();
  io_->thread = std::thread([this] { io_->context.run(); });
}

void Loop::stop() {
  {
    const std::lock_guard lock(io_->mutex);
    io_->stopped = true;
  }
  io_->context.stop();
  if (io_->thread.joinable()) io_->thread.join();
  std::vector<Task> unrun;
  {
    const std::lock_guard lock(io_->mutex);
    unrun.swap(io_->mailbox);
  }
  unrun.clear();
  auto connections = std::move(io_->connections);
  io_->connections.clear();
  for (const auto& connection : connections) connection->abort();
  io_->dirty.clear();
}

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

void Loop::after(std::chrono::milliseconds delay, Task task) {
  post([this, delay, task = std::move(task)]() mutable {
    auto timer = std::make_shared<boost::asio::steady_timer>(io_->context, delay);
    auto& waiting = *timer;
    waiting.async_wait([this, timer = std::move(timer), task = std::move(task)](auto failed) mutable {
      if (!failed) task();
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

void Loop::for_each(const std::function<void(Connection&)>& visit) {
  const std::vector<std::shared_ptr<Connection>> all(io_->connections.begin(), io_->connections.end());
  for (const auto& connection : all) visit(*connection);
}

}  // namespace stele::server
