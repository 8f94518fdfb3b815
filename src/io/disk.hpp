// disk.hpp - directories, names and locks: the door through which files are found, made and removed. Paths
// are given by the caller; nothing here knows what a store looks like.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/file.hpp"
#include "io/shared_page.hpp"
#include "stele/result.hpp"

namespace stele::io {

enum class Mode : std::uint8_t {
  read,    // must exist; writing is refused
  write,   // must exist; read and write
  create,  // must not exist; read and write
};

// Held until destroyed, or until the process ends in any way.
class Lock {
 public:
  virtual ~Lock() = default;
};

// A directory that is held open, for its sync alone: that then needs no descriptor, which might be missing.
class Directory {
 public:
  virtual ~Directory() = default;
  virtual result<void> sync() = 0;
};

// Safe from any thread. A created, renamed or removed name survives a power cut only after sync_directory()
// on the directory that holds it: syncing the file is not enough.
class Disk {
 public:
  virtual ~Disk() = default;

  virtual result<std::unique_ptr<File>> open(const std::filesystem::path& path, Mode mode) = 0;
  // Names without the directory, sorted.
  virtual result<std::vector<std::string>> list(const std::filesystem::path& directory) = 0;
  virtual result<bool> exists(const std::filesystem::path& path) = 0;
  // And its parents; one that is already there is fine.
  virtual result<void> make_directory(const std::filesystem::path& path) = 0;
  // Replaces `to`, atomically.
  virtual result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual result<void> remove(const std::filesystem::path& path) = 0;
  virtual result<void> sync_directory(const std::filesystem::path& path) = 0;
  // Must not outlive the disk. Unless a disk does better, by the name.
  virtual result<std::unique_ptr<Directory>> open_directory(const std::filesystem::path& path);

  // Makes the file if needed and takes it for this holder alone. A second holder, in this process or another,
  // gets `busy` with the facts pid and since.
  virtual result<std::unique_ptr<Lock>> lock(const std::filesystem::path& path) = 0;
  virtual result<std::uint64_t> free_bytes(const std::filesystem::path& path) = 0;
  // Writable: makes the file if needed. Not writable: not_found when there is none.
  virtual result<std::unique_ptr<SharedPage>> shared_page(const std::filesystem::path& path,
                                                          bool writable) = 0;
};

// Puts a small file in place so that after any crash there is the old one or the new one, never a part:
// temporary name, write, sync, rename, sync of the directory.
result<void> replace_file(Disk& disk, const std::filesystem::path& path, std::string_view bytes);

}  // namespace stele::io
