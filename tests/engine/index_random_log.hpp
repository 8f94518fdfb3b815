// index_random_log.hpp - small random histories for the index, and everything that can be asked of a part of them as
// one text: two parts that know the same give the same text.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/index/active_part.hpp"
#include "engine/index/seal.hpp"
#include "engine/index/sealed_part.hpp"
#include "io/simulated/memory_disk.hpp"

namespace stele::engine::testing {

inline const Uuid index_store = *parse_uuid("0192f0c1-2d3e-7a5b-8c9d-0e1f2a3b4c5d");
inline const std::filesystem::path index_directory{"/index"};

// Words that a random history is made of, and a few that never occur.
struct Universe {
  std::vector<std::string> streams;
  std::vector<std::string> types;
  std::vector<std::string> tags;
};

class RandomLog {
 public:
  explicit RandomLog(std::uint64_t seed);

  // The next segment's events: between `least` and `most`, in frames of a few.
  std::shared_ptr<ActivePart> segment(std::size_t least, std::size_t most);
  // Everything so far as one part, when it was asked for before the first segment.
  const ActivePart& whole() { return *whole_; }
  void keep_whole() { whole_ = std::make_shared<ActivePart>(Position(next_)); }
  [[nodiscard]] CoveredSegment covered(const ActivePart& part) const;
  [[nodiscard]] const Universe& universe() const { return universe_; }
  [[nodiscard]] const std::vector<Uuid>& ids() const { return ids_; }
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

 private:
  // Nothing but the words and numbers are drawn; every part gets the same frame.
  void add_frame(std::span<ActivePart* const> parts, std::size_t events);

  std::mt19937_64 random_;
  Universe universe_;
  std::vector<std::uint64_t> revisions_;  // next, per stream
  std::vector<Uuid> ids_;
  std::shared_ptr<ActivePart> whole_;
  std::uint64_t next_ = 1;
  std::uint64_t time_ = 0;
  std::uint64_t offset_ = 4096;
  std::uint64_t whole_end_ = 0;
};

// Everything but times, with the words and ids of the log as questions, up to `until`.
std::string answers_of(const IndexPart& part, const RandomLog& log, Position until);
std::string times_of(const IndexPart& part);

// Sealed in a directory of a simulated disk, opened again, bound to its own ordinals.
std::shared_ptr<SealedPart> sealed(const ActivePart& part, const RandomLog& log, io::Disk& disk,
                                   TermHash hash = hash_term);
std::shared_ptr<SealedPart> open_sealed(io::Disk& disk, const std::filesystem::path& path,
                                        TermHash hash = hash_term);
// The file's first term becomes one of no kind; every checksum is right, so only who looks at the term finds out.
void make_nonsense(io::simulated::MemoryDisk& disk, const std::filesystem::path& path);

}  // namespace stele::engine::testing
