// worker_append.cpp - appends that the model has a say in. The trial is rolled back, so that what the model holds in
// the end comes from the log like everything else: position, time and order are those that were recorded.
#include <utility>

#include "base/assert.hpp"
#include "projection/worker.hpp"

namespace stele::projection {
namespace {

// As events will be once they are recorded; only the time is the moment's.
class Trial {
 public:
  Trial(const AppendRequest& request, Position first) : next_(first) {
    std::size_t events = 0;
    for (const auto& write : request.writes) events += write.events.size();
    tags_.reserve(events);  // views point into them
    views_.reserve(events);
  }

  void add(const StreamWrite& write, Revision next, Timestamp now) {
    for (const NewEvent& event : write.events) {
      views_.push_back({.position = next_,
                        .revision = next,
                        .recorded_at = now,
                        .id = event.id,
                        .stream = write.stream,
                        .type = event.type,
                        .content_type = event.content_type,
                        .data = event.data,
                        .metadata = event.metadata,
                        .tags = TagsView(tags_.emplace_back(encoded(event.tags)))});
      next_ = next_.next();
      next = next.next();
    }
  }
  [[nodiscard]] const std::vector<EventView>& events() const { return views_; }

 private:
  static std::string encoded(const std::vector<std::string>& tags) {
    std::string all;
    for (const auto& tag : tags) {
      all += static_cast<char>(tag.size() & 0xff);
      all += static_cast<char>(tag.size() >> 8 & 0xff);
      all += tag;
    }
    return all;
  }

  Position next_;
  std::vector<std::string> tags_;
  std::vector<EventView> views_;
};

result<std::optional<Revision>> head_of(EventStore& store, const std::string& stream) {
  const auto info = store.stream_info(stream);
  if (info) return std::optional(info->last_revision);
  if (info.error().kind() == errc::not_found || info.error().kind() == errc::gone)
    return std::optional<Revision>{};
  return info.error();
}

// A row that is there already is no conflict with other writers: to read again and decide again would not help.
Error refused(const std::string& name, const Error& why) {
  const bool may_pass =
      why.kind() == errc::busy || why.kind() == errc::disk_full || why.kind() == errc::unavailable;
  return Error(may_pass ? why.kind() : errc::invalid,
               "nothing was appended: projection " + name + " refuses it: " + why.message())
      .with("projection", name)
      .help("the rule is the projection's: correct the events, or raise its version with another rule");
}

}  // namespace

result<void> Worker::takes_appends() const {
  const std::lock_guard lock(mutex_);
  if (!pause_) return {};
  return Error(errc::unavailable, "projection " + target_->name() + " is paused (" + *pause_ +
                                      "), and appends have to go through it")
      .with("projection", target_->name())
      .help("resume it");
}

// What the store will refuse, or knows already, is for the store to answer.
result<bool> Worker::worth_trying(const AppendRequest& request) {
  for (const auto& write : request.writes) {
    STELE_TRY(const auto head, head_of(store_, write.stream));
    if (!write.expected.admits(head) || write.events.empty()) return false;
    const Uuid& id = write.events.front().id;
    if (!id.is_nil() && store_.find_event(id)) return false;
  }
  return true;
}

result<void> Worker::try_out(const AppendRequest& request) {
  Trial trial(request, at_.position.next());
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  for (const auto& write : request.writes) {
    STELE_TRY(const auto head, head_of(store_, write.stream));
    trial.add(write, head ? head->next() : Revision{}, now);
  }
  STELE_CHECK(target_->begin());
  result<void> done;
  for (const EventView& event : trial.events()) {
    if (!done) break;
    if (!target_->events().matches(event)) continue;
    if (parked_.holds_up(event))
      done = Error(errc::unavailable, "an earlier event of its sequence is parked");
    else
      done = apply_event(*target_, event);
  }
  if (done) done = target_->settle();
  target_->rollback();
  if (!done) return refused(target_->name(), done.error());
  return {};
}

result<void> Worker::show(const AppendResult& appended) {
  auto shown = catch_up(appended.last);
  for (Position at = appended.first; shown && at <= appended.last; at = at.next())
    if (parked_.lacks(at))
      shown = Error(errc::unavailable, "event " + std::to_string(at.value()) + " is parked");
  if (shown) return {};
  return Error(errc::unavailable, "the events are in the log, but projection " + target_->name() +
                                      " does not show them: " + shown.error().message())
      .with("projection", target_->name())
      .with("first", appended.first.value())
      .with("last", appended.last.value())
      .help("correct the cause; the projection goes on by itself or when it is started");
}

result<AppendResult> Worker::append(EventStore& into, AppendRequest request) {
  STELE_CHECK(takes_appends());
  STELE_CHECK(catch_up(store_.head().position));
  STELE_TRY(const bool worth, worth_trying(request));
  if (worth) STELE_CHECK(try_out(request));
  STELE_TRY(auto appended, into.append(std::move(request)));
  STELE_CHECK(show(appended));
  return appended;
}

}  // namespace stele::projection
