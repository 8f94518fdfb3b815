// memory_disk.cpp - names, plans and lives of the simulated disk.
#include "io/simulated/memory_disk.hpp"

#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"
#include "io/simulated/memory_file.hpp"
#include "io/simulated/memory_inode.hpp"
#include "io/simulated/memory_page.hpp"
#include "io/system_error.hpp"

namespace stele::io::simulated {
namespace {

namespace fs = std::filesystem;

}  // namespace

class MemoryLock final : public Lock {
 public:
  MemoryLock(MemoryDisk& disk, fs::path path, std::uint64_t life)
      : disk_(disk), path_(std::move(path)), life_(life) {}
  ~MemoryLock() override {
    const std::lock_guard guard(disk_.mutex_);
    if (disk_.life_ == life_) disk_.locked_.erase(path_);
  }

 private:
  MemoryDisk& disk_;
  fs::path path_;
  std::uint64_t life_;
};

MemoryDisk::MemoryDisk() = default;
MemoryDisk::~MemoryDisk() = default;

// ---- Names

MemoryDisk::Inode MemoryDisk::find(const fs::path& path) const {
  const auto at = names_.find(path);
  return at == names_.end() ? nullptr : at->second;
}

bool MemoryDisk::is_directory(const fs::path& path) const {
  if (path.empty() || path == path.root_path()) return true;
  const auto at = names_.find(path);
  return at != names_.end() && !at->second;
}

void MemoryDisk::apply(Names& names, const NameChange& change) {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.inode;
}

void MemoryDisk::change_names(NameChange change) {
  apply(names_, change);
  unsynced_names_.push_back(std::move(change));
}

result<void> MemoryDisk::begin_change(std::string_view verb, const fs::path& path) {
  ++counts_.changes;
  if (stop_plan_.at != 0 && counts_.changes >= stop_plan_.at) stopped_ = true;
  if (stopped_) return system_error(verb, path, ENODEV);
  return {};
}

result<std::unique_ptr<File>> MemoryDisk::open(const fs::path& path, Mode mode) {
  const std::lock_guard guard(mutex_);
  if (stopped_) return system_error("open", path, ENODEV);
  auto inode = find(path);
  if (mode == Mode::create) {
    STELE_CHECK(begin_change("create", path));
    if (names_.contains(path)) return system_error("create", path, EEXIST);
    if (!is_directory(path.parent_path())) return system_error("create", path, ENOENT);
    inode = std::make_shared<MemoryInode>();
    change_names({path.parent_path(), {}, path, inode});
  }
  if (!inode) return system_error("open", path, is_directory(path) ? EISDIR : ENOENT);
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, path, std::move(inode), mode, life_));
}

result<std::vector<std::string>> MemoryDisk::list(const fs::path& directory) {
  const std::lock_guard guard(mutex_);
  if (!is_directory(directory)) return system_error("list", directory, ENOENT);
  std::vector<std::string> found;
  for (const auto& [path, inode] : names_) {
    if (path.parent_path() == directory) found.push_back(path.filename().string());
  }
  for (const auto& [path, page] : pages_) {
    if (path.parent_path() == directory) found.push_back(path.filename().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

result<bool> MemoryDisk::exists(const fs::path& path) {
  const std::lock_guard guard(mutex_);
  return names_.contains(path) || pages_.contains(path) || is_directory(path);
}

result<void> MemoryDisk::make_directory(const fs::path& path) {
  const std::lock_guard guard(mutex_);
  if (is_directory(path)) return {};
  for (auto at = path.begin(), end = path.end(); at != end; ++at) {
    fs::path part;
    for (auto it = path.begin(); it != std::next(at); ++it) part /= *it;
    if (is_directory(part)) continue;
    STELE_CHECK(begin_change("make directory", part));
    if (names_.contains(part)) return system_error("make directory", part, ENOTDIR);
    change_names({part.parent_path(), {}, part, nullptr});
  }
  return {};
}

result<void> MemoryDisk::rename(const fs::path& from, const fs::path& to) {
  const std::lock_guard guard(mutex_);
  STELE_CHECK(begin_change("rename", from));
  const auto inode = find(from);
  if (!inode) return system_error("rename", from, ENOENT);
  // From another directory: all of it or nothing, with the sync of the one that it goes to.
  change_names({to.parent_path(), from, to, inode});
  return {};
}

result<void> MemoryDisk::remove(const fs::path& path) {
  const std::lock_guard guard(mutex_);
  STELE_CHECK(begin_change("remove", path));
  if (pages_.erase(path) > 0) return {};
  if (!find(path)) return system_error("remove", path, ENOENT);
  change_names({path.parent_path(), path, {}, nullptr});
  return {};
}

result<void> MemoryDisk::sync_directory(const fs::path& path) {
  const std::lock_guard guard(mutex_);
  STELE_CHECK(begin_change("sync directory", path));
  if (!is_directory(path)) return system_error("sync directory", path, ENOENT);
  if (++counts_.syncs == sync_plan_.at) return system_error("sync directory", path, sync_plan_.number);
  std::erase_if(unsynced_names_, [&](const NameChange& change) {
    if (change.directory != path) return false;
    apply(durable_names_, change);
    return true;
  });
  return {};
}

// ---- Locks, space and pages

result<std::unique_ptr<Lock>> MemoryDisk::lock(const fs::path& path) {
  const std::lock_guard guard(mutex_);
  if (stopped_) return system_error("lock", path, ENODEV);
  if (!locked_.insert(path).second) {
    return Error(errc::busy, path.string() + " is held by process 1")
        .with("path", path.string())
        .with("pid", "1");
  }
  if (!names_.contains(path)) change_names({path.parent_path(), {}, path, std::make_shared<MemoryInode>()});
  return std::unique_ptr<Lock>(std::make_unique<MemoryLock>(*this, path, life_));
}

result<std::uint64_t> MemoryDisk::free_bytes(const fs::path& path) {
  const std::lock_guard guard(mutex_);
  if (stopped_) return system_error("look at", path, ENODEV);
  return free_;
}

result<std::unique_ptr<SharedPage>> MemoryDisk::shared_page(const fs::path& path, bool writable) {
  const std::lock_guard guard(mutex_);
  if (stopped_) return system_error("open", path, ENODEV);
  auto at = pages_.find(path);
  if (at == pages_.end() && !writable) return system_error("open", path, ENOENT);
  if (at == pages_.end()) at = pages_.emplace(path, std::make_shared<MemoryPageState>()).first;
  return make_memory_page(at->second, writable);
}

// ---- Lives

void MemoryDisk::end_life() {
  ++life_;
  locked_.clear();
  stopped_ = false;
  stop_plan_ = {};
}

void MemoryDisk::kill() {
  const std::lock_guard guard(mutex_);
  end_life();
}

void MemoryDisk::crash(std::uint64_t seed) {
  const std::lock_guard guard(mutex_);
  SeededRandom random(seed);
  // Every inode once, in an order that only the names decide.
  std::vector<Inode> inodes;
  const auto note = [&inodes](const Inode& inode) {
    if (inode && std::find(inodes.begin(), inodes.end(), inode) == inodes.end()) inodes.push_back(inode);
  };
  for (const auto& [path, inode] : durable_names_) note(inode);
  for (const auto& change : unsynced_names_) note(change.inode);
  for (const auto& change : unsynced_names_) {
    if (random.below(2) == 0) apply(durable_names_, change);
  }
  unsynced_names_.clear();
  // What lies below a directory that was lost is lost.
  std::erase_if(durable_names_, [this](const auto& entry) {
    const auto parent = entry.first.parent_path();
    return !parent.empty() && parent != parent.root_path() && !durable_names_.contains(parent);
  });
  names_ = durable_names_;
  std::erase_if(pages_, [this](const auto& entry) { return !is_directory(entry.first.parent_path()); });
  for (const auto& inode : inodes) inode->crash(random);
  for (const auto& [path, page] : pages_) page->crash(random);
  end_life();
}

std::unique_ptr<MemoryDisk> MemoryDisk::fork() const {
  const std::lock_guard guard(mutex_);
  auto copy = std::make_unique<MemoryDisk>();
  std::map<const MemoryInode*, Inode> twins;
  const auto twin = [&twins](const Inode& inode) -> Inode {
    if (!inode) return nullptr;
    auto& made = twins[inode.get()];
    if (!made) made = std::make_shared<MemoryInode>(*inode);
    return made;
  };
  for (const auto& [path, inode] : names_) copy->names_.emplace_hint(copy->names_.end(), path, twin(inode));
  for (const auto& [path, inode] : durable_names_) {
    copy->durable_names_.emplace_hint(copy->durable_names_.end(), path, twin(inode));
  }
  for (auto change : unsynced_names_) {
    change.inode = twin(change.inode);
    copy->unsynced_names_.push_back(std::move(change));
  }
  for (const auto& [path, page] : pages_) copy->pages_.emplace(path, page->copy());
  copy->free_ = free_;
  return copy;
}

// ---- Plans and meddling

void MemoryDisk::fail_read(std::uint64_t nth, int number) {
  const std::lock_guard guard(mutex_);
  read_plan_ = {counts_.reads + nth, number};
}

void MemoryDisk::fail_write(std::uint64_t nth, int number) {
  const std::lock_guard guard(mutex_);
  write_plan_ = {counts_.writes + nth, number};
}

void MemoryDisk::fail_sync(std::uint64_t nth, int number) {
  const std::lock_guard guard(mutex_);
  sync_plan_ = {counts_.syncs + nth, number};
}

bool MemoryDisk::stopped() const {
  const std::lock_guard guard(mutex_);
  return stopped_;
}

void MemoryDisk::stop_at_change(std::uint64_t nth) {
  const std::lock_guard guard(mutex_);
  stop_plan_ = {counts_.changes + nth, ENODEV};
}

void MemoryDisk::set_free_bytes(std::uint64_t bytes) {
  const std::lock_guard guard(mutex_);
  free_ = bytes;
}

void MemoryDisk::clear_plans() {
  const std::lock_guard guard(mutex_);
  read_plan_ = write_plan_ = sync_plan_ = stop_plan_ = {};
  stopped_ = false;
}

DiskCounts MemoryDisk::counts() const {
  const std::lock_guard guard(mutex_);
  return counts_;
}

std::string MemoryDisk::bytes(const fs::path& path) const {
  const std::lock_guard guard(mutex_);
  const auto inode = find(path);
  return inode ? inode->seen : std::string();
}

void MemoryDisk::put(const fs::path& path, std::string_view bytes) {
  const std::lock_guard guard(mutex_);
  auto inode = std::make_shared<MemoryInode>();
  inode->write(0, bytes);
  inode->sync();
  for (auto directory = path.parent_path(); !is_directory(directory); directory = directory.parent_path()) {
    names_[directory] = durable_names_[directory] = nullptr;
  }
  names_[path] = durable_names_[path] = std::move(inode);
}

void MemoryDisk::flip(const fs::path& path, std::uint64_t offset, std::uint8_t mask) {
  const std::lock_guard guard(mutex_);
  const auto inode = find(path);
  STELE_ASSERT(inode && offset < inode->device.size(), "there is a durable byte to flip", path.string(),
               offset);
  const auto at = static_cast<std::size_t>(offset);
  inode->device[at] = static_cast<char>(inode->device[at] ^ static_cast<char>(mask));
  inode->drop_cache();
}

}  // namespace stele::io::simulated
