// memory_disk.hpp - a disk in memory that can lose power, fill up, fail and rot, replayed from a seed.
// Product code: the simulator of the engine runs on it. Not a fast RAM disk.
//
// It keeps what was synced apart from what was only written. A crash keeps a random subset of the unsynced
// 512-byte sectors, some of them torn, and a random subset of the unsynced names: the most that a disk may
// do, short of lying. Files are not ordered against each other unless a sync stands between them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "io/disk.hpp"

namespace stele::io::simulated {

struct MemoryInode;
struct MemoryPageState;

// Mutating operations, for plans and counts. A write may be one of many pieces; it counts once.
struct DiskCounts {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;   // of bytes, and changes of size
  std::uint64_t syncs = 0;    // of files and directories
  std::uint64_t changes = 0;  // everything that changes something: writes, syncs, names
};

// Safe from any thread; one lock for all. Must outlive the files, locks and pages made from it.
class MemoryDisk final : public Disk {
 public:
  MemoryDisk();
  ~MemoryDisk() override;

  result<std::unique_ptr<File>> open(const std::filesystem::path& path, Mode mode) override;
  result<std::vector<std::string>> list(const std::filesystem::path& directory) override;
  result<bool> exists(const std::filesystem::path& path) override;
  result<void> make_directory(const std::filesystem::path& path) override;
  result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  result<void> remove(const std::filesystem::path& path) override;
  result<void> sync_directory(const std::filesystem::path& path) override;
  result<std::unique_ptr<Lock>> lock(const std::filesystem::path& path) override;
  result<std::uint64_t> free_bytes(const std::filesystem::path& path) override;
  result<std::unique_ptr<SharedPage>> shared_page(const std::filesystem::path& path, bool writable) override;

  // ---- Ending lives. Open files and locks of the life before become useless: every call is `unavailable`.

  // The power goes: see above. The same seed and the same calls before give the same bytes.
  void crash(std::uint64_t seed);
  // The process ends, the machine does not: everything written is still there.
  void kill();

  // Another machine with the same bytes and names, synced and not, and none of the plans: to see what a crash at this
  // moment would leave, and go on without one here.
  [[nodiscard]] std::unique_ptr<MemoryDisk> fork() const;

  // ---- Plans. `nth` counts from now, 1 is the next one; `number` is an errno.

  void fail_read(std::uint64_t nth, int number);
  // Half of the bytes have arrived when it fails.
  void fail_write(std::uint64_t nth, int number);
  // The error is told once to every open file of that name; the pages are clean afterwards and keep the new
  // bytes until they are dropped, the device keeps the old ones: as measured on ext4 and XFS.
  void fail_sync(std::uint64_t nth, int number);
  // From the nth change on nothing happens any more and every call is `unavailable`, until crash() or kill().
  void stop_at_change(std::uint64_t nth);
  // Whether that has happened: the machine is without power until crash() or kill().
  [[nodiscard]] bool stopped() const;
  // How many bytes all files together may still grow.
  void set_free_bytes(std::uint64_t bytes);
  void clear_plans();

  // ---- Looking and meddling, past all of the above.

  [[nodiscard]] DiskCounts counts() const;
  [[nodiscard]] std::string bytes(const std::filesystem::path& path) const;  // "" when there is none
  void put(const std::filesystem::path& path, std::string_view bytes);       // durable at once, name and all
  void flip(const std::filesystem::path& path, std::uint64_t offset, std::uint8_t mask);

 private:
  friend class MemoryFile;
  friend class MemoryLock;

  using Inode = std::shared_ptr<MemoryInode>;
  using Names = std::map<std::filesystem::path, Inode>;  // a directory is a null inode

  // A change of names that no sync of the directory has reached yet: `to` is set, `from` disappears.
  struct NameChange {
    std::filesystem::path directory;
    std::filesystem::path from;
    std::filesystem::path to;
    Inode inode;
  };
  struct Plan {
    std::uint64_t at = 0;  // the count at which it strikes; 0: never
    int number = 0;
  };

  // All under mutex_.
  static void apply(Names& names, const NameChange& change);
  void change_names(NameChange change);
  result<void> begin_change(std::string_view verb, const std::filesystem::path& path);
  [[nodiscard]] Inode find(const std::filesystem::path& path) const;
  [[nodiscard]] bool is_directory(const std::filesystem::path& path) const;
  void end_life();

  mutable std::mutex mutex_;
  Names names_;
  Names durable_names_;
  std::vector<NameChange> unsynced_names_;
  std::map<std::filesystem::path, std::shared_ptr<MemoryPageState>> pages_;
  std::set<std::filesystem::path> locked_;
  DiskCounts counts_;
  Plan read_plan_;
  Plan write_plan_;
  Plan sync_plan_;
  Plan stop_plan_;
  std::uint64_t free_ = ~std::uint64_t{0};
  std::uint64_t life_ = 0;
  bool stopped_ = false;
};

}  // namespace stele::io::simulated
