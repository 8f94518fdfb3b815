// log_builder.cpp - the small language itself.
#include "log_builder.hpp"

#include <gtest/gtest.h>

#include "engine/log/frame_layout.hpp"

namespace stele::engine::log::testing {

Uuid id_of(std::uint64_t number) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[6] = 0x70;
  bytes[8] = 0x80;
  for (std::size_t i = 0; i < 6; ++i) bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return Uuid(bytes);
}

std::vector<NewEvent> events_of(std::vector<std::string> data) {
  std::vector<NewEvent> events;
  for (auto& text : data) {
    NewEvent event;
    event.id = id_of(events.size() + 1);
    event.type = "Deposited";
    event.data = std::move(text);
    events.push_back(std::move(event));
  }
  return events;
}

SegmentBuilder::SegmentBuilder(std::uint64_t first, const Uuid& store) : next_(first) {
  header_.store = store;
  header_.first = Position(first);
  header_.salt = 0x5EED'0000'0000'0000 + first;
  header_.created_at = day_one;
  header_.capacity = 1u << 20;
  image_ = encode_header(header_);
}

SegmentBuilder& SegmentBuilder::frame(std::size_t events, std::uint64_t durable, std::size_t data_bytes) {
  const std::string data(data_bytes, static_cast<char>('a' + next_.value() % 26));
  const StreamWrite write{"Account-1", {}, events_of(std::vector<std::string>(events, data))};
  auto encoded = encode({&write, 1});
  const Revision revision(next_.value() - 1);
  seal(encoded, {.first = next_,
                 .recorded_at = day_one + std::chrono::seconds(next_.value()),
                 .durable = Position(durable),
                 .first_revisions = {&revision, 1},
                 .salt = header_.salt,
                 .offset = image_.size()});
  const Position last(next_.value() + events - 1);
  frames_.push_back({image_.size(), encoded.bytes.size(), next_, last});
  image_ += encoded.bytes;
  next_ = last.next();
  return *this;
}

SegmentBuilder& SegmentBuilder::zeros(std::size_t bytes) {
  image_.append(bytes, '\0');
  return *this;
}

SegmentBuilder& SegmentBuilder::bytes(std::string_view raw) {
  image_ += raw;
  return *this;
}

SegmentBuilder& SegmentBuilder::with_damaged_body() {
  const auto at = last().offset + layout::front_bytes(1) + write_header_bytes + 30;
  image_[at] = static_cast<char>(image_[at] ^ 0x10);
  return *this;
}

SegmentBuilder& SegmentBuilder::with_damaged_header() {
  const auto at = last().offset + layout::recorded_at;
  image_[at] = static_cast<char>(image_[at] ^ 0x10);
  return *this;
}

SegmentBuilder& SegmentBuilder::skip(std::uint64_t positions) {
  next_ = Position(next_.value() + positions);
  return *this;
}

result<RecoveryReport> recover_files(const std::vector<File>& files, std::uint64_t known_durable,
                                     const FrameVisitor& visit) {
  std::vector<io::BytesSource> sources;
  for (const auto& file : files) sources.emplace_back(file.bytes);
  RecoveryInput input{.store = store_id, .segments = {}, .known_durable = Position(known_durable)};
  for (std::size_t i = 0; i < files.size(); ++i) input.segments.push_back({files[i].name, &sources[i]});
  return recover(input, visit);
}

RecoveryReport recover_one(const SegmentBuilder& segment, std::uint64_t known_durable) {
  auto report = recover_files({{segment.name(), segment.image()}}, known_durable);
  EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().to_string());
  return report ? *std::move(report) : RecoveryReport{};
}

}  // namespace stele::engine::log::testing
