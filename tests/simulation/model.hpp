// model.hpp - what a store must hold and answer, as a list in memory and a few loops: the specification that the engine
// is held against. Slow and plain on purpose; shares nothing with the engine but the contract.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "judge.hpp"
#include "stele/store.hpp"

namespace stele::simulation {

struct ModelEvent {
  RecordedEvent event;
  bool id_known = true;     // the store gave it one that nobody has seen yet
  bool time_known = false;  // the same of the recorded time
  bool may_go = false;      // it was gone when a compaction ran: its bytes may be dropped
  bool dropped = false;     // it was seen to be missing
};

// What an append must be answered.
struct Expected {
  std::optional<errc> refused;
  std::optional<Position> match;  // of a condition that fails: the newest event that does
  std::string stream;             // whose expected version is not met
  std::string actual;             // and where it stands, as the refusal says it
  bool duplicate = false;
  Position first;
  Position last;
  std::vector<StreamRevision> revisions;
};

// What readers may see of a stream.
struct ModelLife {
  std::vector<std::uint64_t> positions;  // by revision
  std::uint64_t first_kept = 0;
  bool tombstoned = false;
  [[nodiscard]] bool is_over() const { return tombstoned || first_kept >= positions.size(); }
};

class Model {
 public:
  // ---- Appending. Everything that was accepted is in the log, visible or not.

  [[nodiscard]] Expected decide(const AppendRequest& request) const;
  void stage(const AppendRequest& request, const Expected& expected);
  void acknowledge(const AppendResult& answer);
  // The appends beyond `last` have not survived, and all before it is visible.
  void cut_to(Position last);
  // The newest append, which begins there, was refused after all.
  void cut_staged(Position first);
  // Whether what is known of its ids stands in the log for certain.
  [[nodiscard]] bool may_be_repeated(const AppendRequest& request) const;

  // ---- What readers see

  [[nodiscard]] Position visible() const { return visible_; }
  [[nodiscard]] Position last() const { return Position(log_.size()); }
  // Whether an append ends there.
  [[nodiscard]] bool is_boundary(Position at) const;
  void see(Position head) { visible_ = head; }

  [[nodiscard]] const ModelEvent& at(std::uint64_t position) const { return log_[position - 1]; }
  [[nodiscard]] ModelEvent& at(std::uint64_t position) { return log_[position - 1]; }
  // Takes over what only the store knew; says what does not agree. Empty: nothing.
  std::string learn(const EventView& got);
  [[nodiscard]] std::string difference(const EventView& got) const;

  // As of the visible head. Nothing: it never had an event.
  [[nodiscard]] std::optional<ModelLife> life(std::string_view stream) const {
    return life(stream, visible_);
  }
  [[nodiscard]] std::vector<std::string> streams() const;
  // Positions; `with_dropped`: also of what was seen to be missing.
  [[nodiscard]] std::vector<std::uint64_t> matching(const Query& query, Position after, Position until,
                                                    bool with_dropped = false) const;
  // What is gone now may be dropped from now on.
  void compaction_begins();
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  [[nodiscard]] std::vector<std::uint64_t> positions_of(std::string_view stream, Position until) const;
  [[nodiscard]] std::optional<ModelLife> life(std::string_view stream, Position until) const;
  [[nodiscard]] bool ended(std::string_view stream, Position until) const;
  [[nodiscard]] std::optional<std::string> metadata(std::string_view stream, Position until) const;
  [[nodiscard]] std::optional<Revision> seen_by(const std::string& stream,
                                                const ExpectedVersion& expected) const;
  // Nothing: it is met.
  [[nodiscard]] std::optional<Expected> check(const std::string& stream,
                                              const ExpectedVersion& expected) const;
  [[nodiscard]] std::optional<Expected> known_ids(const AppendRequest& request) const;
  [[nodiscard]] Expected repeated(const AppendRequest& request, std::uint64_t first) const;
  void check_condition(const AppendCondition& condition, Expected& expected) const;

  std::vector<ModelEvent> log_;
  std::set<std::uint64_t> boundaries_{0};
  std::map<Uuid, std::uint64_t> ids_;
  std::map<std::string, std::vector<std::uint64_t>, std::less<>> streams_;
  Position visible_;
};

// The meaning of a query, by looking at the event alone.
[[nodiscard]] bool matches(const Query& query, const RecordedEvent& event);

}  // namespace stele::simulation
