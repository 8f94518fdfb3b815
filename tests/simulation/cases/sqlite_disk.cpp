// sqlite_disk.cpp - SQLite's door to the system (sqlite3_vfs) led to an io::Disk. Does what the one for Unix does
// where durability is concerned: a new journal's name is synced with its first bytes. Locks and shared memory are those
// of one process with one thread.
#include "sqlite_disk.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace stele::simulation {
namespace {

constexpr int shm_locks = SQLITE_SHM_NLOCK;

// What all connections to one database share.
struct Shared {
  std::map<const void*, int> levels;  // SQLITE_LOCK_* by who holds it
  std::array<int, shm_locks> shm{};   // how many share it; -1: one has it alone
  std::vector<std::unique_ptr<char[]>> regions;
  int mapped = 0;
};

}  // namespace

struct SqliteDisk::State {
  io::Disk& disk;
  std::function<void()> before_change;
  bool syncs = true;
  sqlite3_vfs vfs{};
  State* outer = nullptr;  // the one that was there before
  std::map<std::string, Shared> shared{};
};

namespace {

SqliteDisk::State* newest = nullptr;

struct OpenFile {
  SqliteDisk::State* state;
  std::unique_ptr<io::File> file;
  std::string path;
  bool name_unsynced = false;
  bool maps = false;
};

struct Handle {
  sqlite3_file base;
  OpenFile* open;
};

OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file)->open; }
Shared& shared_of(sqlite3_file* file) { return of(file).state->shared[of(file).path]; }

int code_of(const result<void>& done, int otherwise) {
  if (done) return SQLITE_OK;
  return done.error().kind() == errc::disk_full ? SQLITE_FULL : otherwise;
}

int close_file(sqlite3_file* file) {
  shared_of(file).levels.erase(file);
  delete reinterpret_cast<Handle*>(file)->open;
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* into, int count, sqlite3_int64 offset) {
  const std::span<char> bytes(static_cast<char*>(into), static_cast<std::size_t>(count));
  const auto got = of(file).file->read_at(static_cast<std::uint64_t>(offset), bytes);
  if (!got) return SQLITE_IOERR_READ;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(*got), bytes.end(), '\0');
  return *got == bytes.size() ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* from, int count, sqlite3_int64 offset) {
  of(file).state->before_change();
  const std::string_view bytes(static_cast<const char*>(from), static_cast<std::size_t>(count));
  return code_of(of(file).file->write_at(static_cast<std::uint64_t>(offset), bytes), SQLITE_IOERR_WRITE);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  of(file).state->before_change();
  return code_of(of(file).file->resize(static_cast<std::uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
}

int sync_parent(SqliteDisk::State& state, const std::string& path) {
  return code_of(state.disk.sync_directory(std::filesystem::path(path).parent_path()),
                 SQLITE_IOERR_DIR_FSYNC);
}

int sync_file(sqlite3_file* file, int) {
  auto& open = of(file);
  open.state->before_change();
  if (!open.state->syncs) return SQLITE_OK;
  if (const int code = code_of(open.file->sync_data(), SQLITE_IOERR_FSYNC); code != SQLITE_OK) return code;
  return std::exchange(open.name_unsynced, false) ? sync_parent(*open.state, open.path) : SQLITE_OK;
}

int size_of(sqlite3_file* file, sqlite3_int64* size) {
  const auto got = of(file).file->size();
  *size = got ? static_cast<sqlite3_int64>(*got) : 0;
  return got ? SQLITE_OK : SQLITE_IOERR_FSTAT;
}

// Shared: any number, unless one is about to have it alone; the rest: one.
int lock_file(sqlite3_file* file, int level) {
  auto& levels = shared_of(file).levels;
  for (const auto& [who, held] : levels) {
    if (who == file) continue;
    const bool fits = level == SQLITE_LOCK_SHARED      ? held < SQLITE_LOCK_PENDING
                      : level == SQLITE_LOCK_EXCLUSIVE ? held == SQLITE_LOCK_NONE
                                                       : held < SQLITE_LOCK_RESERVED;
    if (!fits) return SQLITE_BUSY;
  }
  levels[file] = std::max(levels[file], level);
  return SQLITE_OK;
}

int unlock_file(sqlite3_file* file, int level) {
  shared_of(file).levels[file] = level;
  return SQLITE_OK;
}

int check_lock(sqlite3_file* file, int* reserved) {
  const auto& levels = shared_of(file).levels;
  *reserved = std::any_of(levels.begin(), levels.end(),
                          [](const auto& held) { return held.second >= SQLITE_LOCK_RESERVED; });
  return SQLITE_OK;
}

int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int map_shared(sqlite3_file* file, int region, int size, int extend, void volatile** where) {
  auto& shared = shared_of(file);
  if (!std::exchange(of(file).maps, true)) ++shared.mapped;
  *where = nullptr;
  while (extend != 0 && shared.regions.size() <= static_cast<std::size_t>(region)) {
    shared.regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
  }
  if (static_cast<std::size_t>(region) < shared.regions.size())
    *where = shared.regions[static_cast<std::size_t>(region)].get();
  return SQLITE_OK;
}

int lock_shared(sqlite3_file* file, int first, int count, int flags) {
  auto& shm = shared_of(file).shm;
  const bool alone = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  for (int i = first; i < first + count; ++i) {
    auto& slot = shm[static_cast<std::size_t>(i)];
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      slot = alone ? 0 : std::max(0, slot - 1);
    } else if (alone ? slot != 0 : slot < 0) {
      return SQLITE_BUSY;
    }
  }
  if ((flags & SQLITE_SHM_UNLOCK) != 0) return SQLITE_OK;
  for (int i = first; i < first + count; ++i) {
    auto& slot = shm[static_cast<std::size_t>(i)];
    slot = alone ? -1 : slot + 1;
  }
  return SQLITE_OK;
}

void shared_barrier(sqlite3_file*) {}

int unmap_shared(sqlite3_file* file, int) {
  auto& shared = shared_of(file);
  if (std::exchange(of(file).maps, false) && --shared.mapped == 0) shared.regions.clear();
  return SQLITE_OK;
}

constexpr sqlite3_io_methods file_methods{.iVersion = 2,
                                          .xClose = close_file,
                                          .xRead = read_file,
                                          .xWrite = write_file,
                                          .xTruncate = truncate_file,
                                          .xSync = sync_file,
                                          .xFileSize = size_of,
                                          .xLock = lock_file,
                                          .xUnlock = unlock_file,
                                          .xCheckReservedLock = check_lock,
                                          .xFileControl = control_file,
                                          .xSectorSize = sector_size,
                                          .xDeviceCharacteristics = characteristics,
                                          .xShmMap = map_shared,
                                          .xShmLock = lock_shared,
                                          .xShmBarrier = shared_barrier,
                                          .xShmUnmap = unmap_shared,
                                          .xFetch = nullptr,
                                          .xUnfetch = nullptr};

SqliteDisk::State& of(sqlite3_vfs* vfs) { return *static_cast<SqliteDisk::State*>(vfs->pAppData); }

int open_name(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* got) {
  file->pMethods = nullptr;
  auto& state = of(vfs);
  if (name == nullptr) return SQLITE_CANTOPEN;
  const auto there = state.disk.exists(name);
  if (!there) return SQLITE_CANTOPEN;
  const bool make = !*there && (flags & SQLITE_OPEN_CREATE) != 0;
  if (make) state.before_change();
  const auto mode = make                                   ? io::Mode::create
                    : (flags & SQLITE_OPEN_READWRITE) != 0 ? io::Mode::write
                                                           : io::Mode::read;
  auto opened = state.disk.open(name, mode);
  if (!opened) return SQLITE_CANTOPEN;
  constexpr int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
  reinterpret_cast<Handle*>(file)->open =
      new OpenFile{&state, *std::move(opened), name, make && (flags & journals) != 0};
  file->pMethods = &file_methods;
  if (got != nullptr) *got = flags;
  return SQLITE_OK;
}

int delete_name(sqlite3_vfs* vfs, const char* name, int sync) {
  auto& state = of(vfs);
  const auto there = state.disk.exists(name);
  if (!there) return SQLITE_IOERR_DELETE;
  if (!*there) return SQLITE_IOERR_DELETE_NOENT;
  state.before_change();
  if (!state.disk.remove(name)) return SQLITE_IOERR_DELETE;
  return sync != 0 ? sync_parent(state, name) : SQLITE_OK;
}

int access_name(sqlite3_vfs* vfs, const char* name, int, int* there) {
  const auto found = of(vfs).disk.exists(name);
  *there = found && *found ? 1 : 0;
  return found ? SQLITE_OK : SQLITE_IOERR_ACCESS;
}

int full_name(sqlite3_vfs*, const char* name, int room, char* into) {
  sqlite3_snprintf(room, into, "%s", name);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs*, int count, char* into) {
  std::memset(into, 7, static_cast<std::size_t>(count));
  return count;
}
int sleep_not(sqlite3_vfs*, int) { return 0; }
int time_stands(sqlite3_vfs*, double* days) {
  *days = 2'461'000;
  return SQLITE_OK;
}
int last_error(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

SqliteDisk::SqliteDisk(io::Disk& disk, std::function<void()> before_change, bool syncs)
    : state_(new State{disk, std::move(before_change), syncs}) {
  auto& vfs = state_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(Handle);
  vfs.mxPathname = 512;
  vfs.zName = "simulated";
  vfs.pAppData = state_.get();
  vfs.xOpen = open_name;
  vfs.xDelete = delete_name;
  vfs.xAccess = access_name;
  vfs.xFullPathname = full_name;
  vfs.xRandomness = randomness;
  vfs.xSleep = sleep_not;
  vfs.xCurrentTime = time_stands;
  vfs.xGetLastError = last_error;
  state_->outer = std::exchange(newest, state_.get());
  sqlite3_vfs_register(&vfs, 1);
}

SqliteDisk::~SqliteDisk() {
  sqlite3_vfs_unregister(&state_->vfs);
  newest = state_->outer;
  if (newest != nullptr) sqlite3_vfs_register(&newest->vfs, 1);
}

}  // namespace stele::simulation
