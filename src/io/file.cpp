// file.cpp - what every ByteSource can do, whoever implements it.
#include "io/file.hpp"

#include <algorithm>
#include <cstring>

namespace stele::io {

result<std::size_t> BytesSource::read_at(std::uint64_t offset, std::span<char> into) const {
  if (offset >= bytes_.size() || into.empty()) return std::size_t{0};
  const auto count = std::min(into.size(), bytes_.size() - static_cast<std::size_t>(offset));
  std::memcpy(into.data(), bytes_.data() + offset, count);
  return count;
}

result<std::string> read_whole(const ByteSource& source, std::size_t limit) {
  STELE_TRY(const auto size, source.size());
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(size, limit)), '\0');
  STELE_TRY(const auto got, source.read_at(0, bytes));
  bytes.resize(got);
  return bytes;
}

}  // namespace stele::io
