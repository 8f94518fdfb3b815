// watched_disk.hpp - a disk that tells somebody before each change and during each sync: the moments at which the power
// can go, and at which other callers can come. Everything else is the simulated disk below it.
#pragma once

#include <filesystem>
#include <memory>

#include "io/disk.hpp"

namespace stele::simulation {

class DiskWatcher {
 public:
  virtual ~DiskWatcher() = default;
  virtual void before_change(const std::filesystem::path& path) = 0;
  // The bytes of a file are on their way: `end` is where its last write ended.
  virtual void during_sync(const std::filesystem::path& path, std::uint64_t end) = 0;
};

// What a disk says it has done, and has not: no engine can be right on one of these, so whoever looks for faults must
// find them.
enum class Lie : std::uint8_t {
  none,
  no_sync,            // syncs of files do nothing
  late_sync,          // each does what the one before it should have done
  no_directory_sync,  // names are never synced
};

class WatchedDisk final : public io::Disk {
 public:
  WatchedDisk(io::Disk& inner, DiskWatcher& watcher, Lie lie = Lie::none)
      : inner_(inner), watcher_(watcher), lie_(lie) {}

  result<std::unique_ptr<io::File>> open(const std::filesystem::path& path, io::Mode mode) override;
  result<std::vector<std::string>> list(const std::filesystem::path& directory) override {
    return inner_.list(directory);
  }
  result<bool> exists(const std::filesystem::path& path) override { return inner_.exists(path); }
  result<void> make_directory(const std::filesystem::path& path) override;
  result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  result<void> remove(const std::filesystem::path& path) override;
  result<void> sync_directory(const std::filesystem::path& path) override;
  result<std::unique_ptr<io::Lock>> lock(const std::filesystem::path& path) override {
    return inner_.lock(path);
  }
  result<std::uint64_t> free_bytes(const std::filesystem::path& path) override {
    return inner_.free_bytes(path);
  }
  result<std::unique_ptr<io::SharedPage>> shared_page(const std::filesystem::path& path,
                                                      bool writable) override {
    return inner_.shared_page(path, writable);
  }

 private:
  io::Disk& inner_;
  DiskWatcher& watcher_;
  Lie lie_;
};

}  // namespace stele::simulation
