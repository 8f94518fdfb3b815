// history_api.hpp - looking through time over HTTP: what the handlers of aggregates and of searches share. They
// translate; src/history decides.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "history/folds.hpp"
#include "history/place.hpp"
#include "history/source.hpp"
#include "server/api/store_api.hpp"

namespace stele::server {

// One request may fold or look at so many events; more is for the command line, which runs elsewhere.
inline constexpr std::uint64_t most_folded = 1'000'000;
inline constexpr std::uint64_t most_searched = 1'000'000;

// One aggregate, opened.
struct OpenHistory {
  history::StoreSource source;
  const history::Fold* fold;
  StreamInfo info;
  std::unique_ptr<history::Timeline> timeline;

  // Nothing: before the first event. "" is `otherwise`.
  [[nodiscard]] result<std::optional<Revision>> moment(std::string_view text, std::string_view otherwise);
};

// What /v1/aggregates answers from. Made once, when the server starts. Keeps the aggregates that were looked at last
// folded, so that somebody who steps through one of a million events waits for the first step only.
class HistoryDesk {
 public:
  explicit HistoryDesk(const std::shared_ptr<Core>& core);

  [[nodiscard]] EventStore& store() const { return store_; }
  [[nodiscard]] const history::Folds& folds() const { return folds_; }

 private:
  friend class HistoryLease;
  struct Kept {
    std::mutex mutex;  // held by whoever looks at it
    std::unique_ptr<OpenHistory> history;
  };
  [[nodiscard]] std::shared_ptr<Kept> kept(const std::string& stream);

  EventStore& store_;
  history::Folds folds_;
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<Kept>>> shelf_;  // the last one used first
};

// Of {type} and {id}, for an answer that outlives the request. Errors: not_found; too_large, when it has more events
// than a request may fold.
[[nodiscard]] result<std::unique_ptr<OpenHistory>> open_history(const HistoryDesk& desk,
                                                                const Request& request);

// The same from the desk's shelf, for one request alone. Another request for the same aggregate waits.
class HistoryLease {
 public:
  [[nodiscard]] static result<HistoryLease> take(HistoryDesk& desk, const Request& request);
  OpenHistory* operator->() const { return kept_->history.get(); }
  OpenHistory& operator*() const { return *kept_->history; }

 private:
  explicit HistoryLease(std::shared_ptr<HistoryDesk::Kept> kept)
      : kept_(std::move(kept)), lock_(kept_->mutex) {}
  result<void> refresh(const HistoryDesk& desk, const Request& request);
  std::shared_ptr<HistoryDesk::Kept> kept_;
  std::unique_lock<std::mutex> lock_;
};

[[nodiscard]] Timestamp history_now();

using HistoryCall = Answer (*)(HistoryDesk&, const Request&);
[[nodiscard]] ServedRoute history_route(const std::shared_ptr<HistoryDesk>& desk, std::string method,
                                        std::string pattern, HistoryCall call, RouteDoc doc);

// The last of an answer in lines that broke off: a client must not take it for complete.
[[nodiscard]] std::string error_line(const Error& error);

// The parts of history_routes() that are about states, and about all aggregates of a type.
[[nodiscard]] std::vector<ServedRoute> aggregate_routes(const std::shared_ptr<HistoryDesk>& desk);
[[nodiscard]] ServedRoute sweep_route(const std::shared_ptr<HistoryDesk>& desk);

}  // namespace stele::server
