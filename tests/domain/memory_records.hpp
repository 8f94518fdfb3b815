// memory_records.hpp - keyed records in memory, for stores on simulated machines, whose disk SQLite cannot use.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "domain/meddling_store.hpp"

namespace stele::test {

class MemoryRecords final : public Records {
 public:
  result<std::optional<std::string>> get(std::string_view space, std::string_view key) override {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(name(space, key));
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  result<void> put(std::string_view space, std::string_view key, std::string_view value) override {
    const std::lock_guard lock(mutex_);
    values_.insert_or_assign(name(space, key), value);
    return {};
  }
  result<bool> insert(std::string_view space, std::string_view key, std::string_view value) override {
    const std::lock_guard lock(mutex_);
    return values_.emplace(name(space, key), value).second;
  }
  result<void> erase(std::string_view space, std::string_view key) override {
    const std::lock_guard lock(mutex_);
    values_.erase(name(space, key));
    return {};
  }
  result<std::uint64_t> erase_older(std::string_view, Timestamp) override { return std::uint64_t{0}; }

 private:
  using Name = std::pair<std::string, std::string>;
  static Name name(std::string_view space, std::string_view key) {
    return {std::string(space), std::string(key)};
  }
  std::mutex mutex_;
  std::map<Name, std::string> values_;
};

// A store whose records are in memory.
class StoreWithMemoryRecords final : public MeddlingStore {
 public:
  using MeddlingStore::MeddlingStore;
  Records& records() override { return records_; }

 private:
  MemoryRecords records_;
};

}  // namespace stele::test
