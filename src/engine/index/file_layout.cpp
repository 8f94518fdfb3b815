// file_layout.cpp - the header page, file names and the small encodings of index files.
#include "engine/index/file_layout.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdio>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace stele::engine::layout {
namespace {

using base::load_le;
using base::store_le;

constexpr std::string_view index_suffix = ".idx";
constexpr std::size_t digits = 20;

std::uint32_t crc_of_header(std::string_view page) {
  return base::crc32c(page.substr(header_major, page_bytes - header_major));
}

// Sections lie one behind the other, the checksums last.
bool sections_fit(const Header& header) {
  std::uint64_t at = page_bytes;
  for (const auto& [kind, place] : header.sections) {
    if (place.offset < at || place.offset % section_alignment != 0) return false;
    if (place.offset > header.file_bytes || place.size > header.file_bytes - place.offset) return false;
    at = place.offset + place.size;
  }
  return !header.sections.empty() && header.sections.back().first == Section::checksums &&
         at == header.file_bytes && header.sections.back().second.offset % page_bytes == 0;
}

}  // namespace

std::string encode_header(const Header& header) {
  STELE_ASSERT(header.first <= header.last, "an index file covers events", header.first.value());
  STELE_ASSERT(sections_fit(header), "sections lie in the file", header.file_bytes);
  std::string page(page_bytes, '\0');
  char* const to = page.data();
  std::copy(magic.begin(), magic.end(), to);
  store_le<std::uint16_t>(to + header_major, major);
  store_le<std::uint16_t>(to + header_minor, minor);
  std::copy(header.store.bytes().begin(), header.store.bytes().end(), to + header_store);
  store_le<std::uint64_t>(to + header_first, header.first.value());
  store_le<std::uint64_t>(to + header_last, header.last.value());
  store_le<std::uint64_t>(to + header_time,
                          static_cast<std::uint64_t>(header.last_recorded_at.time_since_epoch().count()));
  store_le<std::uint64_t>(to + header_size, header.file_bytes);
  store_le<std::uint32_t>(to + header_pages, header.pages_crc);
  store_le<std::uint32_t>(to + header_count, static_cast<std::uint32_t>(header.sections.size()));
  char* entry = to + header_table;
  for (const auto& [kind, place] : header.sections) {
    store_le<std::uint32_t>(entry, static_cast<std::uint32_t>(kind));
    store_le<std::uint32_t>(entry + 4, place.parameter);
    store_le<std::uint64_t>(entry + 8, place.offset);
    store_le<std::uint64_t>(entry + 16, place.size);
    entry += table_entry;
  }
  store_le<std::uint32_t>(to + header_crc, crc_of_header(page));
  return page;
}

std::optional<Header> parse_header(std::string_view page) {
  if (page.size() < page_bytes || !page.starts_with(magic)) return std::nullopt;
  const char* const at = page.data();
  if (load_le<std::uint32_t>(at + header_crc) != crc_of_header(page)) return std::nullopt;
  if (load_le<std::uint16_t>(at + header_major) != major) return std::nullopt;
  Header header;
  std::array<std::uint8_t, 16> store{};
  std::copy_n(at + header_store, store.size(), store.begin());
  header.store = Uuid(store);
  header.first = Position(load_le<std::uint64_t>(at + header_first));
  header.last = Position(load_le<std::uint64_t>(at + header_last));
  const auto time = static_cast<std::int64_t>(load_le<std::uint64_t>(at + header_time));
  header.last_recorded_at = Timestamp(std::chrono::microseconds(time));
  header.file_bytes = load_le<std::uint64_t>(at + header_size);
  header.pages_crc = load_le<std::uint32_t>(at + header_pages);
  const auto count = load_le<std::uint32_t>(at + header_count);
  if (count > (page_bytes - header_table) / table_entry) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    const char* const entry = at + header_table + i * table_entry;
    header.sections.emplace_back(Section{load_le<std::uint32_t>(entry)},
                                 Place{load_le<std::uint64_t>(entry + 8), load_le<std::uint64_t>(entry + 16),
                                       load_le<std::uint32_t>(entry + 4)});
  }
  if (header.first == Position{} || header.last < header.first || !sections_fit(header)) return std::nullopt;
  return header;
}

std::string file_name(Position first, Position last) {
  std::array<char, 64> text{};
  const auto length = std::snprintf(text.data(), text.size(), "%020llu-%020llu.idx",
                                    static_cast<unsigned long long>(first.value()),
                                    static_cast<unsigned long long>(last.value()));
  STELE_ASSERT(length == static_cast<int>(2 * digits + 1 + index_suffix.size()), "names have one length",
               length);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<std::pair<Position, Position>> parse_file_name(std::string_view name) {
  if (name.size() != 2 * digits + 1 + index_suffix.size() || !name.ends_with(index_suffix))
    return std::nullopt;
  const auto number = [name](std::size_t at) {
    std::uint64_t value = 0;
    const char* const begin = name.data() + at;
    const auto [stopped, failed] = std::from_chars(begin, begin + digits, value);
    return failed == std::errc{} && stopped == begin + digits ? value : 0;
  };
  const auto first = number(0);
  const auto last = number(digits + 1);
  if (first == 0 || last < first || name[digits] != '-') return std::nullopt;
  return std::pair(Position(first), Position(last));
}

void put_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
  to += static_cast<char>(value);
}

std::optional<std::uint64_t> take_varint(std::string_view& from) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < from.size() && i < 10; ++i) {
    const auto byte = static_cast<std::uint8_t>(from[i]);
    value |= std::uint64_t{byte & 0x7Fu} << (7 * i);
    if (byte < 0x80) {
      from.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

std::uint64_t filter_blocks(std::uint64_t keys, std::uint64_t bits_per_key) {
  return std::max<std::uint64_t>(1, (keys * bits_per_key + 511) / 512);
}

std::uint32_t fan_out_bits(std::uint64_t entries) {
  return std::clamp<std::uint32_t>(static_cast<std::uint32_t>(std::bit_width(entries / 4)), 1, 26);
}

}  // namespace stele::engine::layout
