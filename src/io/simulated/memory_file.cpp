// memory_file.cpp - reading, writing and syncing with the disk's plans in the way.
#include "io/simulated/memory_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/simulated/memory_inode.hpp"
#include "io/system_error.hpp"

namespace stele::io::simulated {

namespace {

class CopiedMapping final : public Mapping {
 public:
  explicit CopiedMapping(std::string bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::string_view bytes() const override { return bytes_; }
  void prefetch(std::size_t /*offset*/, std::size_t /*size*/) const override {}

 private:
  std::string bytes_;
};

}  // namespace

MemoryFile::MemoryFile(MemoryDisk& disk, std::filesystem::path path, std::shared_ptr<MemoryInode> inode,
                       Mode mode, std::uint64_t life)
    : disk_(disk),
      path_(std::move(path)),
      inode_(std::move(inode)),
      mode_(mode),
      life_(life),
      told_failures_(inode_->failed_syncs) {}

bool MemoryFile::dead() const { return disk_.stopped_ || disk_.life_ != life_; }

result<std::size_t> MemoryFile::read_at(std::uint64_t offset, std::span<char> into) const {
  const std::lock_guard guard(disk_.mutex_);
  if (dead()) return system_error("read", path_, ENODEV, Doing::reading);
  if (++disk_.counts_.reads == disk_.read_plan_.at) {
    return system_error("read", path_, disk_.read_plan_.number, Doing::reading);
  }
  const auto& seen = inode_->seen;
  if (offset >= seen.size() || into.empty()) return std::size_t{0};
  const auto count = std::min(into.size(), seen.size() - static_cast<std::size_t>(offset));
  std::memcpy(into.data(), seen.data() + offset, count);
  return count;
}

result<std::uint64_t> MemoryFile::size() const {
  const std::lock_guard guard(disk_.mutex_);
  if (dead()) return system_error("look at", path_, ENODEV, Doing::reading);
  return inode_->seen.size();
}

result<void> MemoryFile::write_at(std::uint64_t offset, std::string_view bytes) {
  return write_at(offset, std::span(&bytes, 1));
}

result<void> MemoryFile::write_at(std::uint64_t offset, std::span<const std::string_view> pieces) {
  std::string bytes;
  for (const auto& piece : pieces) bytes += piece;
  const std::lock_guard guard(disk_.mutex_);
  STELE_CHECK(begin_write("write"));
  if (disk_.counts_.writes == disk_.write_plan_.at) {
    inode_->write(offset, std::string_view(bytes).substr(0, bytes.size() / 2));
    return system_error("write", path_, disk_.write_plan_.number);
  }
  STELE_CHECK(grow_to(offset + bytes.size()));
  inode_->write(offset, bytes);
  return {};
}

result<void> MemoryFile::begin_write(std::string_view verb) {
  if (dead()) return system_error(verb, path_, ENODEV);
  if (mode_ == Mode::read) return system_error(verb, path_, EBADF);
  STELE_CHECK(disk_.begin_change(verb, path_));
  ++disk_.counts_.writes;
  return {};
}

result<void> MemoryFile::grow_to(std::uint64_t end) {
  const auto size = inode_->seen.size();
  if (end <= size) return {};
  const auto wanted = end - size;
  if (wanted > disk_.free_) {
    inode_->resize(size + disk_.free_);
    disk_.free_ = 0;
    return system_error("write", path_, ENOSPC);
  }
  disk_.free_ -= wanted;
  return {};
}

result<void> MemoryFile::sync_data() {
  const std::lock_guard guard(disk_.mutex_);
  if (dead()) return system_error("sync", path_, ENODEV);
  STELE_CHECK(disk_.begin_change("sync", path_));
  if (++disk_.counts_.syncs == disk_.sync_plan_.at) {
    inode_->lose_unsynced();
    ++inode_->failed_syncs;
    inode_->failure = disk_.sync_plan_.number;
  }
  if (told_failures_ != inode_->failed_syncs) {
    told_failures_ = inode_->failed_syncs;
    return system_error("sync", path_, inode_->failure);
  }
  inode_->sync();
  return {};
}

result<void> MemoryFile::resize(std::uint64_t bytes) {
  const std::lock_guard guard(disk_.mutex_);
  STELE_CHECK(begin_write("resize"));
  if (disk_.counts_.writes == disk_.write_plan_.at)
    return system_error("resize", path_, disk_.write_plan_.number);
  STELE_CHECK(grow_to(bytes));
  inode_->resize(bytes);
  return {};
}

result<void> MemoryFile::allocate(std::uint64_t offset, std::uint64_t bytes) {
  const std::lock_guard guard(disk_.mutex_);
  STELE_CHECK(begin_write("allocate"));
  if (disk_.counts_.writes == disk_.write_plan_.at)
    return system_error("allocate", path_, disk_.write_plan_.number);
  if (offset + bytes <= inode_->seen.size()) return {};
  STELE_CHECK(grow_to(offset + bytes));
  inode_->resize(offset + bytes);
  return {};
}

result<std::unique_ptr<Mapping>> MemoryFile::map() const {
  const std::lock_guard guard(disk_.mutex_);
  if (dead()) return system_error("map", path_, ENODEV, Doing::reading);
  if (++disk_.counts_.reads == disk_.read_plan_.at) {
    return system_error("map", path_, disk_.read_plan_.number, Doing::reading);
  }
  return std::unique_ptr<Mapping>(std::make_unique<CopiedMapping>(inode_->seen));
}

void MemoryFile::drop_cache() {
  const std::lock_guard guard(disk_.mutex_);
  inode_->drop_cache();
}

}  // namespace stele::io::simulated
