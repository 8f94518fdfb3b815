// log_frame.cpp - any bytes as a segment: frames, records, headers and recovery must stay inside them. The header's
// checksum is made right first, so that what is behind it is reached.
#include <algorithm>
#include <cstdint>
#include <string>

#include "engine/log/frame_layout.hpp"
#include "engine/log/recovery.hpp"
#include "engine/log/segment.hpp"

namespace {

using namespace stele;
using namespace stele::engine::log;

const Uuid store = Uuid::from_name({}, "fuzz");

void mend_header(std::string& frame, std::uint64_t salt) {
  if (frame.size() < frame_header_bytes) return;
  base::store_le<std::uint32_t>(frame.data(), frame_magic);
  const auto front = layout::front_bytes(base::load_le<std::uint32_t>(frame.data() + layout::write_count));
  if (front > frame.size()) return;
  const auto covered = std::string_view(frame).substr(layout::total_size, front - layout::total_size);
  base::store_le<std::uint32_t>(frame.data() + layout::header_crc,
                                base::crc32c(covered, layout::place_seed(salt, segment_header_bytes)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  (void)parse_record(bytes);
  (void)parse_header(bytes);
  SegmentHeader header;
  header.store = store;
  header.first = Position(1);
  mend_header(bytes, header.salt);
  const auto parsed = parse_frame(bytes, header.salt, segment_header_bytes);
  if (parsed.front) (void)find_write(bytes, *parsed.front, parsed.front->writes - 1);
  const auto image = encode_header(header) + bytes;
  const io::BytesSource source(image);
  std::uint64_t events = 0;
  const auto report = recover({store, {{segment_name(header.first), &source}}, Position(size % 3)},
                              [&](std::size_t, std::uint64_t, const FrameView& frame) {
                                for (FrameEvents walk(frame); walk.next();)
                                  events += walk.event().data.size();
                              });
  if (!report || events > size) __builtin_trap();
  return 0;
}
