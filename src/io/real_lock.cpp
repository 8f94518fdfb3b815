// real_lock.cpp - one holder per lock file, in this process and all others. Both kinds of lock are taken:
// flock excludes everywhere a local file system is, the open-file-description lock also where flock is
// emulated.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>

#include "io/real_disk.hpp"
#include "io/real_file.hpp"
#include "io/system_error.hpp"
#include "stele/types.hpp"

namespace stele::io {
namespace {

class RealLock final : public Lock {
 public:
  explicit RealLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;  // closing it ends both locks; the file stays, or two holders could hold two files
};

// The word behind `name` in "pid 123 since 2026-…", or "unknown".
std::string word_after(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  if (at == std::string_view::npos) return "unknown";
  auto word = text.substr(at + name.size());
  return std::string(word.substr(0, word.find_first_of(" \n")));
}

Error held(const std::filesystem::path& path, int descriptor) {
  std::array<char, 128> text{};
  const auto got = ::pread(descriptor, text.data(), text.size(), 0);
  const std::string_view holder(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  auto pid = word_after(holder, "pid ");
  auto message = path.string() + " is held by process " + pid;
  return Error(errc::busy, std::move(message))
      .with("path", path.string())
      .with("pid", std::move(pid))
      .with("since", word_after(holder, "since "))
      .help("stop that process, or open the store read-only");
}

bool take_both(int descriptor) {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return false;
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return ::fcntl(descriptor, F_OFD_SETLK, &whole) == 0;
}

}  // namespace

result<std::unique_ptr<Lock>> take_real_lock(const std::filesystem::path& path) {
  Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!descriptor.is_open()) return system_error("open", path, errno);
  if (!take_both(descriptor.number())) {
    if (errno == EWOULDBLOCK || errno == EAGAIN || errno == EACCES) return held(path, descriptor.number());
    return system_error("lock", path, errno);
  }
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto text = "pid " + std::to_string(::getpid()) + " since " + to_string(now) + "\n";
  // Only for the message to others: whether it can be written does not decide who holds the lock.
  if (::ftruncate(descriptor.number(), 0) == 0) {
    [[maybe_unused]] const auto put = ::pwrite(descriptor.number(), text.data(), text.size(), 0);
  }
  return std::unique_ptr<Lock>(std::make_unique<RealLock>(std::move(descriptor)));
}

}  // namespace stele::io
