// backup_list.cpp - the list as lines of words, and back without believing any of them.
#include "engine/backup/backup_list.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "engine/log/segment.hpp"

namespace stele::engine {
namespace {

constexpr std::size_t list_limit = 64u << 20;  // a million segments are more than fit on a disk
constexpr std::string_view list_title = "stele backup";
constexpr std::string_view list_format = "1.0";
constexpr std::string_view crc_word = "crc32c ";

std::string hex_digits(std::uint64_t value, int digits) {
  std::array<char, 24> text{};
  const auto length =
      std::snprintf(text.data(), text.size(), "%0*llx", digits, static_cast<unsigned long long>(value));
  STELE_ASSERT(length == digits, "the number has as many digits as asked for", length, digits);
  return {text.data(), static_cast<std::size_t>(length)};
}

Error damaged_list(std::string_view why) {
  return Error(errc::corrupt, "the backup's list is damaged: " + std::string(why))
      .help("take a new backup into an empty directory; this one cannot be trusted");
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto end = line.find(' ');
    words.push_back(line.substr(0, end));
    line = end == std::string_view::npos ? std::string_view{} : line.substr(end + 1);
  }
  return words;
}

std::optional<std::uint64_t> number_of(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, base);
  if (read.ec != std::errc{} || read.ptr != end || text.empty()) return std::nullopt;
  return value;
}

std::optional<std::uint32_t> crc_of(std::string_view text) {
  const auto value = number_of(text, 16);
  if (!value || text.size() != 8) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

// "segment FIRST LAST SALT BYTES CRC TIME closed|open"
std::optional<SegmentCopy> segment_of(const std::vector<std::string_view>& words) {
  if (words.size() != 8 || (words[7] != "closed" && words[7] != "open")) return std::nullopt;
  const auto first = number_of(words[1], 10);
  const auto last = number_of(words[2], 10);
  const auto salt = number_of(words[3], 16);
  const auto bytes = number_of(words[4], 10);
  const auto crc = crc_of(words[5]);
  const auto time = parse_time(words[6]);
  if (!first || !last || !salt || !bytes || !crc || !time) return std::nullopt;
  return SegmentCopy{.first = Position(*first),
                     .last = Position(*last),
                     .salt = *salt,
                     .bytes = *bytes,
                     .crc = *crc,
                     .last_recorded_at = *time,
                     .closed = words[7] == "closed"};
}

// "records FILE BYTES CRC"; the name leads nowhere else.
std::optional<RecordsCopy> records_of(const std::vector<std::string_view>& words) {
  if (words.size() != 4 || words[1].find('/') != std::string_view::npos || !words[1].starts_with("records-"))
    return std::nullopt;
  const auto bytes = number_of(words[2], 10);
  const auto crc = crc_of(words[3]);
  if (!bytes || !crc) return std::nullopt;
  return RecordsCopy{.file = std::string(words[1]), .bytes = *bytes, .crc = *crc};
}

// Takes one line into the list; false when it makes no sense there.
bool take_line(std::string_view line, BackupList& list) {
  const auto words = words_of(line);
  if (words.empty()) return false;
  if (words[0] == "store" && words.size() == 2) {
    const auto id = parse_uuid(words[1]);
    if (id) list.store.store = *id;
    return id.has_value();
  }
  if (words[0] == "created" || words[0] == "taken") {
    const auto time = words.size() == 2 ? parse_time(words[1]) : std::nullopt;
    if (time) (words[0] == "taken" ? list.taken_at : list.store.created_at) = *time;
    return time.has_value();
  }
  if (words[0] == "segment") {
    const auto segment = segment_of(words);
    if (segment) list.segments.push_back(*segment);
    return segment.has_value();
  }
  if (words[0] != "records") return false;
  list.records = records_of(words);
  return list.records.has_value();
}

// Dense from position 1 on, only the last one open, none without its header.
bool segments_follow(const std::vector<SegmentCopy>& segments) {
  Position next(1);
  for (const auto& segment : segments) {
    if (segment.first != next || segment.last < segment.first) return false;
    if (segment.bytes < log::segment_header_bytes) return false;
    if (!segment.closed && &segment != &segments.back()) return false;
    next = segment.last.next();
  }
  return true;
}

}  // namespace

std::string SegmentCopy::file_name() const {
  auto name = log::segment_name(first);
  name.insert(name.find('.'), "-" + hex_digits(salt, 16));
  return name;
}

const SegmentCopy* BackupList::find(Position first) const {
  const auto found = std::ranges::find(segments, first, &SegmentCopy::first);
  return found == segments.end() ? nullptr : &*found;
}

void BackupList::put(const SegmentCopy& segment) {
  const auto place = std::ranges::lower_bound(segments, segment.first, {}, &SegmentCopy::first);
  if (place != segments.end() && place->first == segment.first)
    *place = segment;
  else
    segments.insert(place, segment);
  STELE_ASSERT(segments_follow(segments), "the copies are a beginning of the log", segment.first.value(),
               segment.last.value());
}

std::filesystem::path backup_list_path(const std::filesystem::path& backup) { return backup / "BACKUP"; }

std::string encode_backup_list(const BackupList& list) {
  STELE_ASSERT(segments_follow(list.segments), "a list is a beginning of the log", list.segments.size());
  auto text = std::string(list_title) + "\nformat " + std::string(list_format) + '\n';
  text += "store " + to_string(list.store.store) + '\n';
  text += "created " + to_string(list.store.created_at) + '\n';
  text += "taken " + to_string(list.taken_at) + '\n';
  for (const auto& segment : list.segments) {
    text += "segment " + std::to_string(segment.first.value()) + ' ' + std::to_string(segment.last.value()) +
            ' ' + hex_digits(segment.salt, 16) + ' ' + std::to_string(segment.bytes) + ' ' +
            hex_digits(segment.crc, 8) + ' ' + to_string(segment.last_recorded_at) +
            (segment.closed ? " closed\n" : " open\n");
  }
  if (list.records) {
    text += "records " + list.records->file + ' ' + std::to_string(list.records->bytes) + ' ' +
            hex_digits(list.records->crc, 8) + '\n';
  }
  return text + std::string(crc_word) + hex_digits(base::crc32c(text), 8) + '\n';
}

result<BackupList> parse_backup_list(std::string_view text) {
  const auto title = std::string(list_title) + "\nformat ";
  if (!text.starts_with(title)) return damaged_list("it does not begin as one");
  const auto version = text.substr(title.size(), text.find('\n', title.size()) - title.size());
  if (!version.starts_with("1.")) {
    return Error(errc::invalid,
                 "this backup has format " + std::string(version.substr(0, 16)) + ", newer than this program")
        .help("use a newer version of stele");
  }
  const auto sum = text.rfind(crc_word);
  if (sum == std::string_view::npos ||
      text.substr(sum) != std::string(crc_word) + hex_digits(base::crc32c(text.substr(0, sum)), 8) + '\n')
    return damaged_list("it does not match its checksum");
  BackupList list;
  list.store.major = log::format_major;
  list.store.minor = log::plain_minor;
  auto lines = text.substr(0, sum);
  lines.remove_prefix(std::min(lines.size(), title.size() + version.size() + 1));
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    if (end == std::string_view::npos || !take_line(lines.substr(0, end), list))
      return damaged_list("a line of it makes no sense");
    lines.remove_prefix(end + 1);
  }
  if (!segments_follow(list.segments)) return damaged_list("its segments do not follow each other");
  return list;
}

result<BackupList> read_backup_list(io::Disk& disk, const std::filesystem::path& backup) {
  STELE_TRY(const bool there, disk.exists(backup_list_path(backup)));
  if (!there)
    return Error(errc::not_found, "there is no backup in " + backup.string()).with("path", backup.string());
  STELE_TRY(const auto file, disk.open(backup_list_path(backup), io::Mode::read));
  STELE_TRY(const auto text, io::read_whole(*file, list_limit));
  auto list = parse_backup_list(text);
  if (!list) return std::move(list).error().at(backup.string());
  return list;
}

}  // namespace stele::engine
