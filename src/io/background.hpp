// background.hpp - work that goes on beside the callers: committing, filling, sealing. On a real machine each has a
// thread of its own and nothing of this is used; a simulator does the work itself, a step at a time, so that a seed
// decides who comes when. Not a thread pool.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace stele::io {

class Background {
 public:
  // One piece of what waits to be done; false: nothing did. Never waits for another step or for a caller.
  using Step = std::function<bool()>;

  // What was added, until this is destroyed; by then no step of it runs.
  class Job {
   public:
    virtual ~Job() = default;
  };

  virtual ~Background() = default;
  virtual std::unique_ptr<Job> add(std::string_view name, Step step) = 0;
};

}  // namespace stele::io
