// real_disk.cpp - directories and names of the operating system.
#include "io/real_disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "io/real_file.hpp"
#include "io/system_error.hpp"

namespace stele::io {
namespace {

namespace fs = std::filesystem;

int flags_of(Mode mode) {
  switch (mode) {
    case Mode::read:
      return O_RDONLY | O_CLOEXEC;
    case Mode::write:
      return O_RDWR | O_CLOEXEC;
    case Mode::create:
      return O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL;
  }
  return O_RDONLY | O_CLOEXEC;
}

// "" is the directory we stand in; the system wants it named.
fs::path named(const fs::path& directory) { return directory.empty() ? fs::path(".") : directory; }

class RealDirectory final : public Directory {
 public:
  RealDirectory(fs::path path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}
  result<void> sync() override {
    if (::fsync(descriptor_.number()) != 0) return system_error("sync directory", path_, errno);
    return {};
  }

 private:
  fs::path path_;
  Descriptor descriptor_;
};

class RealDisk final : public Disk {
 public:
  result<std::unique_ptr<File>> open(const fs::path& path, Mode mode) override {
    Descriptor descriptor(::open(path.c_str(), flags_of(mode), 0640));
    if (!descriptor.is_open()) {
      return system_error(mode == Mode::create ? "create" : "open", path, errno, Doing::reading);
    }
    return make_real_file(path, std::move(descriptor));
  }

  result<std::vector<std::string>> list(const fs::path& directory) override {
    std::error_code failed;
    std::vector<std::string> names;
    for (fs::directory_iterator it(named(directory), failed), end; !failed && it != end;
         it.increment(failed)) {
      names.push_back(it->path().filename().string());
    }
    if (failed) return system_error("list", directory, failed.value(), Doing::reading);
    std::sort(names.begin(), names.end());
    return names;
  }

  result<bool> exists(const fs::path& path) override {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return system_error("look at", path, errno, Doing::reading);
  }

  result<void> make_directory(const fs::path& path) override {
    std::error_code failed;
    fs::create_directories(path, failed);
    if (failed) return system_error("make directory", path, failed.value());
    return {};
  }

  result<void> rename(const fs::path& from, const fs::path& to) override {
    if (std::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from, errno);
    return {};
  }

  result<void> remove(const fs::path& path) override {
    if (::unlink(path.c_str()) != 0) return system_error("remove", path, errno);
    return {};
  }

  result<void> sync_directory(const fs::path& path) override {
    STELE_TRY(const auto directory, open_directory(path));
    return directory->sync();
  }

  result<std::unique_ptr<Directory>> open_directory(const fs::path& path) override {
    Descriptor descriptor(::open(named(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!descriptor.is_open()) return system_error("open directory", path, errno);
    return std::unique_ptr<Directory>(std::make_unique<RealDirectory>(path, std::move(descriptor)));
  }

  result<std::unique_ptr<Lock>> lock(const fs::path& path) override { return take_real_lock(path); }

  result<std::uint64_t> free_bytes(const fs::path& path) override {
    struct statvfs info{};
    if (::statvfs(named(path).c_str(), &info) != 0)
      return system_error("look at", path, errno, Doing::reading);
    return std::uint64_t{info.f_bavail} * info.f_frsize;
  }

  result<std::unique_ptr<SharedPage>> shared_page(const fs::path& path, bool writable) override {
    return map_real_page(path, writable);
  }
};

}  // namespace

std::unique_ptr<Disk> make_real_disk() { return std::make_unique<RealDisk>(); }

}  // namespace stele::io
