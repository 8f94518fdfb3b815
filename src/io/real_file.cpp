// real_file.cpp - pread, pwritev, fdatasync: with the interrupted and the short call handled, once, here.
#include "io/real_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/assert.hpp"
#include "io/system_error.hpp"

namespace stele::io {

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

int Descriptor::release() { return std::exchange(number_, -1); }

namespace {

// Far below IOV_MAX, and enough that the system call no longer matters.
constexpr std::size_t pieces_per_call = 64;

class RealMapping final : public Mapping {
 public:
  RealMapping(void* memory, std::size_t size) : memory_(memory), size_(size) {}
  ~RealMapping() override {
    if (size_ > 0) ::munmap(memory_, size_);
  }
  RealMapping(const RealMapping&) = delete;
  RealMapping& operator=(const RealMapping&) = delete;
  [[nodiscard]] std::string_view bytes() const override { return {static_cast<const char*>(memory_), size_}; }
  void prefetch(std::size_t offset, std::size_t size) const override {
    STELE_ASSERT(offset <= size_ && size <= size_ - offset, "what is wanted is mapped", offset, size, size_);
    // Of a longer range the kernel would only read the beginning, and say nothing.
    for (std::size_t at = offset - offset % page_bytes; at < offset + size; at += read_at_once) {
      ::madvise(static_cast<char*>(memory_) + at, std::min(read_at_once, offset + size - at), MADV_WILLNEED);
    }
  }

 private:
  static constexpr std::size_t page_bytes = 4096;          // madvise wants the beginning of one
  static constexpr std::size_t read_at_once = 128u << 10;  // the smallest limit that a disk is likely to have

  void* memory_;
  std::size_t size_;
};

class RealFile final : public File {
 public:
  RealFile(std::filesystem::path path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto got =
          ::pread(fd(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (got == 0) break;
      if (got > 0) done += static_cast<std::size_t>(got);
      if (got < 0 && errno != EINTR) return system_error("read", path_, errno, Doing::reading);
    }
    return done;
  }

  result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    return write_at(offset, std::span(&bytes, 1));
  }

  result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    while (!pieces.empty()) {
      const auto some = pieces.first(std::min(pieces.size(), pieces_per_call));
      STELE_CHECK(write_some(offset, some));
      pieces = pieces.subspan(some.size());
    }
    return {};
  }

  result<void> sync_data() override {
    // Not repeated on EINTR or anything else: after one failure a second call reports success over lost
    // pages.
    if (::fdatasync(fd()) != 0) return system_error("sync", path_, errno);
    return {};
  }

  result<void> sync_all() override {
    if (::fsync(fd()) != 0) return system_error("sync", path_, errno);
    return {};
  }

  result<std::uint64_t> size() const override {
    struct stat info{};
    if (::fstat(fd(), &info) != 0) return system_error("look at", path_, errno, Doing::reading);
    return static_cast<std::uint64_t>(info.st_size);
  }

  result<void> resize(std::uint64_t bytes) override {
    int failed = 0;
    do failed = ::ftruncate(fd(), static_cast<off_t>(bytes));
    while (failed != 0 && errno == EINTR);
    if (failed != 0) return system_error("resize", path_, errno);
    return {};
  }

  result<void> allocate(std::uint64_t offset, std::uint64_t bytes) override {
    // Writes zeros itself on file systems that cannot reserve; tells its error by its value.
    int failed = 0;
    do failed = ::posix_fallocate(fd(), static_cast<off_t>(offset), static_cast<off_t>(bytes));
    while (failed == EINTR);
    if (failed != 0) return system_error("allocate", path_, failed);
    return {};
  }

  result<std::unique_ptr<Mapping>> map() const override {
    STELE_TRY(const auto bytes, size());
    const auto length = static_cast<std::size_t>(bytes);
    if (length == 0) return std::unique_ptr<Mapping>(std::make_unique<RealMapping>(nullptr, 0));
    void* memory = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, fd(), 0);
    if (memory == MAP_FAILED) return system_error("map", path_, errno, Doing::reading);
    // Look-ups go here and there: reading ahead would only evict what the log needs.
    ::madvise(memory, length, MADV_RANDOM);
    return std::unique_ptr<Mapping>(std::make_unique<RealMapping>(memory, length));
  }

  void drop_cache() override { ::posix_fadvise(fd(), 0, 0, POSIX_FADV_DONTNEED); }
  [[nodiscard]] const std::filesystem::path& path() const override { return path_; }

 private:
  [[nodiscard]] int fd() const { return descriptor_.number(); }

  // Moves `offset` behind what was written.
  result<void> write_some(std::uint64_t& offset, std::span<const std::string_view> pieces) {
    std::array<iovec, pieces_per_call> parts;
    STELE_ASSERT(pieces.size() <= parts.size(), "pieces fit one call", pieces.size());
    std::transform(pieces.begin(), pieces.end(), parts.begin(), [](std::string_view piece) {
      return iovec{const_cast<char*>(piece.data()), piece.size()};  // pwritev only reads
    });
    std::span<iovec> left(parts.data(), pieces.size());
    while (skip_written(left, 0)) {
      const auto put =
          ::pwritev(fd(), left.data(), static_cast<int>(left.size()), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return system_error("write", path_, errno);
      if (put == 0) return system_error("write", path_, ENOSPC);
      offset += static_cast<std::uint64_t>(put);
      skip_written(left, static_cast<std::size_t>(put));
    }
    return {};
  }

  // False when nothing is left.
  static bool skip_written(std::span<iovec>& left, std::size_t count) {
    while (!left.empty() && count >= left.front().iov_len) {
      count -= left.front().iov_len;
      left = left.subspan(1);
    }
    if (left.empty()) return false;
    left.front().iov_base = static_cast<char*>(left.front().iov_base) + count;
    left.front().iov_len -= count;
    return true;
  }

  std::filesystem::path path_;
  Descriptor descriptor_;
};

}  // namespace

std::unique_ptr<File> make_real_file(std::filesystem::path path, Descriptor descriptor) {
  STELE_ASSERT(descriptor.is_open(), "a file has a descriptor", path.string());
  return std::make_unique<RealFile>(std::move(path), std::move(descriptor));
}

}  // namespace stele::io
