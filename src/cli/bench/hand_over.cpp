// hand_over.cpp - waiting threads handing requests to one committer and nothing else: no log, no checks, no
// index. What it reaches is what thread wake-ups and the disk allow.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cli/bench/disk_probe.hpp"
#include "io/world.hpp"

namespace stele::cli::bench {
namespace {

constexpr std::uint64_t hand_over_file_bytes = 8u << 20;

class Committer {
 public:
  Committer(io::File& file, std::uint64_t bytes) : file_(file), bytes_(bytes) {}

  // One request: returns when it was synced, or when everything has ended.
  void request(std::atomic<std::uint32_t>& answered) {
    const auto before = answered.load();
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      waiting_.push_back(&answered);
    }
    arrived_.notify_one();
    answered.wait(before);
  }

  // Until end(): everything that waits goes with one write and one sync.
  void commit() {
    std::vector<std::atomic<std::uint32_t>*> batch;
    std::uint64_t offset = 0;
    while (take(batch)) {
      const std::string block(batch.size() * bytes_, '\x5a');
      if (offset + block.size() > hand_over_file_bytes) offset = 0;
      failed_ = failed_ || !file_.write_at(offset, block) || !file_.sync_data();
      offset += block.size();
      served_ += batch.size();
      for (auto* answered : batch) {
        answered->fetch_add(1);
        answered->notify_one();
      }
      batch.clear();
    }
  }

  void end() {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    arrived_.notify_one();
  }

  [[nodiscard]] std::uint64_t served() const { return served_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  // Waits for requests; false when everything has ended and nobody waits any more.
  bool take(std::vector<std::atomic<std::uint32_t>*>& batch) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    batch.swap(waiting_);
    return !batch.empty();
  }

  io::File& file_;
  std::uint64_t bytes_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::atomic<std::uint32_t>*> waiting_;
  bool ending_ = false;
  bool failed_ = false;       // of the committing thread, read after it ended
  std::uint64_t served_ = 0;  // likewise
};

result<std::unique_ptr<io::File>> filled_file(const std::filesystem::path& path) {
  STELE_TRY(auto file, io::real_world().disk.open(path, io::Mode::create));
  STELE_CHECK(file->write_at(0, std::string(hand_over_file_bytes, '\0')));
  STELE_CHECK(file->sync_data());
  return file;
}

}  // namespace

// Each caller makes one request at least, and checks the deadline between requests only, so the last ones run over it:
// the real time is measured.
result<double> probe_hand_over(const std::filesystem::path& directory, std::size_t threads,
                               std::uint64_t bytes, double seconds) {
  STELE_TRY(const auto file, filled_file(directory / "hand-over"));
  Committer committer(*file, bytes);
  const auto begin = std::chrono::steady_clock::now();
  const auto deadline =
      begin + std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
  std::thread committing([&] { committer.commit(); });
  std::vector<std::jthread> callers;
  callers.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    callers.emplace_back([&] {
      std::atomic<std::uint32_t> answered{0};
      do {
        committer.request(answered);
      } while (std::chrono::steady_clock::now() < deadline);
    });
  }
  callers.clear();
  committer.end();
  committing.join();
  const auto taken = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  STELE_CHECK(io::real_world().disk.remove(directory / "hand-over"));
  if (committer.failed()) return Error(errc::unavailable, "the disk failed while it was measured");
  return static_cast<double>(committer.served()) / taken;
}

}  // namespace stele::cli::bench
