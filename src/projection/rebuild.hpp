// rebuild.hpp - a second model of one projection, built beside the one that serves, and the switch between them. The
// building is done by a worker of its own; the switch is a job on the thread of the one that serves.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "projection/worker.hpp"

namespace stele::projection {

// Threading: any; one build at a time.
class Rebuild {
 public:
  // Runs a job on the serving worker's thread, or where there is none, and answers it.
  using OnServing = std::function<result<void>(const Worker::Job&)>;
  Rebuild(Worker& serving, OnServing on_serving) : serving_(serving), on_serving_(std::move(on_serving)) {}
  ~Rebuild() { stop(); }
  Rebuild(const Rebuild&) = delete;
  Rebuild& operator=(const Rebuild&) = delete;

  result<void> begin(const RebuildOptions& options);
  // What a killed process has left goes on. From the serving thread; returns at once.
  void resume();
  // These return when it is done.
  result<void> swap();
  result<void> roll_back();
  result<void> discard();

  [[nodiscard]] std::optional<RebuildStatus> status() const;
  void allow();
  // Ends the thread; what was built stays, to be gone on with.
  void stop();

 private:
  struct Task {
    RebuildOptions options;
    bool from_previous = false;
    bool whatever_differs = false;  // somebody has decided
  };
  result<void> reserve(bool for_build);
  void launch(const Task& task, std::shared_ptr<ProjectionTarget> target);
  result<void> open_target(const Task& task, std::shared_ptr<ProjectionTarget>& target);
  void run(const Task& task, std::shared_ptr<ProjectionTarget> target);
  result<void> build(const Task& task, const std::shared_ptr<ProjectionTarget>& target);
  bool meet(Worker& builder);
  result<void> take_over(const Task& task, ProjectionTarget& target, Worker& builder);
  result<bool> compare(ProjectionTarget& target, Worker& builder);
  result<void> wait_for_somebody(RebuildState outcome);
  void give_back(const Error& why);  // a reservation that came to nothing
  result<void> wait_until_done();

  Worker& serving_;
  const OnServing on_serving_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::thread thread_;
  bool running_ = false;
  bool stopped_ = false;
  bool shown_ = false;  // there is a status to be shown
  std::shared_ptr<Worker> builder_;
  RebuildState state_ = RebuildState::building;
  std::optional<RebuildState> outcome_;  // of the build that runs, unless its model serves
  std::string reason_;
  std::optional<Error> failure_;
  std::vector<TableComparison> comparison_;
  Position began_at_;
  Worker::Clock::time_point began_;
};

// What building `serving`'s model anew would take.
[[nodiscard]] result<RebuildEstimate> estimate(Worker& serving);

}  // namespace stele::projection
