// open_segment.hpp - one segment file, opened for reading wherever and however its frames are kept: plain, compressed,
// or in an archive. Whoever reads the log opens its segments here.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/log/block_cache.hpp"
#include "engine/log/segment.hpp"
#include "io/disk.hpp"

namespace stele::engine::log {

// How a store reads segments that are cold.
struct ColdPlaces {
  std::filesystem::path archive;  // looked in before the directory that a segment names; may be empty
  std::shared_ptr<BlockCache> cache = std::make_shared<BlockCache>();
};

// The header that the file has, and its frames at the offsets they were written to. A file without a readable header
// is returned as it is: what that means is recovery's business.
//
// An archived segment is looked for when it is first read, and again with every read while it is not found: reads are
// then `unavailable`, with the facts segment and archive, and opening is none of them.
result<std::shared_ptr<io::File>> open_segment(io::Disk& disk, const std::filesystem::path& path,
                                               const ColdPlaces& places = {});

// The header of an open file; nothing when it has none.
result<ParsedHeader> read_header(const io::ByteSource& bytes);

}  // namespace stele::engine::log
