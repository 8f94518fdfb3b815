// real_page.cpp - a file's first page mapped and shared, with a futex in it.
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <ctime>

#include "base/assert.hpp"
#include "io/real_disk.hpp"
#include "io/real_file.hpp"
#include "io/system_error.hpp"

namespace stele::io {
namespace {

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

class RealPage final : public SharedPage {
 public:
  RealPage(void* memory, bool writable) : words_(static_cast<std::uint64_t*>(memory)), writable_(writable) {}
  ~RealPage() override { ::munmap(words_, bytes); }
  RealPage(const RealPage&) = delete;
  RealPage& operator=(const RealPage&) = delete;

  [[nodiscard]] std::uint64_t load(std::size_t word) const override {
    STELE_ASSERT(word < words, "the word is inside the page", word);
    return std::atomic_ref(words_[word]).load(std::memory_order_acquire);
  }

  void store(std::size_t word, std::uint64_t value) override {
    STELE_ASSERT(word < words && writable_, "the word is inside a writable page", word, writable_);
    std::atomic_ref(words_[word]).store(value, std::memory_order_release);
  }

  void notify() override {
    if (writable_) std::atomic_ref(*bell()).fetch_add(1, std::memory_order_acq_rel);
    ::syscall(SYS_futex, bell(), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }

  [[nodiscard]] std::uint32_t sequence() const override {
    return std::atomic_ref(*bell()).load(std::memory_order_acquire);
  }

  bool wait(std::uint32_t seen, std::chrono::microseconds timeout) const override {
    if (sequence() != seen) return true;
    if (timeout.count() <= 0) return false;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(timeout);
    const timespec limit{.tv_sec = static_cast<time_t>(seconds.count()),
                         .tv_nsec = static_cast<long>(std::chrono::nanoseconds(timeout - seconds).count())};
    // One wait: a signal or a wake() ends it early, and the caller looks again anyway.
    ::syscall(SYS_futex, bell(), FUTEX_WAIT, seen, &limit, nullptr, 0);
    return sequence() != seen;
  }

 private:
  [[nodiscard]] std::uint32_t* bell() const { return reinterpret_cast<std::uint32_t*>(words_ + words); }

  std::uint64_t* words_;
  bool writable_;
};

// A short page is made whole by a writer. Zeros are written, not punched: a store through the mapping into a
// hole on a full disk would kill the process.
result<void> make_whole(const std::filesystem::path& path, int descriptor, std::uint64_t size) {
  static constexpr std::array<char, SharedPage::bytes> zeros{};
  if (size >= SharedPage::bytes) return {};
  const auto left = SharedPage::bytes - static_cast<std::size_t>(size);
  const auto put = ::pwrite(descriptor, zeros.data(), left, static_cast<off_t>(size));
  if (put < 0) return system_error("write", path, errno);
  if (static_cast<std::size_t>(put) != left) return system_error("write", path, ENOSPC);
  // Blocks that are merely promised (delayed allocation) must exist before the page is mapped.
  if (::fdatasync(descriptor) != 0) return system_error("sync", path, errno);
  return {};
}

}  // namespace

result<std::unique_ptr<SharedPage>> map_real_page(const std::filesystem::path& path, bool writable) {
  const Descriptor file(::open(path.c_str(), (writable ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0640));
  if (!file.is_open()) return system_error("open", path, errno, Doing::reading);
  struct stat info{};
  if (::fstat(file.number(), &info) != 0) return system_error("look at", path, errno, Doing::reading);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (writable) STELE_CHECK(make_whole(path, file.number(), size));
  if (!writable && size < SharedPage::bytes) {
    return Error(errc::not_found, path.string() + " is not a whole page yet").with("path", path.string());
  }
  void* memory = ::mmap(nullptr, SharedPage::bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
                        file.number(), 0);
  if (memory == MAP_FAILED) return system_error("map", path, errno, Doing::reading);
  return std::unique_ptr<SharedPage>(std::make_unique<RealPage>(memory, writable));
}

}  // namespace stele::io
