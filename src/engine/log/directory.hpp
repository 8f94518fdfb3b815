// directory.hpp - a store's directory: the names in it, the manifest and the watermark page. The segments
// themselves are segment.hpp.
//
//   LOCK        who writes           MANIFEST   which store, which format
//   watermark   what is durable      log/*.seg  the events         records.db  keyed records
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "io/world.hpp"
#include "stele/result.hpp"
#include "stele/types.hpp"

namespace stele::engine::log {

// Where things are, below the directory of a store.
[[nodiscard]] std::filesystem::path lock_path(const std::filesystem::path& store);
[[nodiscard]] std::filesystem::path manifest_path(const std::filesystem::path& store);
[[nodiscard]] std::filesystem::path watermark_path(const std::filesystem::path& store);
[[nodiscard]] std::filesystem::path log_path(const std::filesystem::path& store);

// What the log cannot say about itself. Text, one "name value" per line, the last line the checksum of the
// rest.
struct Manifest {
  Uuid store;
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  Timestamp created_at;
  bool operator==(const Manifest&) const = default;
};
[[nodiscard]] std::string encode_manifest(const Manifest& manifest);
// corrupt: not a manifest, or damaged. invalid: written by a newer version.
[[nodiscard]] result<Manifest> parse_manifest(std::string_view text);

// not_found when the directory holds no store.
result<Manifest> read_manifest(io::Disk& disk, const std::filesystem::path& store);
// The directory, log/ and a manifest with a fresh id, durable when it returns. A directory that holds
// something else is refused (invalid). Repeating it after a crash is fine.
result<Manifest> create_store(const io::World& world, const std::filesystem::path& store);

// What the writer tells its followers, and recovery, through the shared page.
struct Mark {
  Position durable;          // every event up to here survives
  Position segment;          // first position of the segment that is being written
  std::uint64_t offset = 0;  // behind the last durable frame in it
  bool operator==(const Mark&) const = default;
};

// One publisher, any number of readers in any process. A half-published mark is never read: words carry their
// own checksum.
class Watermark {
 public:
  Watermark(std::unique_ptr<io::SharedPage> page, const Uuid& store)
      : page_(std::move(page)), store_(store) {}

  // After the sync, before acknowledging. Wakes all waiters.
  void publish(const Mark& mark);
  // Nothing: never published, of another store, or damaged. No knowledge is safe; wrong knowledge is not.
  [[nodiscard]] std::optional<Mark> read() const;
  // To wait without missing anything: take sequence(), read(), then wait(sequence).
  [[nodiscard]] std::uint32_t sequence() const { return page_->sequence(); }
  bool wait(std::uint32_t seen, std::chrono::microseconds timeout) const {
    return page_->wait(seen, timeout);
  }
  // Ends waits early, for closing. A waiter that is just about to wait misses it: keep its timeouts short.
  void wake() { page_->notify(); }

 private:
  std::unique_ptr<io::SharedPage> page_;
  Uuid store_;
};

}  // namespace stele::engine::log
