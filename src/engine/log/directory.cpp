// directory.cpp - names below a store's directory, and its manifest.
#include "engine/log/directory.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "engine/log/segment.hpp"

namespace stele::engine::log {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t manifest_limit = 4096;
constexpr std::string_view manifest_title = "stele store\n";
constexpr std::string_view manifest_checksum = "crc32c ";

std::string hex(std::uint32_t value) {
  std::array<char, 16> text{};
  const auto length = std::snprintf(text.data(), text.size(), "%08x", value);
  STELE_ASSERT(length == 8, "a checksum has eight digits", length);
  return {text.data(), static_cast<std::size_t>(length)};
}

// The text behind "name " up to the end of its line.
std::optional<std::string_view> manifest_field(std::string_view text, std::string_view name) {
  const auto key = "\n" + std::string(name) + ' ';
  const auto at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const auto value = text.substr(at + key.size());
  const auto end = value.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  return value.substr(0, end);
}

std::optional<std::pair<std::uint16_t, std::uint16_t>> parse_version(std::string_view text) {
  std::pair<std::uint16_t, std::uint16_t> version;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.first);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.second);
  if (minor.ec != std::errc{} || minor.ptr != end) return std::nullopt;
  return version;
}

Error damaged_manifest(std::string why) {
  return Error(errc::corrupt, "MANIFEST " + std::move(why))
      .help("restore MANIFEST from a backup of this store");
}

// Names that a store, or a crash while one was made, can have left.
bool is_ours(const std::string& name) {
  static constexpr std::array<std::string_view, 4> ours{"LOCK", "MANIFEST.tmp", "log", "lost+found"};
  return std::find(ours.begin(), ours.end(), name) != ours.end();
}

}  // namespace

// The directory's own name, and those of directories that were made on the way to it, survive only so. One
// that may not be read, or that cannot be synced, was not made by us.
result<void> sync_ancestors(io::Disk& disk, const fs::path& directory) {
  for (auto at = directory; !at.empty() && at != at.root_path(); at = at.parent_path()) {
    const auto synced = disk.sync_directory(at.parent_path());
    if (synced) continue;
    const auto kind = synced.error().kind();
    if (kind != errc::denied && kind != errc::invalid && kind != errc::read_only) return synced.error();
  }
  return {};
}

fs::path lock_path(const fs::path& store) { return store / "LOCK"; }
fs::path manifest_path(const fs::path& store) { return store / "MANIFEST"; }
fs::path watermark_path(const fs::path& store) { return store / "watermark"; }
fs::path log_path(const fs::path& store) { return store / "log"; }
fs::path index_path(const fs::path& store) { return store / "index"; }

std::string encode_manifest(const Manifest& manifest) {
  auto text = std::string(manifest_title);
  text += "format " + std::to_string(manifest.major) + '.' + std::to_string(manifest.minor) + '\n';
  text += "store " + stele::to_string(manifest.store) + '\n';
  text += "created " + stele::to_string(manifest.created_at) + '\n';
  return text + std::string(manifest_checksum) + hex(base::crc32c(text)) + '\n';
}

result<Manifest> parse_manifest(std::string_view text) {
  if (!text.starts_with(manifest_title)) return damaged_manifest("is not the manifest of a stele store");
  // The version first: a newer one may have another shape altogether.
  const auto version = parse_version(manifest_field(text, "format").value_or(""));
  if (!version) return damaged_manifest("names no format version");
  if (version->first > format_major) {
    return Error(errc::invalid,
                 "MANIFEST says format " + std::to_string(version->first) + ", newer than this program")
        .with("known", std::to_string(format_major) + '.' + std::to_string(format_minor))
        .help("use a newer version of stele");
  }
  const auto crc = text.rfind(manifest_checksum);
  if (crc == std::string_view::npos ||
      text.substr(crc) != std::string(manifest_checksum) + hex(base::crc32c(text.substr(0, crc))) + '\n') {
    return damaged_manifest("does not match its checksum");
  }
  const auto store = parse_uuid(manifest_field(text, "store").value_or(""));
  const auto created = parse_time(manifest_field(text, "created").value_or(""));
  if (!store || !created) return damaged_manifest("has no readable store id or creation time");
  return Manifest{.store = *store, .major = version->first, .minor = version->second, .created_at = *created};
}

result<Manifest> read_manifest(io::Disk& disk, const fs::path& store) {
  STELE_TRY(const bool there, disk.exists(manifest_path(store)));
  if (!there) {
    return Error(errc::not_found, "no store in " + store.string()).with("path", store.string());
  }
  STELE_TRY(const auto file, disk.open(manifest_path(store), io::Mode::read));
  STELE_TRY(const auto text, io::read_whole(*file, manifest_limit));
  auto manifest = parse_manifest(text);
  if (!manifest) return std::move(manifest).error().at(store.string());
  return manifest;
}

result<Manifest> create_store(const io::World& world, const fs::path& store) {
  STELE_CHECK(world.disk.make_directory(store));
  STELE_TRY(const auto names, world.disk.list(store));
  const auto foreign = std::find_if_not(names.begin(), names.end(), is_ours);
  if (foreign != names.end()) {
    return Error(errc::invalid, store.string() + " is not empty and not a stele store: it holds " + *foreign)
        .with("path", store.string())
        .help("name an empty or a new directory");
  }
  STELE_CHECK(world.disk.make_directory(log_path(store)));
  STELE_CHECK(world.disk.sync_directory(store));
  STELE_CHECK(sync_ancestors(world.disk, store));
  std::array<std::uint8_t, 16> id{};
  world.random.fill(id);
  id[6] = static_cast<std::uint8_t>((id[6] & 0x0F) | 0x40);  // version 4, RFC 9562
  id[8] = static_cast<std::uint8_t>((id[8] & 0x3F) | 0x80);
  const Manifest manifest{
      .store = Uuid(id), .major = format_major, .minor = plain_minor, .created_at = world.clock.now()};
  const auto text = encode_manifest(manifest);
  const auto reads_back = parse_manifest(text);
  STELE_ASSERT(reads_back && *reads_back == manifest, "what is written reads back", text);
  STELE_CHECK(io::replace_file(world.disk, manifest_path(store), text));
  return manifest;
}

}  // namespace stele::engine::log
