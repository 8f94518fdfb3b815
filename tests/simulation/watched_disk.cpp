// watched_disk.cpp - tells the watcher, then passes on.
#include "watched_disk.hpp"

#include <utility>

namespace stele::simulation {
namespace {

namespace fs = std::filesystem;

class WatchedFile final : public io::File {
 public:
  WatchedFile(std::unique_ptr<io::File> inner, DiskWatcher& watcher, Lie lie)
      : inner_(std::move(inner)), watcher_(watcher), lie_(lie) {}

  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override {
    return inner_->read_at(offset, into);
  }
  result<std::uint64_t> size() const override { return inner_->size(); }
  result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    return write_at(offset, std::span(&bytes, 1));
  }
  result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    watcher_.before_change(path());
    if (std::exchange(owed_, false)) STELE_CHECK(inner_->sync_data());
    end_ = offset;
    for (const auto& piece : pieces) end_ += piece.size();
    return inner_->write_at(offset, pieces);
  }
  result<void> sync_data() override {
    watcher_.before_change(path());
    watcher_.during_sync(path(), end_);
    owed_ = lie_ == Lie::late_sync;
    if (lie_ == Lie::no_sync || owed_) return {};
    return inner_->sync_data();
  }
  result<void> sync_all() override {
    watcher_.before_change(path());
    if (lie_ == Lie::no_sync) return {};
    return inner_->sync_all();
  }
  result<void> resize(std::uint64_t bytes) override {
    watcher_.before_change(path());
    return inner_->resize(bytes);
  }
  result<void> allocate(std::uint64_t offset, std::uint64_t bytes) override {
    watcher_.before_change(path());
    return inner_->allocate(offset, bytes);
  }
  result<std::unique_ptr<io::Mapping>> map() const override { return inner_->map(); }
  void drop_cache() override { inner_->drop_cache(); }
  [[nodiscard]] const fs::path& path() const override { return inner_->path(); }

 private:
  std::unique_ptr<io::File> inner_;
  DiskWatcher& watcher_;
  Lie lie_;
  bool owed_ = false;  // a sync that was said to be done
  std::uint64_t end_ = 0;
};

}  // namespace

result<std::unique_ptr<io::File>> WatchedDisk::open(const fs::path& path, io::Mode mode) {
  if (mode == io::Mode::create) watcher_.before_change(path);
  STELE_TRY(auto file, inner_.open(path, mode));
  return std::unique_ptr<io::File>(std::make_unique<WatchedFile>(std::move(file), watcher_, lie_));
}

result<void> WatchedDisk::make_directory(const fs::path& path) {
  watcher_.before_change(path);
  return inner_.make_directory(path);
}

result<void> WatchedDisk::rename(const fs::path& from, const fs::path& to) {
  watcher_.before_change(from);
  return inner_.rename(from, to);
}

result<void> WatchedDisk::remove(const fs::path& path) {
  watcher_.before_change(path);
  return inner_.remove(path);
}

result<void> WatchedDisk::sync_directory(const fs::path& path) {
  watcher_.before_change(path);
  if (lie_ == Lie::no_directory_sync) return {};
  return inner_.sync_directory(path);
}

}  // namespace stele::simulation
