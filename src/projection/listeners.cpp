// listeners.cpp - telling about changes, with registrations that may end at any moment.
#include "projection/listeners.hpp"

#include <utility>
#include <vector>

namespace stele::projection {

class Listeners::Registration final : public Watch {
 public:
  Registration(std::shared_ptr<Listeners> list, std::shared_ptr<Changed> entry)
      : list_(std::move(list)), entry_(std::move(entry)) {}
  ~Registration() override { list_->remove(entry_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  std::shared_ptr<Listeners> list_;
  std::shared_ptr<Changed> entry_;
};

std::unique_ptr<Watch> Listeners::add(Changed changed) {
  auto entry = std::make_shared<Changed>(std::move(changed));
  const std::lock_guard lock(mutex_);
  entries_.push_back(entry);
  return std::make_unique<Registration>(shared_from_this(), std::move(entry));
}

void Listeners::remove(const std::shared_ptr<Changed>& entry) {
  const std::lock_guard lock(mutex_);
  entries_.remove(entry);
  // A registration that ends another one's in a callback: that one must not run in this round any more. The
  // running callback itself is kept alive by its round.
  *entry = nullptr;
}

// Over a copy, since callbacks may add and remove; each is called through a copy of its own, which lives on
// when the callback ends its registration.
void Listeners::tell(const ModelChange& change) {
  const std::lock_guard lock(mutex_);
  const std::vector<std::shared_ptr<Changed>> round(entries_.begin(), entries_.end());
  for (const auto& entry : round)
    if (const Changed call = *entry) call(change);
}

}  // namespace stele::projection
