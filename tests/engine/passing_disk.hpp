// passing_disk.hpp - a disk that hands every call to the one below it: what tests build their own disks on, by what
// these do otherwise.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/disk.hpp"

namespace stele::test {

class PassingDisk : public io::Disk {
 public:
  explicit PassingDisk(io::Disk& inner) : inner_(inner) {}
  result<std::unique_ptr<io::File>> open(const std::filesystem::path& path, io::Mode mode) override {
    return inner_.open(path, mode);
  }
  result<std::vector<std::string>> list(const std::filesystem::path& directory) override {
    return inner_.list(directory);
  }
  result<bool> exists(const std::filesystem::path& path) override { return inner_.exists(path); }
  result<void> make_directory(const std::filesystem::path& path) override {
    return inner_.make_directory(path);
  }
  result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return inner_.rename(from, to);
  }
  result<void> remove(const std::filesystem::path& path) override { return inner_.remove(path); }
  result<void> sync_directory(const std::filesystem::path& path) override {
    return inner_.sync_directory(path);
  }
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

 protected:
  [[nodiscard]] io::Disk& inner() const { return inner_; }

 private:
  io::Disk& inner_;
};

}  // namespace stele::test
