// bare_log.hpp - a log for tests of reading: random events in segments in memory and the index over them, without a
// store or a writer around it.
#pragma once

#include <map>

#include "engine/index/index.hpp"
#include "engine/segments.hpp"
#include "engine/visibility.hpp"
#include "io/simulated/memory_disk.hpp"
#include "random_queries.hpp"
#include "store_fixture.hpp"

namespace stele::test {

// A log without a store around it: segments in memory, the index over them, no writer.
class BareLog {
 public:
  explicit BareLog(Dice& dice) : dice_(dice) {}

  void add_segment() { add_segment(dice_.below(6) + 1); }
  void add_segment(std::uint64_t frames) {
    header_ = {};
    header_.first = next_;
    header_.salt = dice_.below(1u << 30);
    image_ = encode_header(header_);
    frames_.clear();
    for (; frames > 0; --frames) add_frame();
    const auto name = "/" + engine::log::segment_name(header_.first);
    auto file = must(disk.open(name, io::Mode::create));
    must(file->write_at(0, image_));
    const auto ordinal = segments.add(std::move(file), header_, image_.size());
    for (const auto offset : frames_) {
      const auto bytes = std::string_view(image_).substr(offset);
      index.add(ordinal, offset, engine::log::parse_frame(bytes, header_.salt, offset).frame);
    }
    visibility.publish(Position(events.size()));
  }

  std::vector<Asked> events;  // events[i] has position i + 1
  engine::Index index;
  engine::Segments segments;
  engine::Visibility visibility;
  io::simulated::MemoryDisk disk;

 private:
  // Streams differ within a frame; each write has the events of one of them.
  void add_frame() {
    std::map<std::string, std::vector<Asked>> writes_of;
    for (auto i = dice_.below(8) + 1; i > 0; --i) {
      auto event = random_event(dice_);
      writes_of[event.stream].push_back(std::move(event));
    }
    std::vector<StreamWrite> writes;
    std::vector<Revision> revisions;
    const auto first = next_;
    for (auto& [stream, asked] : writes_of) {
      auto& write = writes.emplace_back(StreamWrite{stream, {}, {}});
      revisions.push_back(next_revision_[stream]);
      for (auto& one : asked) {
        auto made = event(one.type, std::string(dice_.skewed(40), 'x'), Uuid::random());
        made.tags = one.tags;
        write.events.push_back(std::move(made));
        events.push_back(std::move(one));
        next_ = next_.next();
        next_revision_[stream] = next_revision_[stream].next();
      }
    }
    auto frame = engine::log::encode(writes);
    frames_.push_back(image_.size());
    engine::log::seal(frame, {.first = first,
                              .recorded_at = Timestamp{},
                              .durable = Position(first.value() - 1),
                              .first_revisions = revisions,
                              .salt = header_.salt,
                              .offset = image_.size()});
    image_ += frame.bytes;
  }

  Dice& dice_;
  Position next_{1};
  std::map<std::string, Revision> next_revision_;
  engine::log::SegmentHeader header_;
  std::string image_;
  std::vector<std::uint64_t> frames_;
};

}  // namespace stele::test
