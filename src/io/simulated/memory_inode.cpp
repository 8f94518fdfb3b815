// memory_inode.cpp - what a sync keeps and what a crash leaves.
#include "io/simulated/memory_inode.hpp"

#include <algorithm>

namespace stele::io::simulated {
namespace {

constexpr std::uint64_t sector_bytes = 512;

void write_into(std::string& file, std::uint64_t offset, std::string_view bytes) {
  const auto end = static_cast<std::size_t>(offset) + bytes.size();
  if (file.size() < end) file.resize(end, '\0');
  std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(offset));
}

void apply_change(std::string& file, const MemoryInode::Change& change) {
  if (change.resizes) {
    file.resize(static_cast<std::size_t>(change.offset), '\0');
  } else {
    write_into(file, change.offset, change.bytes);
  }
}

enum class Fate : std::uint8_t { kept, dropped, mixed, mangled };

// One sector of one unsynced write: kept, dropped, or cut in two.
void crash_sector(std::string& file, std::uint64_t offset, std::string_view bytes, Fate fate,
                  SeededRandom& random) {
  const bool keep = fate == Fate::kept || (fate != Fate::dropped && random.below(2) == 0);
  if (keep) return write_into(file, offset, bytes);
  if (fate != Fate::mangled) return;
  const auto head = static_cast<std::size_t>(random.below(bytes.size() + 1));
  write_into(file, offset, bytes.substr(0, head));
  if (random.below(2) == 0) return;
  std::string garbage(bytes.size() - head, '\0');
  for (auto& byte : garbage) byte = static_cast<char>(random.below(256));
  write_into(file, offset + head, garbage);
}

void crash_write(std::string& file, const MemoryInode::Change& change, Fate fate, SeededRandom& random) {
  const std::string_view bytes = change.bytes;
  for (std::uint64_t done = 0; done < bytes.size();) {
    const auto at = change.offset + done;
    const auto end = std::min((at / sector_bytes + 1) * sector_bytes, change.offset + bytes.size());
    crash_sector(file, at, bytes.substr(static_cast<std::size_t>(done), static_cast<std::size_t>(end - at)),
                 fate, random);
    done += end - at;
  }
}

}  // namespace

void MemoryInode::write(std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  unsynced.push_back({offset, std::string(bytes), false});
  apply_change(seen, unsynced.back());
}

void MemoryInode::resize(std::uint64_t size) {
  unsynced.push_back({size, {}, true});
  apply_change(seen, unsynced.back());
}

void MemoryInode::sync() {
  for (const auto& change : unsynced) apply_change(device, change);
  unsynced.clear();
}

void MemoryInode::drop_cache() {
  seen = device;
  for (const auto& change : unsynced) apply_change(seen, change);
}

void MemoryInode::crash(SeededRandom& random) {
  const auto fate = static_cast<Fate>(random.below(4));
  for (const auto& change : unsynced) {
    if (!change.resizes) {
      crash_write(device, change, fate, random);
    } else if (random.below(2) == 0) {
      apply_change(device, change);
    }
  }
  unsynced.clear();
  seen = device;
  failed_syncs = 0;
}

}  // namespace stele::io::simulated
