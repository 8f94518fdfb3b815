// history_api.hpp - looking through time over HTTP: what the handlers of aggregates and of searches share. They
// translate; src/history decides.
#pragma once

#include <memory>
#include <string>

#include "history/folds.hpp"
#include "history/place.hpp"
#include "history/source.hpp"
#include "server/api/store_api.hpp"

namespace stele::server {

// One request may fold or look at so many events; more is for the command line, which runs elsewhere.
inline constexpr std::uint64_t most_folded = 1'000'000;
inline constexpr std::uint64_t most_searched = 1'000'000;

// What /v1/aggregates answers from. Made once, when the server starts.
struct HistoryDesk {
  explicit HistoryDesk(const std::shared_ptr<Core>& core);
  EventStore& store;
  history::Folds folds;
};

// One aggregate, opened for one request.
struct OpenHistory {
  history::StoreSource source;
  const history::Fold* fold;
  StreamInfo info;
  std::unique_ptr<history::Timeline> timeline;

  // Nothing: before the first event. "" is `otherwise`.
  [[nodiscard]] result<std::optional<Revision>> moment(std::string_view text, std::string_view otherwise);
};
// Of {type} and {id}. `whole`: the answer folds all of it, so it must not be too long. Errors: not_found, too_large.
[[nodiscard]] result<std::unique_ptr<OpenHistory>> open_history(HistoryDesk& desk, const Request& request,
                                                                bool whole);
[[nodiscard]] Timestamp history_now();

using HistoryCall = Answer (*)(HistoryDesk&, const Request&);
[[nodiscard]] ServedRoute history_route(const std::shared_ptr<HistoryDesk>& desk, std::string method,
                                        std::string pattern, HistoryCall call, RouteDoc doc);

}  // namespace stele::server
