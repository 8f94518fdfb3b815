// file.hpp - bytes at offsets: what the engine asks of one file. Not a stream, and no buffering: every call
// reaches the file (the real one or a simulated one), so what was synced is known exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "stele/result.hpp"

namespace stele::io {

// Positional reading, safe from any thread. Decoders take this, so that a test can hand them a string.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills `into`; fewer bytes only at the end of the file.
  virtual result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const = 0;
  virtual result<std::uint64_t> size() const = 0;
};

// The bytes of a file as memory, from when it was mapped; stays valid after the file is closed or its name is gone.
// Only for files that never change any more: whoever shortens one while it is mapped ends the process.
class Mapping {
 public:
  virtual ~Mapping() = default;
  [[nodiscard]] virtual std::string_view bytes() const = 0;
  // These will be looked at again and again: have them brought in, without waiting for it.
  virtual void prefetch(std::size_t offset, std::size_t size) const = 0;
};

// An open file. Every member may be called from any thread; two writes to the same bytes are the caller's
// race. Errors: disk_full (ENOSPC, EDQUOT, EFBIG), read_only (EROFS), denied, not_found, corrupt (the device
// could not read what it holds), unavailable (anything else). The message has the path and the reason.
class File : public ByteSource {
 public:
  // All of the bytes or an error; after an error any part of them may have reached the file.
  virtual result<void> write_at(std::uint64_t offset, std::string_view bytes) = 0;
  // The same for pieces that follow each other, as few calls to the system as possible.
  virtual result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) = 0;

  // Durable: what was written before the call survives a power cut once it returned a value. After an error
  // nothing is known and trying again proves nothing: the kernel has dropped the pages and will report
  // success.
  virtual result<void> sync_data() = 0;  // bytes and whatever is needed to find them (the size)
  virtual result<void> sync_all() = 0;   // and every attribute

  virtual result<void> resize(std::uint64_t bytes) = 0;
  // Room for [offset, offset + bytes), which reads as zeros where nothing was written: writing there will not find
  // the disk full. Extends the file; durable with the next sync.
  virtual result<void> allocate(std::uint64_t offset, std::uint64_t bytes) = 0;
  // The whole file, read only, for look-ups here and there.
  virtual result<std::unique_ptr<Mapping>> map() const = 0;
  // Forgets cached pages that are clean, so that the next read shows what the device really holds.
  virtual void drop_cache() = 0;
  [[nodiscard]] virtual const std::filesystem::path& path() const = 0;
};

// Bytes in memory as a source; borrows them.
class BytesSource final : public ByteSource {
 public:
  explicit BytesSource(std::string_view bytes) : bytes_(bytes) {}
  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override;
  result<std::uint64_t> size() const override { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

// The whole of a small file, at most `limit` bytes of it.
result<std::string> read_whole(const ByteSource& source, std::size_t limit);

}  // namespace stele::io
