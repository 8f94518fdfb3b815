// disk.cpp - what is built on any Disk.
#include "io/disk.hpp"

namespace stele::io {

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
