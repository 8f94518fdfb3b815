// patched_source.hpp - bytes of which some cannot be read (a bad sector, a damaged block), for recovery only: where
// the source has nothing to give, other bytes stand in, so that the frames around them are still found. What stands in
// never is a frame, and never zeros.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "io/file.hpp"

namespace stele::engine::log {

// Borrows the source. One thread.
class PatchedSource final : public io::ByteSource {
 public:
  explicit PatchedSource(const io::ByteSource& source) : source_(source) {}

  // Any other error than `corrupt` is told.
  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override {
    auto whole = source_.read_at(offset, into);
    if (whole || whole.error().kind() != errc::corrupt) return whole;
    STELE_TRY(const auto size, source_.size());
    std::size_t done = 0;
    while (done < into.size() && offset + done < size) {
      const auto at = offset + done;
      const auto left = std::min<std::uint64_t>(into.size() - done, size - at);
      const auto piece =
          into.subspan(done, static_cast<std::size_t>(std::min(left, piece_bytes - at % piece_bytes)));
      const auto got = source_.read_at(at, piece);
      if (!got && got.error().kind() != errc::corrupt) return got.error();
      if (!got && why_.empty()) why_ = got.error().message();
      if (!got) std::ranges::fill(piece, stand_in);
      if (got && *got == 0) break;
      done += got ? *got : piece.size();
    }
    return done;
  }
  result<std::uint64_t> size() const override { return source_.size(); }
  // Empty: all that was asked for could be read.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  static constexpr std::uint64_t piece_bytes = 4096;  // what a disk loses at a time
  static constexpr char stand_in = '\x5A';

  const io::ByteSource& source_;
  mutable std::string why_;
};

}  // namespace stele::engine::log
