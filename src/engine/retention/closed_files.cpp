// closed_files.cpp - listing and opening.
#include "engine/retention/closed_files.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {

// The last one is being written; all before it are closed and durable. A file may have been begun that the index has
// not come to yet: then the one before it has no complete part that could be replaced.
result<std::vector<std::string>> closed_names(const ClosedPlace& place, const Index& index) {
  STELE_TRY(auto names, place.disk.list(place.log_directory));
  std::erase_if(names, [](const auto& name) { return !log::parse_segment_name(name); });
  STELE_ASSERT(std::ranges::is_sorted(names), "names are listed in order", names.size());
  const auto growing = index.parts()->back()->first();
  std::erase_if(names, [growing](const auto& name) { return *log::parse_segment_name(name) > growing; });
  return names;
}

result<ClosedFile> open_closed(const ClosedPlace& place, const std::string& name,
                               const std::string& next_name) {
  ClosedFile closed;
  closed.path = place.log_directory / name;
  STELE_TRY(const auto raw, place.disk.open(closed.path, io::Mode::read));
  STELE_TRY(closed.file_bytes, raw->size());
  STELE_TRY(closed.file, log::open_segment(place.disk, closed.path, place.cold));
  STELE_TRY(const auto parsed, log::read_header(*closed.file));
  if (!parsed.header || parsed.header->store != place.store ||
      log::segment_name(parsed.header->first) != name)
    return Error(errc::corrupt, name + " is not a whole segment of this store").with("file", name);
  if (auto refused = log::refuse(*parsed.header, true)) return *std::move(refused);
  const auto next = log::parse_segment_name(next_name);
  STELE_ASSERT(next && *next > parsed.header->first, "segments are in order", next_name);
  closed.segment = {closed.file.get(), *parsed.header, Position(next->value() - 1)};
  return closed;
}

result<void> forget_file(io::Disk& disk, const std::filesystem::path& path) {
  STELE_TRY(const bool there, disk.exists(path));
  return there ? disk.remove(path) : result<void>{};
}

}  // namespace stele::engine
