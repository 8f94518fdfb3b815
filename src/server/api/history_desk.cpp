// history_desk.cpp - opens aggregates for requests, and keeps the last ones open.
#include <algorithm>
#include <chrono>

#include "server/api/history_api.hpp"
#include "server/app/problems.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::size_t kept_histories = 16;
// Of each: all of them together stay below 128 MiB.
constexpr history::TimelineLimits desk_limits{.bytes = 8u << 20};

std::string stream_asked(const Request& request) {
  return std::string(request.param("type")) + "-" + std::string(request.param("id"));
}

result<void> check_length(const StreamInfo& info) {
  if (info.events <= most_folded) return {};
  return Error(errc::too_large, info.stream + " has more events than one request may fold")
      .with("limit", most_folded)
      .help("use the command line: stele aggregate, stele debug, stele bisect");
}

}  // namespace

HistoryDesk::HistoryDesk(const std::shared_ptr<Core>& core) : store_(core->store) {
  if (!core->app) return;
  for (const auto& aggregates : core->app->aggregates()) folds_.add(aggregates);
}

std::shared_ptr<HistoryDesk::Kept> HistoryDesk::kept(const std::string& stream) {
  const std::lock_guard lock(mutex_);
  const auto there =
      std::ranges::find(shelf_, stream, [](const auto& each) -> const std::string& { return each.first; });
  if (there != shelf_.end()) {
    shelf_.splice(shelf_.begin(), shelf_, there);
    return shelf_.front().second;
  }
  shelf_.emplace_front(stream, std::make_shared<Kept>());
  if (shelf_.size() > kept_histories) shelf_.pop_back();
  return shelf_.front().second;
}

Timestamp history_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

result<std::optional<Revision>> OpenHistory::moment(std::string_view text, std::string_view otherwise) {
  return history::revision_at(source, info, text.empty() ? otherwise : text, history_now());
}

result<std::unique_ptr<OpenHistory>> open_history(const HistoryDesk& desk, const Request& request) {
  STELE_TRY(const auto* const fold, desk.folds().find(request.param("type")));
  auto out = std::make_unique<OpenHistory>(history::StoreSource(desk.store()), fold, StreamInfo(), nullptr);
  STELE_TRY(out->info, out->source.stream_info(stream_asked(request)));
  STELE_CHECK(check_length(out->info));
  STELE_TRY(out->timeline, history::open_timeline(out->source, *fold, out->info.stream, desk_limits));
  return out;
}

result<HistoryLease> HistoryLease::take(HistoryDesk& desk, const Request& request) {
  STELE_CHECK(desk.folds().find(request.param("type")));
  STELE_CHECK(
      desk.store().stream_info(stream_asked(request)));  // what does not exist takes no place on the shelf
  HistoryLease lease(desk.kept(stream_asked(request)));
  STELE_CHECK(lease.refresh(desk, request));
  return lease;
}

// The stream may have grown, or have lost its beginning: then it is folded anew, as a new reader would.
result<void> HistoryLease::refresh(const HistoryDesk& desk, const Request& request) {
  auto& history = kept_->history;
  if (history) {
    STELE_TRY(auto info, history->source.stream_info(history->info.stream));
    STELE_CHECK(check_length(info));
    const auto& known = history->timeline->extent();
    if (history::first_kept(info) == known.first && info.last_revision >= known.last) {
      history->timeline->extend(info.last_revision);
      history->info = std::move(info);
      return {};
    }
    history.reset();
  }
  STELE_TRY(history, open_history(desk, request));
  return {};
}

std::string error_line(const Error& error) {
  const auto text = json_quoted(error.message());
  return "{\"$error\":{\"status\":" + std::to_string(problem_of(error, false).status()) +
         ",\"title\":" + text + ",\"detail\":" + text + "}}\n";
}

ServedRoute history_route(const std::shared_ptr<HistoryDesk>& desk, std::string method, std::string pattern,
                          HistoryCall call, RouteDoc doc) {
  return {.route = {.method = std::move(method),
                    .pattern = std::move(pattern),
                    .handler = [desk, call](const Request& request) { return call(*desk, request); },
                    .doc = std::move(doc)},
          .own = true};
}

}  // namespace stele::server
