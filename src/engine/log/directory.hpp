// directory.hpp - a store's directory: the names in it and the manifest. The segments themselves are
// segment.hpp, the watermark page is watermark.hpp.
//
//   LOCK        who writes           MANIFEST   which store, which format
//   watermark   what is durable      log/*.seg  the events         records.db  keyed records
//   index/*.idx what can be found without scanning (made anew from the log when it is lost)
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/log/watermark.hpp"
#include "io/world.hpp"
#include "stele/result.hpp"
#include "stele/types.hpp"

namespace stele::engine::log {

// Where things are, below the directory of a store.
[[nodiscard]] std::filesystem::path lock_path(const std::filesystem::path& store);
[[nodiscard]] std::filesystem::path manifest_path(const std::filesystem::path& store);
[[nodiscard]] std::filesystem::path watermark_path(const std::filesystem::path& store);
[[nodiscard]] std::filesystem::path log_path(const std::filesystem::path& store);
[[nodiscard]] std::filesystem::path index_path(const std::filesystem::path& store);

// What the log cannot say about itself. Text, one "name value" per line, the last line the checksum of the
// rest.
struct Manifest {
  Uuid store;
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  Timestamp created_at;
  bool operator==(const Manifest&) const = default;
};
[[nodiscard]] std::string encode_manifest(const Manifest& manifest);
// corrupt: not a manifest, or damaged. invalid: written by a newer version.
[[nodiscard]] result<Manifest> parse_manifest(std::string_view text);

// not_found when the directory holds no store.
result<Manifest> read_manifest(io::Disk& disk, const std::filesystem::path& store);
// The directory, log/ and a manifest with a fresh id, durable when it returns. A directory that holds
// something else is refused (invalid). Repeating it after a crash is fine.
result<Manifest> create_store(const io::World& world, const std::filesystem::path& store);
// Makes the name of a directory, and of those above it that were made on the way, durable.
result<void> sync_ancestors(io::Disk& disk, const std::filesystem::path& directory);

}  // namespace stele::engine::log
