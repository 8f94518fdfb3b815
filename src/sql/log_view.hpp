// log_view.hpp - what one SQL question sees of a store: the log up to one position, names of types, checkpoints; and
// what looking at it has cost so far. Shared by the tables of one question, and not a store of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/store.hpp"

namespace stele::sql {

// Types with what they were called before. Each list begins with today's name, as App::type_names has them.
class TypeNames {
 public:
  TypeNames() = default;
  explicit TypeNames(const std::vector<std::vector<std::string>>& lists);

  // Today's name of a recorded one: itself, when nobody knows better or several types could be meant.
  [[nodiscard]] std::string_view today(std::string_view recorded) const;
  // Everything that today's name was recorded as, itself included.
  [[nodiscard]] std::vector<std::string> recorded(std::string_view today) const;

 private:
  std::map<std::string, std::string, std::less<>> today_;
  std::map<std::string, std::vector<std::string>, std::less<>> recorded_;
};

// One row of projector_checkpoints.
struct ProjectorCheckpoint {
  std::string projector;
  int version = 0;
  Position position;
  std::string state;  // empty: not running here
};

// Where a question is put. Everything in it must outlive the question.
struct LogSource {
  EventStore* store = nullptr;
  std::optional<Position> as_of{};  // nothing behind it; nothing: the head
  TypeNames names{};
  std::function<std::vector<ProjectorCheckpoint>()> checkpoints{};  // may be empty
};

// The state of one question while it runs. One thread at a time.
struct LogView {
  LogSource source;
  Position upto;                    // the same for every table that the question names
  std::uint64_t events_read = 0;    // taken out of the store
  std::vector<std::string> looks;   // what was asked of the store, in words; the first few
  std::optional<Error> failure;     // what stands behind SQLite's "SQL logic error"
  std::function<bool()> has_ended;  // out of time, or nobody waits for the answer any more

  void note_look(std::string look);
};

}  // namespace stele::sql
