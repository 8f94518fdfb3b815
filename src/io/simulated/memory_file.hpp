// memory_file.hpp - an open file of the simulated disk. Only the memory disk makes one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "io/simulated/memory_disk.hpp"

namespace stele::io::simulated {

class MemoryFile final : public File {
 public:
  MemoryFile(MemoryDisk& disk, std::filesystem::path path, std::shared_ptr<MemoryInode> inode, Mode mode,
             std::uint64_t life);

  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override;
  result<std::uint64_t> size() const override;
  result<void> write_at(std::uint64_t offset, std::string_view bytes) override;
  result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override;
  result<void> sync_data() override;
  result<void> sync_all() override { return sync_data(); }
  result<void> resize(std::uint64_t bytes) override;
  result<void> allocate(std::uint64_t offset, std::uint64_t bytes) override;
  result<std::unique_ptr<Mapping>> map() const override;  // a copy: one read
  void drop_cache() override;
  [[nodiscard]] const std::filesystem::path& path() const override { return path_; }

 private:
  // All under the disk's lock.
  [[nodiscard]] bool dead() const;
  result<void> begin_write(std::string_view verb);
  // The bytes that the disk has no room for are an error, those before it are written.
  result<void> grow_to(std::uint64_t end);

  MemoryDisk& disk_;
  std::filesystem::path path_;
  std::shared_ptr<MemoryInode> inode_;
  Mode mode_;
  std::uint64_t life_;
  std::uint64_t told_failures_;
};

}  // namespace stele::io::simulated
