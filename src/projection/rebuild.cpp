// rebuild.cpp - build to the head, meet the serving model at one position, compare, switch.
#include "projection/rebuild.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/assert.hpp"

namespace stele::projection {
namespace {

constexpr std::size_t examples_per_table = 5;
constexpr std::size_t build_batch = 1'024;  // where events are applied with care, and at the head

Error no_second_model(const std::string& name) {
  return Error(errc::invalid, name + ": its target holds one model only, there is nothing to switch to")
      .with("projection", name);
}

Error already_building(const std::string& name) {
  return Error(errc::conflict, name + ": a rebuild is running")
      .with("projection", name)
      .help("wait until it has ended, or discard it");
}

Error ended_meanwhile(const std::string& name) {
  return Error(errc::unavailable, name + ": stopped before the other model could serve")
      .with("projection", name)
      .help("start the projection again; a build goes on where it ended");
}

bool all_same(const std::vector<TableComparison>& tables) {
  return std::ranges::all_of(tables, &TableComparison::same);
}

}  // namespace

// ---- From outside

result<void> Rebuild::reserve(bool for_build) {
  std::unique_lock lock(mutex_);
  if (running_) return already_building(serving_.target().name());
  if (stopped_) return ended_meanwhile(serving_.target().name());
  if (thread_.joinable()) thread_.join();  // it has ended
  running_ = true;
  shown_ = for_build;
  state_ = RebuildState::building;
  reason_.clear();
  failure_.reset();
  outcome_.reset();
  comparison_.clear();
  builder_.reset();
  return {};
}

// The model is opened by the serving thread: in standby that is refused, and nobody else touches the files.
result<void> Rebuild::begin(const RebuildOptions& options) {
  if (!serving_.target().side_by_side()) return no_second_model(serving_.target().name());
  STELE_CHECK(reserve(true));
  const Task task{options};
  std::shared_ptr<ProjectionTarget> target;
  if (auto opened = open_target(task, target); !opened) {
    give_back(opened.error());
    return opened;
  }
  launch(task, std::move(target));
  return {};
}

void Rebuild::resume() {
  SideBySide* beside = serving_.target().side_by_side();
  const auto options = beside ? beside->building() : std::nullopt;
  if (options && reserve(true)) launch(Task{*options}, nullptr);
}

result<void> Rebuild::swap() {
  SideBySide* beside = serving_.target().side_by_side();
  if (!beside) return no_second_model(serving_.target().name());
  auto options = beside->building();
  if (!options)
    return Error(errc::not_found, serving_.target().name() + ": no other model has been built")
        .with("projection", serving_.target().name())
        .help("begin a rebuild first");
  STELE_CHECK(reserve(true));
  options->swap = true;
  launch(Task{.options = *options, .whatever_differs = true}, nullptr);
  return wait_until_done();
}

result<void> Rebuild::roll_back() {
  if (!serving_.target().side_by_side()) return no_second_model(serving_.target().name());
  STELE_CHECK(reserve(false));
  launch(Task{.options = {}, .from_previous = true}, nullptr);
  return wait_until_done();
}

result<void> Rebuild::discard() {
  SideBySide* beside = serving_.target().side_by_side();
  if (!beside) return no_second_model(serving_.target().name());
  stop();
  allow();
  {
    const std::lock_guard lock(mutex_);
    builder_.reset();
    shown_ = false;
  }
  return on_serving_([beside] { return beside->discard(); });
}

void Rebuild::allow() {
  const std::lock_guard lock(mutex_);
  stopped_ = false;
}

// The thread is joined without the lock: it needs the lock to end.
void Rebuild::stop() {
  std::thread ending;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (builder_) builder_->request_stop();
    ending = std::move(thread_);
  }
  if (ending.joinable()) ending.join();
}

result<void> Rebuild::wait_until_done() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return !running_; });
  if (failure_) return *failure_;
  return {};
}

// ---- On the thread of the build

void Rebuild::launch(const Task& task, std::shared_ptr<ProjectionTarget> target) {
  const std::lock_guard lock(mutex_);
  began_ = Worker::Clock::now();
  STELE_ASSERT(running_ && !thread_.joinable(), "one build at a time", serving_.target().name());
  thread_ = std::thread([this, task, target = std::move(target)] { run(task, target); });
}

result<void> Rebuild::open_target(const Task& task, std::shared_ptr<ProjectionTarget>& target) {
  SideBySide* beside = serving_.target().side_by_side();
  return on_serving_([&]() -> result<void> {
    auto opened = task.from_previous ? beside->previous() : beside->build(task.options);
    if (!opened) return opened.error();
    target = *std::move(opened);
    return {};
  });
}

void Rebuild::run(const Task& task, std::shared_ptr<ProjectionTarget> target) {
  result<void> done;
  try {
    if (!target) done = open_target(task, target);
    if (done) done = build(task, target);
  } catch (const std::exception& thrown) {
    done = Error(errc::unavailable, serving_.target().name() + ": the rebuild ended: " + thrown.what());
  }
  const std::lock_guard lock(mutex_);
  if (!done) {
    failure_ = done.error();
    if (!stopped_) state_ = RebuildState::failed;
    reason_ = done.error().to_string();
  }
  // Neither waiting for somebody nor failed: the other model serves, and there is nothing to show any more.
  if (done && !outcome_) shown_ = false;
  if (outcome_) state_ = *outcome_;
  builder_.reset();
  running_ = false;
  ended_.notify_all();
}

result<void> Rebuild::build(const Task& task, const std::shared_ptr<ProjectionTarget>& target) {
  RunnerOptions options = serving_.options();
  options.batch = std::min(task.options.batch, build_batch);
  options.catch_up_batch = task.options.batch;
  options.hold_back = {};
  const auto builder =
      std::make_shared<Worker>(serving_.store(), target, options, Worker::Life::ends_at_the_head);
  builder->rearm();
  STELE_TRY(const Checkpoint from, target->checkpoint());
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return ended_meanwhile(target->name());
    builder_ = builder;
    began_at_ = from.position;
  }
  for (bool met = false; !met;) {
    STELE_CHECK(builder->live());
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return ended_meanwhile(target->name());
    }
    STELE_CHECK(on_serving_([&]() -> result<void> {
      met = meet(*builder);
      return met ? take_over(task, *target, *builder) : result<void>();
    }));
  }
  return {};
}

// On the serving thread, so nothing is applied meanwhile: the few events that the other one lacks. Trouble with them is
// for the thread of the build, which waits for nobody's sake: false.
bool Rebuild::meet(Worker& builder) {
  const Position there = serving_.at().position;
  return builder.at().position >= there || builder.reach(there).has_value();
}

// On the serving thread, too. Where they are compared, both stand at one position.
result<void> Rebuild::take_over(const Task& task, ProjectionTarget& target, Worker& builder) {
  STELE_ASSERT(builder.at().position >= serving_.at().position, "what takes over lacks nothing",
               builder.at().position.value(), serving_.at().position.value());
  if (task.options.compare && !task.whatever_differs) {
    STELE_TRY(const bool same, compare(target, builder));
    if (!same) return wait_for_somebody(RebuildState::different);
  }
  if (!task.options.swap) return wait_for_somebody(RebuildState::ready);
  STELE_CHECK(serving_.target().side_by_side()->swap(target));
  serving_.adopt_swapped(builder);
  return {};
}

result<bool> Rebuild::compare(ProjectionTarget& target, Worker& builder) {
  if (serving_.at().position < builder.at().position) STELE_CHECK(serving_.catch_up(builder.at().position));
  STELE_TRY(auto tables, serving_.target().side_by_side()->compare(target, examples_per_table));
  const bool same = all_same(tables);
  const std::lock_guard lock(mutex_);
  comparison_ = std::move(tables);
  return same;
}

// It shows when the thread has ended, so that whoever sees it can go on at once.
result<void> Rebuild::wait_for_somebody(RebuildState outcome) {
  const std::lock_guard lock(mutex_);
  outcome_ = outcome;
  return {};
}

void Rebuild::give_back(const Error& why) {
  const std::lock_guard lock(mutex_);
  state_ = RebuildState::failed;
  reason_ = why.to_string();
  running_ = false;
}

// ---- Asking

std::optional<RebuildStatus> Rebuild::status() const {
  std::shared_ptr<Worker> builder;
  RebuildStatus status;
  Position began_at;
  Worker::Clock::time_point began;
  {
    const std::lock_guard lock(mutex_);
    if (!shown_) return std::nullopt;
    status.state = state_;
    status.reason = reason_;
    status.comparison = comparison_;
    builder = builder_;
    began_at = began_at_;
    began = began_;
  }
  if (!builder) return status;
  const ProjectionStatus at = builder->status();
  status.position = at.position;
  status.head = at.head;
  status.applied = at.applied;
  status.parked = at.parked;
  status.events_per_second = at.events_per_second;
  if (at.position > began_at) {
    const double share = static_cast<double>(at.head.value() - at.position.value()) /
                         static_cast<double>(at.position.value() - began_at.value());
    status.remaining = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(Worker::Clock::now() - began) * share);
  }
  return status;
}

}  // namespace stele::projection
