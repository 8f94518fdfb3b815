// append_turn.hpp - one append through models that have a say in it: they are asked, then the log is written under the
// condition that nothing has come in between which they would have had to know, then they show it. Who comes after
// whom is appends_through.hpp's.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "stele/projection.hpp"

namespace stele::projection {

// Used once, on a thread that is no projection's.
class AppendTurn {
 public:
  // In the order in which they are asked; asked for again whenever somebody may have come or gone.
  using Models = std::function<std::vector<Runner*>()>;
  // The request has passed check_writes().
  AppendTurn(EventStore& store, const Models& models, AppendRequest request);

  // Errors: those of EventStore::append, of Runner::try_out and of Runner::show; `busy` when others append faster than
  // the models can be asked.
  result<AppendResult> run();

 private:
  std::optional<Error> ask(const std::vector<Runner*>& models);
  result<AppendResult> as_the_store_sees_it(const Error& refusal);
  [[nodiscard]] bool fits_an_empty_log() const;
  result<bool> own_condition_fails(Position up_to);
  result<AppendResult> append_under_guard();
  result<AppendResult> shown_if_there(result<AppendResult> answer);
  result<AppendResult> shown(AppendResult appended);

  EventStore& store_;
  const Models& models_;
  AppendRequest request_;
  AppendCondition guard_;  // what would make the models' answers worthless
};

}  // namespace stele::projection
