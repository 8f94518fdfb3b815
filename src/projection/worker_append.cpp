// worker_append.cpp - what appends want of a model: to say whether it takes their events, and to show them. Both are
// jobs that never pause: what cannot be done at one go is refused, and the projection goes on with its own care.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "projection/trial.hpp"
#include "projection/worker.hpp"

namespace stele::projection {
namespace {

// A model that is further behind than this lets nobody wait for it.
constexpr std::uint64_t most_caught_up_with = 16'384;

bool is_near(Position wanted, Position at) {
  return wanted <= at || wanted.value() - at.value() <= most_caught_up_with;
}

// What a constraint or the projection's own code says about events. Everything else is trouble of the model's store.
bool is_a_rule(errc kind) {
  return kind == errc::invalid || kind == errc::conflict || kind == errc::too_large ||
         kind == errc::not_found;
}

Error cannot_be_asked(const std::string& name, const Error& why) {
  return lets_nothing_through(name, "cannot be asked: " + why.message(),
                              "correct the cause, then append again");
}

// Never `conflict`: nobody came first, and to read again and decide again would not help.
Error refused_by_model(const std::string& name, const Error& why) {
  if (why.kind() == errc::busy || why.kind() == errc::disk_full)
    return Error(why.kind(), "nothing was appended: projection " + name + ": " + why.message())
        .with("projection", name)
        .help(why.help());
  if (!is_a_rule(why.kind())) return cannot_be_asked(name, why);
  return Error(errc::invalid, "nothing was appended: projection " + name + " refuses it: " + why.message())
      .with("rule", name)
      .with("projection", name)
      .help("the rule is the projection's: append other events, or raise its version with another rule");
}

std::string which_of(const EventView& event, std::size_t index, std::size_t of) {
  std::string which = std::string(event.type) + " for " + std::string(event.stream);
  if (of > 1) which += " (" + std::to_string(index + 1) + " of " + std::to_string(of) + ")";
  return which;
}

}  // namespace

// Nothing is wrong with the events, as far as anybody knows.
Error lets_nothing_through(const std::string& name, const std::string& why, std::string help) {
  return Error(errc::unavailable,
               "nothing was appended: projection " + name + ", which appends go through, " + why)
      .with("projection", name)
      .help(std::move(help));
}

// ---- Before the append

result<Position> Worker::try_out(const AppendRequest& request) {
  STELE_CHECK(lets_appends_through());
  const Position head = store_.head().position;
  if (auto there = reach(head); !there)
    return lets_nothing_through(target_->name(), "is not at the head: " + there.error().message(),
                                "correct the cause; the projection goes on by itself or when it is started");
  STELE_ASSERT(at_.position >= head, "a trial meets a model that knows the log", at_.position.value(),
               head.value());
  STELE_CHECK(apply_and_roll_back(request));
  return at_.position;
}

result<void> Worker::lets_appends_through() const {
  const Position head = store_.head().position;
  const std::uint64_t behind = head.value() - std::min(head, waits_.position()).value();
  if (behind > most_caught_up_with)
    return lets_nothing_through(target_->name(), "is " + std::to_string(behind) + " events behind",
                                "append again when it has caught up");
  const std::lock_guard lock(mutex_);
  if (stop_) return lets_nothing_through(target_->name(), "is being stopped", "start it");
  if (pause_) return lets_nothing_through(target_->name(), "is paused (" + *pause_ + ")", "resume it");
  return {};
}

// At one go: the first trouble is the end. It comes again to the batches in their turn, and is dealt with there.
result<void> Worker::reach(Position up_to) {
  if (at_.position >= up_to) return {};
  delivered_at_ = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  STELE_TRY(const auto cursor, store_.read({.query = target_->events(), .from = at_.position.next()}));
  while (at_.position < up_to) {
    if (stopping()) return Error(errc::unavailable, "it is being stopped");
    STELE_TRY(const auto batch, cursor->next_batch(options_.batch));
    const auto [events, until] = stretch_of(batch, up_to);
    auto applied = apply_batch(*target_, at_, events, until, {&parked_, &apply_meter_});
    if (!applied) return applied.error().why;
    publish(*applied, events);
  }
  return {};
}

result<void> Worker::apply_and_roll_back(const AppendRequest& request) {
  ProjectionTrial* place = target_->trial();
  STELE_ASSERT(place, "only models that can be tried are synchronous", target_->name());
  STELE_TRY(const Trial trial, Trial::of(store_, request, at_.position.next()));
  if (auto begun = target_->begin(); !begun) return cannot_be_asked(target_->name(), begun.error());
  const RolledBack in_the_end(*target_);
  for (std::size_t i = 0; i < trial.events().size(); ++i) {
    const EventView& event = trial.events()[i];
    if (!target_->events().matches(event)) continue;
    if (parked_.holds_up(event))
      return lets_nothing_through(target_->name(), "has parked an earlier event of " + parked_.key_of(event),
                                  "retry or skip what is parked");
    if (auto done = apply_caught(*target_, event); !done)
      return refused_by_model(target_->name(),
                              Error(done.error()).at(which_of(event, i, trial.events().size())));
  }
  if (auto settled = place->settle(); !settled) return refused_by_model(target_->name(), settled.error());
  return {};
}

// ---- After it

// Also while a pause is asked for: what was let through before it is shown. Far behind is only what comes again.
result<void> Worker::show(const AppendResult& appended) {
  STELE_ASSERT(appended.first <= appended.last, "an append has events", appended.first.value(),
               appended.last.value());
  auto shown = is_near(appended.first, at_.position)
                   ? reach(appended.last)
                   : Error(errc::unavailable, "it is far behind them, and catches up");
  for (Position at = appended.first; shown && at <= appended.last && parked_.missing() > 0; at = at.next())
    if (parked_.lacks(at))
      shown = Error(errc::unavailable, "event " + std::to_string(at.value()) + " is parked");
  if (shown) return {};
  return not_shown(target_->name(), appended, shown.error().message());
}

Error not_shown(const std::string& name, const AppendResult& appended, const std::string& why) {
  return Error(errc::unavailable,
               "the events are in the log, but projection " + name + " does not show them: " + why)
      .with("projection", name)
      .with("first", appended.first.value())
      .with("last", appended.last.value())
      .help(
          "correct the cause; then the projection shows them, and repeating the append with the same ids "
          "gives its answer");
}

}  // namespace stele::projection
