// records_copy.cpp - SQLite makes the copy; what it wrote is synced and summed like every other file.
#include "engine/backup/records_copy.hpp"

#include "base/assert.hpp"
#include "base/sqlite.hpp"
#include "engine/backup/frame_copy.hpp"

namespace stele::engine {
namespace {

namespace fs = std::filesystem;

std::string sql_text(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

result<void> copy_bytes(const io::File& from, io::File& to, std::uint64_t bytes) {
  std::string buffer(1u << 20, '\0');
  for (std::uint64_t at = 0; at < bytes;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), bytes - at));
    STELE_TRY(const auto got, from.read_at(at, std::span(buffer.data(), wanted)));
    STELE_ASSERT(got == wanted, "the checksum was taken over as many bytes", got, wanted);
    STELE_CHECK(to.write_at(at, std::string_view(buffer).substr(0, got)));
    at += got;
  }
  return to.sync_all();
}

}  // namespace

result<std::optional<RecordsCopy>> copy_records_file(io::Disk& disk, const fs::path& records,
                                                     const fs::path& to) {
  STELE_TRY(const bool there, disk.exists(records));
  if (!there) return std::nullopt;
  STELE_TRY(const bool left_over, disk.exists(to));
  if (left_over) STELE_CHECK(disk.remove(to));
  {
    STELE_TRY(auto db, sqlite::Connection::open(records.string(), sqlite::Mode::read_only));
    STELE_CHECK(db.run("VACUUM INTO " + sql_text(to.string())));
  }
  STELE_TRY(const auto file, disk.open(to, io::Mode::write));
  STELE_CHECK(file->sync_all());
  STELE_CHECK(disk.sync_directory(to.parent_path()));
  file->drop_cache();
  STELE_TRY(const auto size, file->size());
  STELE_ASSERT(size > 0, "a copy of a database has pages", size);
  STELE_TRY(const auto crc, checksum_of(*file, 0, size, 0));
  return RecordsCopy{.file = to.filename().string(), .bytes = size, .crc = crc};
}

result<void> restore_records_file(io::Disk& disk, const fs::path& from, const RecordsCopy& copy,
                                  const fs::path& to, const std::vector<std::string>& forget) {
  STELE_TRY(const auto source, disk.open(from / copy.file, io::Mode::read));
  STELE_TRY(const auto crc, checksum_of(*source, 0, copy.bytes, 0));
  if (crc != copy.crc) {
    return Error(errc::corrupt, "the backup is damaged: " + copy.file + " does not match its checksum")
        .with("file", copy.file)
        .help("restore another backup");
  }
  {
    STELE_TRY(const auto target, disk.open(to, io::Mode::create));
    STELE_CHECK(copy_bytes(*source, *target, copy.bytes));
  }
  if (forget.empty()) return {};
  STELE_TRY(auto db, sqlite::Connection::open(to.string(), sqlite::Mode::read_write, sqlite::Sync::full));
  STELE_TRY(auto drop, db.prepare("DELETE FROM records WHERE space = ?1"));
  for (const auto& space : forget) {
    drop.bind_all(std::string_view(space));
    STELE_CHECK(drop.run());
  }
  return {};
}

}  // namespace stele::engine
