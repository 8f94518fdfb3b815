// disk.cpp - what is built on any Disk.
#include "io/disk.hpp"

#include <utility>

namespace stele::io {
namespace {

class NamedDirectory final : public Directory {
 public:
  NamedDirectory(Disk& disk, std::filesystem::path path) : disk_(disk), path_(std::move(path)) {}
  result<void> sync() override { return disk_.sync_directory(path_); }

 private:
  Disk& disk_;
  std::filesystem::path path_;
};

}  // namespace

result<std::unique_ptr<Directory>> Disk::open_directory(const std::filesystem::path& path) {
  return std::unique_ptr<Directory>(std::make_unique<NamedDirectory>(*this, path));
}

result<void> replace_file(Disk& disk, const std::filesystem::path& path, std::string_view bytes) {
  auto temporary = path;
  temporary += ".tmp";
  STELE_TRY(const bool left_over, disk.exists(temporary));
  if (left_over) STELE_CHECK(disk.remove(temporary));
  {
    STELE_TRY(auto file, disk.open(temporary, Mode::create));
    STELE_CHECK(file->write_at(0, bytes));
    STELE_CHECK(file->sync_all());
  }
  STELE_CHECK(disk.rename(temporary, path));
  return disk.sync_directory(path.parent_path());
}

}  // namespace stele::io
