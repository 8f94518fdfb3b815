// step_by_step.hpp - the scheduler of a simulated machine: what would be threads are jobs, and a seed says whose
// turn it is. Nothing runs by itself.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "io/background.hpp"
#include "io/simulated/seeded_random.hpp"

namespace stele::simulation {

class StepByStep final : public io::Background {
 public:
  std::unique_ptr<Job> add(std::string_view name, Step step) override {
    auto entry = std::make_unique<Entry>(*this, std::string(name), std::move(step));
    jobs_.push_back(entry.get());
    return entry;
  }

  // Lets one of the jobs do a piece of work. False: the one that was chosen had none.
  bool run_one(io::simulated::SeededRandom& random) {
    if (jobs_.empty()) return false;
    return jobs_[random.below(jobs_.size())]->step();
  }
  // The same of those with this name.
  bool run_one(std::string_view name) {
    const auto named = std::find_if(jobs_.begin(), jobs_.end(), [&](auto* job) { return job->name == name; });
    return named != jobs_.end() && (*named)->step();
  }
  // Until nobody has anything left to do, or `most` pieces are done.
  void run_all(int most = 1000) {
    for (bool any = true; any && most > 0; --most) {
      any = false;
      for (std::size_t i = 0; i < jobs_.size(); ++i) any = jobs_[i]->step() || any;
    }
  }

 private:
  struct Entry final : Job {
    Entry(StepByStep& of, std::string named, Step does)
        : owner(of), name(std::move(named)), step(std::move(does)) {}
    ~Entry() override { std::erase(owner.jobs_, this); }
    StepByStep& owner;
    std::string name;
    Step step;
  };
  std::vector<Entry*> jobs_;
};

}  // namespace stele::simulation
