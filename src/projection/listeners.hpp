// listeners.hpp - who wants to hear about committed changes. Registration ends with the Watch it returns.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "stele/projection.hpp"

namespace stele::projection {

// Threading: any. A Watch may be destroyed in its own callback; elsewhere its destructor waits until a
// callback in progress has returned.
class Listeners : public std::enable_shared_from_this<Listeners> {
 public:
  using Changed = std::function<void(const ModelChange&)>;
  [[nodiscard]] std::unique_ptr<Watch> add(Changed changed);
  void tell(const ModelChange& change);

 private:
  class Registration;
  void remove(const std::shared_ptr<Changed>& entry);
  std::recursive_mutex mutex_;  // held while telling: that is what a destructor waits for
  std::list<std::shared_ptr<Changed>> entries_;
};

}  // namespace stele::projection
