// follower.hpp - keeps a read-only store up to date with a writer in another process: waits for the watermark
// to move, reads the frames below it, adds them to the index, lets readers see them. It never looks beyond
// the watermark, so it can never show an event that a crash could take back.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>

#include "engine/index/index.hpp"
#include "engine/log/directory.hpp"
#include "engine/log/open_segment.hpp"
#include "engine/log/scanner.hpp"
#include "engine/segments.hpp"
#include "engine/visibility.hpp"
#include "io/world.hpp"

namespace stele::engine {

struct FollowerParts {
  const io::World& world;
  std::filesystem::path log_directory;
  Uuid store;
  Index& index;
  Segments& segments;
  Visibility& visibility;
  const log::ColdPlaces& cold;
};

class Follower {
 public:
  // `end`: behind the last frame that is in the index, in the last of the segments.
  Follower(FollowerParts parts, std::uint64_t end) : parts_(std::move(parts)), end_(end) {}
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Adds everything up to `durable` and lets readers see it.
  result<void> catch_up(Position durable);
  // From now on whenever the watermark moves, on a thread of its own.
  void start(log::Watermark& watermark);

 private:
  void run(log::Watermark& watermark);
  // Takes what the watermark says is durable; false: it says nothing new.
  bool follow(const log::Watermark& watermark);
  result<void> open_next_segment();
  static Error no_frames(const OpenSegment& segment);
  result<void> add_frames(Position durable);

  FollowerParts parts_;
  std::uint64_t end_;
  std::optional<log::SegmentScanner> scanner_;
  log::Watermark* watermark_ = nullptr;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  std::unique_ptr<io::Background::Job> job_;  // instead of the thread
};

}  // namespace stele::engine
