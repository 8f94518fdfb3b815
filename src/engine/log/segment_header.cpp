// segment_header.cpp - the first 4096 bytes of a segment and its name. The frames behind are not looked at.
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdio>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "engine/log/frame.hpp"
#include "engine/log/packed_file.hpp"
#include "engine/log/segment.hpp"

namespace stele::engine::log {
namespace {

using base::load_le;
using base::store_le;

// Offsets in one copy; frozen like those of the frame.
constexpr std::size_t header_copy_bytes = segment_header_bytes / 2;
constexpr std::string_view header_magic = "STELESEG";
constexpr std::size_t header_checksum = 8, header_major = 12, header_minor = 14, header_compatible = 16,
                      header_read_only = 20, header_incompatible = 24, header_store = 32, header_first = 48,
                      header_salt = 56, header_created = 64, header_capacity = 72, header_last = 80,
                      header_events = 88, header_end = 96, header_block_bytes = 104, header_blocks = 108,
                      header_table = 112, header_archive_length = 120, header_archive = 122;
constexpr std::string_view segment_suffix = ".seg";
constexpr std::size_t name_digits = 20;

std::string encode_copy(const SegmentHeader& header) {
  std::string bytes(header_copy_bytes, '\0');
  char* const to = bytes.data();
  std::copy(header_magic.begin(), header_magic.end(), to);
  store_le<std::uint16_t>(to + header_major, header.major);
  store_le<std::uint16_t>(to + header_minor, header.minor);
  store_le<std::uint32_t>(to + header_compatible, header.compatible);
  store_le<std::uint32_t>(to + header_read_only, header.read_only_compatible);
  store_le<std::uint32_t>(to + header_incompatible, header.incompatible);
  std::copy(header.store.bytes().begin(), header.store.bytes().end(), to + header_store);
  store_le<std::uint64_t>(to + header_first, header.first.value());
  store_le<std::uint64_t>(to + header_salt, header.salt);
  store_le<std::uint64_t>(to + header_created,
                          static_cast<std::uint64_t>(header.created_at.time_since_epoch().count()));
  store_le<std::uint64_t>(to + header_capacity, header.capacity);
  store_le<std::uint64_t>(to + header_last, header.last.value());
  store_le<std::uint64_t>(to + header_events, header.events);
  store_le<std::uint64_t>(to + header_end, header.end);
  store_le<std::uint32_t>(to + header_block_bytes, header.block_bytes);
  store_le<std::uint32_t>(to + header_blocks, header.blocks);
  store_le<std::uint64_t>(to + header_table, header.table);
  STELE_ASSERT(header.archive.size() <= largest_archive_path, "a path fits the header",
               header.archive.size());
  store_le<std::uint16_t>(to + header_archive_length, static_cast<std::uint16_t>(header.archive.size()));
  std::copy(header.archive.begin(), header.archive.end(), to + header_archive);
  store_le<std::uint32_t>(to + header_checksum, base::crc32c(std::string_view(bytes).substr(header_major)));
  return bytes;
}

// Whether what a segment says of itself, once nothing is written to it any more, can be.
bool extent_holds(const SegmentHeader& header) {
  return header.last >= header.first && header.events <= header.last.value() - header.first.value() + 1 &&
         header.end >= segment_header_bytes && header.end % frame_alignment == 0;
}

// Sizes that memory and files can have: a block is never larger than what was asked for, whatever the file says.
bool blocks_hold(const SegmentHeader& header) {
  const std::uint64_t size = header.block_bytes;
  if (size < smallest_block || size > largest_block || !std::has_single_bit(size)) return false;
  const auto frames = header.end - segment_header_bytes;
  return header.blocks == frames / size + (frames % size == 0 ? 0 : 1) &&
         header.table >= segment_header_bytes && header.table - segment_header_bytes <= frames;
}

// With features that nobody here knows it is not for us to say.
bool makes_sense(const SegmentHeader& header) {
  if (header.incompatible == 0 || (header.incompatible & ~known_features) != 0) return true;
  if (header.is_packed() && header.is_archived()) return false;
  return extent_holds(header) && (!header.is_packed() || blocks_hold(header)) &&
         (!header.is_archived() || !header.archive.empty());
}

std::optional<SegmentHeader> parse_copy(std::string_view bytes) {
  if (bytes.size() < header_copy_bytes || !bytes.starts_with(header_magic)) return std::nullopt;
  const auto copy = bytes.substr(0, header_copy_bytes);
  const char* const at = copy.data();
  if (load_le<std::uint32_t>(at + header_checksum) != base::crc32c(copy.substr(header_major)))
    return std::nullopt;
  SegmentHeader header;
  header.major = load_le<std::uint16_t>(at + header_major);
  header.minor = load_le<std::uint16_t>(at + header_minor);
  header.compatible = load_le<std::uint32_t>(at + header_compatible);
  header.read_only_compatible = load_le<std::uint32_t>(at + header_read_only);
  header.incompatible = load_le<std::uint32_t>(at + header_incompatible);
  std::array<std::uint8_t, 16> store{};
  std::copy_n(at + header_store, store.size(), store.begin());
  header.store = Uuid(store);
  header.first = Position(load_le<std::uint64_t>(at + header_first));
  header.salt = load_le<std::uint64_t>(at + header_salt);
  const auto created = static_cast<std::int64_t>(load_le<std::uint64_t>(at + header_created));
  header.created_at = Timestamp(std::chrono::microseconds(created));
  header.capacity = load_le<std::uint64_t>(at + header_capacity);
  header.last = Position(load_le<std::uint64_t>(at + header_last));
  header.events = load_le<std::uint64_t>(at + header_events);
  header.end = load_le<std::uint64_t>(at + header_end);
  header.block_bytes = load_le<std::uint32_t>(at + header_block_bytes);
  header.blocks = load_le<std::uint32_t>(at + header_blocks);
  header.table = load_le<std::uint64_t>(at + header_table);
  const std::size_t path = load_le<std::uint16_t>(at + header_archive_length);
  header.archive = copy.substr(header_archive, std::min(path, largest_archive_path));
  if (!makes_sense(header)) return std::nullopt;
  return header;
}

}  // namespace

std::string encode_header(const SegmentHeader& header) {
  STELE_ASSERT(header.first.value() > 0, "positions begin at 1", header.first.value());
  const auto copy = encode_copy(header);
  STELE_ASSERT(copy.size() * 2 == segment_header_bytes, "two copies are the header", copy.size());
  STELE_ASSERT(parse_copy(copy) == header, "what is written reads back", header.first.value(), header.salt);
  return copy + copy;
}

ParsedHeader parse_header(std::string_view bytes) {
  const auto one = parse_copy(bytes);
  const auto two =
      bytes.size() < segment_header_bytes ? std::nullopt : parse_copy(bytes.substr(header_copy_bytes));
  if (one && two) return {one, *one == *two ? "" : "the two copies of the segment header differ"};
  if (one) return {one, "the second copy of the segment header is damaged"};
  if (two) return {two, "the first copy of the segment header is damaged"};
  return {std::nullopt, bytes.size() < segment_header_bytes
                            ? "the segment header is cut short"
                            : "both copies of the segment header are damaged"};
}

std::optional<Error> refuse(const SegmentHeader& header, bool to_write) {
  const bool readable = header.major <= format_major && (header.incompatible & ~known_features) == 0;
  if (readable && (!to_write || header.read_only_compatible == 0)) return std::nullopt;
  const auto version = std::to_string(header.major) + '.' + std::to_string(header.minor);
  return Error(readable ? errc::read_only : errc::invalid,
               std::string("the segment of position ") + std::to_string(header.first.value()) +
                   " was written in log format " + version + (readable ? " and can only be read" : ""))
      .with("format", version)
      .with("known", std::to_string(format_major) + '.' + std::to_string(format_minor))
      .help("use the version of stele that wrote it, or a newer one");
}

std::string segment_name(Position first) {
  std::array<char, 32> text{};
  const auto length =
      std::snprintf(text.data(), text.size(), "%020llu.seg", static_cast<unsigned long long>(first.value()));
  STELE_ASSERT(length == static_cast<int>(name_digits + segment_suffix.size()), "names have one length",
               length);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<Position> parse_segment_name(std::string_view name) {
  if (name.size() != name_digits + segment_suffix.size() || !name.ends_with(segment_suffix))
    return std::nullopt;
  std::uint64_t first = 0;
  const char* const end = name.data() + name_digits;
  const auto [stopped, failed] = std::from_chars(name.data(), end, first);
  if (failed != std::errc{} || stopped != end || first == 0) return std::nullopt;
  return Position(first);
}

}  // namespace stele::engine::log
