// log_walk.hpp - the matches of a query through the whole log, part by part, and the choice per part: look the
// matches up in the index, or read all events and look at each. The choice changes what it costs, never what is
// found.
//
// One thread at a time. Borrows index and query.
#pragma once

#include <optional>

#include "engine/index/index.hpp"
#include "engine/query/part_walk.hpp"

namespace stele::engine {

// For tests; stores choose.
enum class Plan : std::uint8_t { by_choice, forced_index, forced_scan };

class LogWalk {
 public:
  LogWalk(const Index& index, const Query& query, Direction way, Plan plan)
      : index_(index), query_(query), way_(way), plan_(plan) {}

  // How to go on from a position: as far as `end`, by next() or by reading events one after the other.
  struct Stretch {
    Position end;
    bool by_index = false;
  };
  // `until`, the last position of interest, is visible and not before `at` on the way.
  Stretch enter(Position at, Position until);

  struct Match {
    Position position;
    Location location;
  };
  // In a stretch by index: the next match from `at` on, not behind `bound`. After an error: recover(), and enter again.
  result<std::optional<Match>> next(Position at, Position bound);
  // The part's file is damaged: has it made anew, or, where that fails, leaves the index out of it.
  void recover();

 private:
  [[nodiscard]] bool worth_looking_up(const PartWalk& walk) const;
  void expect_terms(const Index::Parts& parts);

  const Index& index_;
  const Query& query_;
  Direction way_;
  Plan plan_;
  std::optional<PartWalk> walk_;
  Extent scanned_{Position(1), Position(0)};  // where reading everything was chosen
  std::uint32_t recoveries_ = 0;
  bool expected_ = false;
};

}  // namespace stele::engine
