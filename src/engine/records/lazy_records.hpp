// lazy_records.hpp - keyed records whose file is opened by the first call that needs it: a store that keeps
// none pays nothing, and opens on a disk that has no SQLite.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>

#include "base/assert.hpp"
#include "engine/records/records.hpp"

namespace stele::engine {

class LazyRecords final : public Records {
 public:
  LazyRecords(std::filesystem::path file, bool read_only, io::Clock& clock)
      : file_(std::move(file)), read_only_(read_only), clock_(clock) {}

  result<std::optional<std::string>> get(std::string_view space, std::string_view key) override {
    STELE_TRY(auto* records, opened());
    return records->get(space, key);
  }
  result<void> put(std::string_view space, std::string_view key, std::string_view value) override {
    STELE_TRY(auto* records, opened());
    return records->put(space, key, value);
  }
  result<bool> insert(std::string_view space, std::string_view key, std::string_view value) override {
    STELE_TRY(auto* records, opened());
    return records->insert(space, key, value);
  }
  result<void> erase(std::string_view space, std::string_view key) override {
    STELE_TRY(auto* records, opened());
    return records->erase(space, key);
  }
  result<std::uint64_t> erase_older(std::string_view space, Timestamp time) override {
    STELE_TRY(auto* records, opened());
    return records->erase_older(space, time);
  }

 private:
  // An error is not kept: the next call tries again.
  result<Records*> opened() {
    const std::lock_guard lock(mutex_);
    if (!records_) {
      STELE_TRY(records_, open_records(file_, read_only_, clock_));
    }
    STELE_ASSERT(records_ != nullptr, "opened records are there");
    return records_.get();
  }

  std::filesystem::path file_;
  bool read_only_;
  io::Clock& clock_;
  std::mutex mutex_;
  std::unique_ptr<Records> records_;
};

}  // namespace stele::engine
