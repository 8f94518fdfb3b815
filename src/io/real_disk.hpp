// real_disk.hpp - the file system of this machine. real_world() owns the only one; nobody else includes this.
#pragma once

#include <filesystem>
#include <memory>

#include "io/disk.hpp"

namespace stele::io {

[[nodiscard]] std::unique_ptr<Disk> make_real_disk();

// The three harder members live in files of their own.
[[nodiscard]] result<std::unique_ptr<Lock>> take_real_lock(const std::filesystem::path& path);
[[nodiscard]] result<std::unique_ptr<SharedPage>> map_real_page(const std::filesystem::path& path,
                                                                bool writable);

}  // namespace stele::io
