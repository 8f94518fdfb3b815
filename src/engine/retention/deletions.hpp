// deletions.hpp - for the writer: whether a stream stands deleted at this moment of staging, with appends counted
// that are not in the log yet.
#pragma once

#include <map>
#include <string>

#include "engine/retention/life.hpp"
#include "engine/visibility.hpp"
#include "engine/writer/decision.hpp"

namespace stele::engine {

// Borrows all three. One thread at a time: the serial section.
class StagedDeletions final : public Deletions {
 public:
  StagedDeletions(const ReadState& state, io::Clock& clock, const Visibility& visibility)
      : state_(state), lives_(state, clock), visibility_(visibility) {}

  // These were staged, the first of their events at `first`.
  void staged(const std::vector<StreamWrite>& writes, Position first);
  result<bool> deleted(const std::string& stream, Revision next) const override;

  // How many are remembered here: those that readers may not see yet, and few others.
  [[nodiscard]] std::size_t remembered() const { return staged_.size(); }

 private:
  struct Staged {
    Revision truncate_before;
    Position position;
  };
  static constexpr std::size_t enough = 1024;

  const ReadState& state_;
  StreamLives lives_;
  const Visibility& visibility_;
  std::map<std::string, Staged, std::less<>> staged_;  // by the stream that the metadata is about
};

}  // namespace stele::engine
