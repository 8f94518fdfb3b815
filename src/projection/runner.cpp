// runner.cpp - a runner from outside: start, stop, wait, ask. What its thread does is worker.cpp.
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "projection/rebuild.hpp"
#include "projection/trial.hpp"
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
    case ProjectionState::paused:
      return "paused";
    case ProjectionState::standby:
      return "standby";
  }
  return "unknown";
}

std::string_view to_string(ParkedEvent::State state) {
  switch (state) {
    case ParkedEvent::State::failed:
      return "failed";
    case ParkedEvent::State::waiting:
      return "waiting";
    case ParkedEvent::State::skipped:
      return "skipped";
  }
  return "unknown";
}

std::string_view to_string(RebuildState state) {
  switch (state) {
    case RebuildState::building:
      return "building";
    case RebuildState::ready:
      return "ready";
    case RebuildState::different:
      return "different";
    case RebuildState::failed:
      return "failed";
  }
  return "unknown";
}

struct Runner::Impl {
  Impl(EventStore& store, std::shared_ptr<ProjectionTarget> target, RunnerOptions options)
      : worker(store, std::move(target), std::move(options)),
        rebuild(worker, [this](const projection::Worker::Job& job) { return between_batches(job); }) {
    worker.when_working([this] { rebuild.resume(); });
  }

  // Where there is no thread, nobody can start one while this runs.
  result<void> between_batches(const projection::Worker::Job& job) {
    const std::lock_guard lock(control);
    result<void> answer;
    if (worker.between_batches(job, answer)) return answer;
    if (thread.joinable()) thread.join();
    return worker.without_thread(job);
  }

  // An event that is parked has been passed but is not in the model: that is no "visible".
  result<Position> visible(Position wanted, Position now) const {
    if (!worker.parked().lacks(wanted)) return now;
    return Error(errc::unavailable, "projection " + worker.target().name() + ": event " +
                                        std::to_string(wanted.value()) + " is parked")
        .with("projection", worker.target().name())
        .with("position", wanted.value())
        .help("the list of parked events says why; retry it when the cause is gone");
  }

  mutable projection::Worker worker;
  std::mutex control;  // start, stop and jobs, one at a time
  std::thread thread;
  projection::Rebuild rebuild;
};

Runner::Runner(EventStore& store, std::shared_ptr<ProjectionTarget> target, RunnerOptions options)
    : impl_(std::make_unique<Impl>(store, std::move(target), std::move(options))) {}

Runner::~Runner() { stop(); }

// A thread that failed has ended but is still to be joined; one that runs is left alone.
void Runner::start() {
  const std::lock_guard lock(impl_->control);
  if (impl_->thread.joinable()) {
    if (impl_->worker.alive()) return;
    impl_->thread.join();
  }
  impl_->rebuild.allow();
  impl_->worker.rearm();
  impl_->thread = std::thread([worker = &impl_->worker] { worker->run(); });
}

// The build first, since it may want something of the worker. The waits are closed by the worker as its last act, so
// none is left when this returns.
void Runner::stop() {
  impl_->rebuild.stop();
  const std::lock_guard lock(impl_->control);
  if (!impl_->thread.joinable()) return;
  impl_->worker.request_stop();
  impl_->thread.join();
}

void Runner::pause(std::string reason) { impl_->worker.pause(std::move(reason)); }
void Runner::resume() { impl_->worker.resume(); }

ProjectionStatus Runner::status() const {
  ProjectionStatus status = impl_->worker.status();
  status.rebuild = impl_->rebuild.status();
  const SideBySide* beside = impl_->worker.target().side_by_side();
  status.can_roll_back = beside && beside->has_previous();
  return status;
}

Position Runner::position() const { return impl_->worker.waits().position(); }
LatencyHistogram Runner::latency() const { return impl_->worker.timeline().visible; }
Timeline Runner::timeline() const { return impl_->worker.timeline(); }
std::vector<ApplyTime> Runner::apply_times() const { return impl_->worker.apply_times(); }
ProjectionTarget& Runner::target() const { return impl_->worker.target(); }
bool Runner::synchronous() const { return impl_->worker.options().synchronous; }
bool Runner::is_this_thread() const { return impl_->worker.is_this_thread(); }
void Runner::hold_back(std::chrono::microseconds pause) { impl_->worker.hold_back(pause); }

// ---- Parked events

result<std::vector<ParkedEvent>> Runner::parked() { return impl_->worker.parked().list(); }

result<std::uint64_t> Runner::retry(Position parked) {
  std::uint64_t applied = 0;
  STELE_CHECK(impl_->between_batches([&]() -> result<void> {
    STELE_TRY(applied, impl_->worker.retry_parked(parked));
    return {};
  }));
  return applied;
}

result<std::uint64_t> Runner::skip(Position event, const std::string& reason) {
  std::uint64_t applied = 0;
  STELE_CHECK(impl_->between_batches([&]() -> result<void> {
    STELE_TRY(applied, impl_->worker.skip_event(event, reason));
    return {};
  }));
  return applied;
}

// ---- Appends

namespace {

Error on_its_own_thread(const std::string& name) {
  return Error(errc::invalid, "projection " + name + " cannot wait for itself").with("projection", name);
}

std::string does_not_run(const ProjectionStatus& status) {
  return status.reason.empty() ? "does not run" : "does not run: " + status.reason;
}

}  // namespace

result<Position> Runner::try_out(const AppendRequest& request) {
  const std::string& name = target().name();
  if (is_this_thread()) return on_its_own_thread(name);
  if (!target().trial()) return projection::cannot_be_tried(name);
  STELE_CHECK(projection::check_writes(request));
  if (impl_->worker.alive()) STELE_CHECK(impl_->worker.lets_appends_through());
  std::optional<result<Position>> tried;
  result<void> job;
  const auto try_it = [&]() -> result<void> {
    tried = impl_->worker.try_out(request);
    return {};
  };
  if (!impl_->worker.between_batches(try_it, job))
    return projection::lets_nothing_through(name, does_not_run(status()), "start it");
  if (tried) return *std::move(tried);
  return projection::lets_nothing_through(name, "cannot be asked: " + job.error().message(),
                                          job.error().help());
}

result<void> Runner::show(const AppendResult& appended) {
  const std::string& name = target().name();
  if (is_this_thread()) return on_its_own_thread(name);
  std::optional<result<void>> shown;
  result<void> job;
  const auto show_it = [&]() -> result<void> {
    shown = impl_->worker.show(appended);
    return {};
  };
  if (!impl_->worker.between_batches(show_it, job))
    return projection::not_shown(name, appended, "it " + does_not_run(status()));
  return shown ? *std::move(shown) : projection::not_shown(name, appended, job.error().message());
}

// ---- Rebuild

result<void> Runner::rebuild(RebuildOptions options) {
  if (options.batch == 0) return Error(errc::invalid, "a rebuild needs batches of at least one event");
  return impl_->rebuild.begin(options);
}
result<RebuildEstimate> Runner::estimate_rebuild() { return projection::estimate(impl_->worker); }
result<void> Runner::swap() { return impl_->rebuild.swap(); }
result<void> Runner::rollback() { return impl_->rebuild.roll_back(); }
result<void> Runner::discard_rebuild() { return impl_->rebuild.discard(); }

// ---- Waiting

// The facts are for the server: "503, you wanted 204, I am at 203, one event behind".
result<Position> Runner::wait(Position position, std::chrono::microseconds timeout) {
  STELE_TRY(const bool reached, impl_->worker.waits().wait(position, timeout));
  const ProjectionStatus now = status();
  if (reached) return impl_->visible(position, now.position);
  return Error(errc::timeout, "projection " + now.name + " has not come to position " +
                                  std::to_string(position.value()) + " in time")
      .with("projection", now.name)
      .with("wanted", position.value())
      .with("current", now.position.value())
      .with("behind_events", now.behind_events)
      .help("wait longer, or accept the older state");
}

std::uint64_t Runner::notify_at(Position position, std::function<void(result<Position>)> reached) {
  return impl_->worker.waits().notify_at(
      position, [impl = impl_.get(), position, reached = std::move(reached)](const result<Position>& at) {
        reached(at ? impl->visible(position, *at) : at);
      });
}
void Runner::cancel(std::uint64_t ticket) { impl_->worker.waits().cancel(ticket); }

std::unique_ptr<Watch> Runner::on_change(std::function<void(const ModelChange&)> changed) {
  return impl_->worker.listeners().add(std::move(changed));
}

}  // namespace stele
