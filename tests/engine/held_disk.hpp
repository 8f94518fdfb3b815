// held_disk.hpp - a disk whose syncs of the log wait until the test lets them go, so that appends can be made to meet
// while one of them is on its way. Everything else is the disk below it.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "machine.hpp"
#include "passing_disk.hpp"

namespace stele::test {

// Where syncs wait. A sync that has not begun waiting when the gate opens does not wait at all.
class SyncGate {
 public:
  void close() {
    reached_.store(0);
    closed_.store(true);
  }
  void open() {
    closed_.store(false);
    closed_.notify_all();
  }
  void wait_until_reached() const { reached_.wait(0); }
  void pass() {
    if (!closed_.load()) return;
    reached_.fetch_add(1);
    reached_.notify_all();
    closed_.wait(true);
  }

 private:
  std::atomic<bool> closed_{false};
  std::atomic<int> reached_{0};
};

class HeldFile final : public io::File {
 public:
  HeldFile(std::unique_ptr<io::File> inner, SyncGate& gate) : inner_(std::move(inner)), gate_(gate) {}
  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override {
    return inner_->read_at(offset, into);
  }
  result<std::uint64_t> size() const override { return inner_->size(); }
  result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    return inner_->write_at(offset, bytes);
  }
  result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    return inner_->write_at(offset, pieces);
  }
  result<void> sync_data() override {
    gate_.pass();
    return inner_->sync_data();
  }
  result<void> sync_all() override {
    gate_.pass();
    return inner_->sync_all();
  }
  result<void> resize(std::uint64_t bytes) override { return inner_->resize(bytes); }
  result<void> allocate(std::uint64_t offset, std::uint64_t bytes) override {
    return inner_->allocate(offset, bytes);
  }
  result<std::unique_ptr<io::Mapping>> map() const override { return inner_->map(); }
  void drop_cache() override { inner_->drop_cache(); }
  [[nodiscard]] const std::filesystem::path& path() const override { return inner_->path(); }

 private:
  std::unique_ptr<io::File> inner_;
  SyncGate& gate_;
};

class HeldDisk final : public PassingDisk {
 public:
  HeldDisk(io::Disk& inner, SyncGate& gate) : PassingDisk(inner), gate_(gate) {}
  result<std::unique_ptr<io::File>> open(const std::filesystem::path& path, io::Mode mode) override {
    auto file = inner().open(path, mode);
    if (!file || path.parent_path().filename() != "log") return file;
    return std::unique_ptr<io::File>(std::make_unique<HeldFile>(std::move(*file), gate_));
  }

 private:
  SyncGate& gate_;
};

}  // namespace stele::test
