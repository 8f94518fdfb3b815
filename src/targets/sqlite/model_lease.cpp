// model_lease.cpp - flock, with the holder's process id in the file for whoever is refused.
#include "targets/sqlite/model_lease.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/assert.hpp"

namespace stele::targets {
namespace {

std::string holder_in(int lock) {
  std::array<char, 32> text{};
  const ssize_t read = ::pread(lock, text.data(), text.size(), 0);
  std::string holder(text.data(), read > 0 ? static_cast<std::size_t>(read) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "unknown" : holder;
}

}  // namespace

result<void> ModelLease::take() {
  if (lock_ >= 0) return {};
  const int opened = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (opened < 0)
    return Error(errc::denied, file_.string() + ": cannot be opened: " + std::strerror(errno))
        .with("path", file_.string());
  if (::flock(opened, LOCK_EX | LOCK_NB) != 0) {
    const std::string holder = holder_in(opened);
    ::close(opened);
    return Error(errc::busy, "process " + holder + " keeps this model up to date")
        .with("holder", holder)
        .with("path", file_.string())
        .help("this one takes over when that one ends");
  }
  // Only for messages, so a failure is no reason to refuse.
  const std::string mine = std::to_string(::getpid()) + "\n";
  if (::ftruncate(opened, 0) == 0) (void)(::pwrite(opened, mine.data(), mine.size(), 0) > 0);
  lock_ = opened;
  STELE_ASSERT(lock_ >= 0, "a lease that was taken is held", file_);
  return {};
}

// Closing the only descriptor ends the lock.
void ModelLease::release() {
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
}

}  // namespace stele::targets
