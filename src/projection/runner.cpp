// runner.cpp - a runner from outside: start, stop, wait, ask. What its thread does is worker.cpp.
#include <mutex>
#include <thread>
#include <utility>

#include "projection/worker.hpp"
#include "stele/projection.hpp"

namespace stele {

std::string_view to_string(ProjectionState state) {
  switch (state) {
    case ProjectionState::stopped:
      return "stopped";
    case ProjectionState::catching_up:
      return "catching_up";
    case ProjectionState::live:
      return "live";
    case ProjectionState::retrying:
      return "retrying";
    case ProjectionState::failed:
      return "failed";
  }
  return "unknown";
}

struct Runner::Impl {
  Impl(EventStore& store, std::shared_ptr<ProjectionTarget> target, RunnerOptions options)
      : worker(store, std::move(target), options) {}
  mutable projection::Worker worker;
  std::mutex control;  // start and stop, one at a time
  std::thread thread;
};

Runner::Runner(EventStore& store, std::shared_ptr<ProjectionTarget> target, RunnerOptions options)
    : impl_(std::make_unique<Impl>(store, std::move(target), options)) {}

Runner::~Runner() { stop(); }

// A thread that failed has ended but is still to be joined; one that runs is left alone.
void Runner::start() {
  const std::lock_guard lock(impl_->control);
  const ProjectionState state = impl_->worker.status().state;
  if (impl_->thread.joinable()) {
    if (state != ProjectionState::failed) return;
    impl_->thread.join();
  }
  impl_->worker.rearm();
  impl_->thread = std::thread([worker = &impl_->worker] { worker->run(); });
}

// The waits are closed by the worker as its last act, so none is left when this returns.
void Runner::stop() {
  const std::lock_guard lock(impl_->control);
  if (!impl_->thread.joinable()) return;
  impl_->worker.request_stop();
  impl_->thread.join();
}

ProjectionStatus Runner::status() const { return impl_->worker.status(); }
Position Runner::position() const { return impl_->worker.waits().position(); }
LatencyHistogram Runner::latency() const { return impl_->worker.latency(); }
ProjectionTarget& Runner::target() const { return impl_->worker.target(); }
void Runner::hold_back(std::chrono::microseconds pause) { impl_->worker.hold_back(pause); }

// The facts are for the server: "503, you wanted 204, I am at 203, one event behind".
result<Position> Runner::wait(Position position, std::chrono::microseconds timeout) {
  STELE_TRY(const bool reached, impl_->worker.waits().wait(position, timeout));
  const ProjectionStatus now = status();
  if (reached) return now.position;
  return Error(errc::timeout, "projection " + now.name + " has not come to position " +
                                  std::to_string(position.value()) + " in time")
      .with("projection", now.name)
      .with("wanted", position.value())
      .with("current", now.position.value())
      .with("behind_events", now.behind_events)
      .help("wait longer, or accept the older state");
}

std::uint64_t Runner::notify_at(Position position, std::function<void(result<Position>)> reached) {
  return impl_->worker.waits().notify_at(position, std::move(reached));
}
void Runner::cancel(std::uint64_t ticket) { impl_->worker.waits().cancel(ticket); }

std::unique_ptr<Watch> Runner::on_change(std::function<void(const ModelChange&)> changed) {
  return impl_->worker.listeners().add(std::move(changed));
}

}  // namespace stele
