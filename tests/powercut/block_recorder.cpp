// block_recorder.cpp - a block device as a file in FUSE: passes everything on to an image and records each write and
// each flush, in order. A loop device on it carries a real file system; who writes to /ctl puts a mark among the
// records, so that acknowledgements and blocks share one order. Replaying is tools/powercut.py's business.
//
//   block_recorder IMAGE LOG MOUNTPOINT
// Records: three little-endian 64-bit words, kind (1 write, 2 flush, 3 mark), offset or mark, length; then the bytes.
#define FUSE_USE_VERSION 31
#include <fcntl.h>
#include <fuse.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

int image = -1;
int records = -1;
off_t image_bytes = 0;

enum class Kind : std::uint64_t { write = 1, flush = 2, mark = 3 };

void record(Kind kind, std::uint64_t offset, const char* bytes, std::size_t length) {
  const std::array<std::uint64_t, 3> head = {static_cast<std::uint64_t>(kind), offset, length};
  if (::write(records, head.data(), sizeof head) != static_cast<ssize_t>(sizeof head)) std::abort();
  if (length > 0 && ::write(records, bytes, length) != static_cast<ssize_t>(length)) std::abort();
}

bool is_disk(const char* path) { return std::strcmp(path, "/disk") == 0; }
bool is_ctl(const char* path) { return std::strcmp(path, "/ctl") == 0; }

int attributes(const char* path, struct stat* into, fuse_file_info*) {
  std::memset(into, 0, sizeof *into);
  into->st_nlink = 1;
  if (std::strcmp(path, "/") == 0) {
    into->st_mode = S_IFDIR | 0755;
  } else if (is_disk(path)) {
    into->st_mode = S_IFREG | 0600;
    into->st_size = image_bytes;
    into->st_blocks = image_bytes / 512;
  } else if (is_ctl(path)) {
    into->st_mode = S_IFREG | 0600;
    into->st_size = 64;
  } else {
    return -ENOENT;
  }
  return 0;
}

int open_file(const char*, fuse_file_info* file) {
  file->direct_io = 1;
  return 0;
}

int read_file(const char* path, char* into, std::size_t count, off_t offset, fuse_file_info*) {
  if (!is_disk(path)) return 0;
  const auto got = ::pread(image, into, count, offset);
  return got < 0 ? -errno : static_cast<int>(got);
}

int write_file(const char* path, const char* bytes, std::size_t count, off_t offset, fuse_file_info*) {
  if (is_ctl(path)) {
    const std::string text(bytes, count);
    if (text.starts_with("ack="))
      record(Kind::mark, std::strtoull(text.c_str() + 4, nullptr, 10), nullptr, 0);
    return static_cast<int>(count);
  }
  record(Kind::write, static_cast<std::uint64_t>(offset), bytes, count);
  const auto written = ::pwrite(image, bytes, count, offset);
  return written < 0 ? -errno : static_cast<int>(written);
}

int flush_file(const char*, int, fuse_file_info*) {
  record(Kind::flush, 0, nullptr, 0);
  return 0;
}

int truncate_file(const char*, off_t, fuse_file_info*) { return 0; }

int allocate(const char*, int, off_t, off_t, fuse_file_info*) { return -EOPNOTSUPP; }

}  // namespace

int main(int count, char** words) {
  if (count != 4) {
    std::fputs("block_recorder IMAGE LOG MOUNTPOINT\n", stderr);
    return 2;
  }
  image = ::open(words[1], O_RDWR);
  records = ::open(words[2], O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
  if (image < 0 || records < 0) return 3;
  image_bytes = ::lseek(image, 0, SEEK_END);
  fuse_operations operations{};
  operations.getattr = attributes;
  operations.open = open_file;
  operations.read = read_file;
  operations.write = write_file;
  operations.fsync = flush_file;
  operations.truncate = truncate_file;
  operations.fallocate = allocate;
  // One thread: the order of the records is the order of the calls.
  std::array<char*, 4> arguments = {words[0], const_cast<char*>("-s"), const_cast<char*>("-f"), words[3]};
  return fuse_main(static_cast<int>(arguments.size()), arguments.data(), &operations, nullptr);
}
