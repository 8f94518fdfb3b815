// saga_scene.cpp - playing a saga's specification, and telling the difference when it does not hold.
#include "stele/detail/saga_scene.hpp"

#include <algorithm>

namespace stele::spec::detail {
namespace {

using stele::detail::SagaCommand;

std::string send_line(const SagaCommand& command) {
  return "send " + command.command + " " + command.data.text;
}
std::string timer_line(const std::string& timer, std::optional<Timestamp> due) {
  return due ? "schedule " + timer + " at " + to_string(*due) : "cancel " + timer;
}

// "15 min", "90 s", "1500 us": the largest unit that is exact.
std::string duration_text(std::chrono::microseconds time) {
  using namespace std::chrono;
  const auto exact = [&](microseconds unit) { return time % unit == microseconds(0); };
  if (exact(hours(1))) return std::to_string(time / hours(1)) + " h";
  if (exact(minutes(1))) return std::to_string(time / minutes(1)) + " min";
  if (exact(seconds(1))) return std::to_string(time / seconds(1)) + " s";
  return std::to_string(time.count()) + " us";
}

EventView scene_view(const SceneEvent& event, std::uint64_t position, Timestamp at) {
  EventView view{};
  view.position = Position(position);
  view.recorded_at = at;
  view.stream = event.instance;
  view.type = event.type;
  view.content_type = json_content;
  view.data = event.data;
  view.metadata = event.metadata;
  return view;
}

}  // namespace

Lines SceneEffects::lines() const {
  Lines all = sends;
  all.insert(all.end(), timers.begin(), timers.end());
  if (completed) all.emplace_back("complete");
  return all;
}

SagaScene::~SagaScene() {
  if (!begun_) forgotten(where_, "a saga's specification has no when and no after");
  finish();
}

// ---- What happens

void SagaScene::given(const SceneEvent& event) {
  told_.push_back(event.line);
  hear(event);
}

void SagaScene::when_event(const std::source_location& where, const SceneEvent& event) {
  begin(where, event.line);
  hear(event);
}

void SagaScene::when_refused(const std::source_location& where, const stele::detail::SagaRefusal& refusal) {
  const std::string line = refusal.command.command + " " + refusal.command.data.text;
  begin(where, line + " was refused: " + refusal.rule + " " + refusal.facts);
  if (std::ranges::find(ever_sent_, "send " + line) == ever_sent_.end())
    fail("the saga has not sent this command");
  take(refusal);
}

void SagaScene::when_later(const std::source_location& where, std::chrono::microseconds by) {
  begin(where, "(" + duration_text(by) + " later)");
  now_ += by;
  fire_due();
}

// What follows is compared for itself; what came before is told as its past.
void SagaScene::begin(const std::source_location& where, std::string what) {
  finish();
  if (begun_) told_.push_back(when_);
  begun_ = true;
  claimed_ = false;
  where_ = where;
  when_ = std::move(what);
  expected_ = actual_ = {};
}

void SagaScene::hear(const SceneEvent& event) {
  if (event.instance.empty()) return;
  if (!instance_.empty() && event.instance != instance_)
    fail("the events belong to two instances: " + instance_ + " and " + event.instance);
  instance_ = event.instance;
  ++position_;
  if (!completed_) take(scene_view(event, position_, now_));
}

// As the runner does it: reaction first, then the state; timers of the same name replace each other.
void SagaScene::take(const stele::detail::SagaInput& input) {
  const Asked asked{now_, "specification"};
  const auto move = mind_->take(input, &asked);
  if (!move) return fail(move.error().message());
  for (const SagaCommand& command : move->effects.sends) {
    actual_.sends.push_back(send_line(command));
    ever_sent_.push_back(send_line(command));
  }
  for (const auto& wish : move->effects.timers) {
    const auto due = wish.due(now_);
    actual_.timers.push_back(timer_line(wish.timer, due));
    if (due)
      timers_.insert_or_assign(wish.timer, *due);
    else
      timers_.erase(wish.timer);
  }
  actual_.completed = actual_.completed || move->effects.completed;
  completed_ = completed_ || move->effects.completed;
  if (completed_) timers_.clear();
}

// The earliest first; what a timer schedules may be due as well.
void SagaScene::fire_due() {
  while (!timers_.empty() && error_.empty()) {
    const auto next = std::ranges::min_element(timers_, {}, [](const auto& each) { return each.second; });
    if (next->second > now_) return;
    const TimerFired fired{next->first, next->second};
    timers_.erase(next);
    take(fired);
  }
}

void SagaScene::fail(std::string why) {
  if (error_.empty()) error_ = std::move(why);
}

// ---- What is expected

void SagaScene::expect_send(std::string line) {
  claimed_ = true;
  expected_.sends.push_back("send " + std::move(line));
}
void SagaScene::expect_timer(const std::string& timer, std::chrono::microseconds after) {
  expect_timer_at(timer, now_ + after);
}
void SagaScene::expect_timer_at(const std::string& timer, Timestamp due) {
  claimed_ = true;
  expected_.timers.push_back(timer_line(timer, due));
}
void SagaScene::expect_cancelled(const std::string& timer) {
  claimed_ = true;
  expected_.timers.push_back(timer_line(timer, {}));
}
void SagaScene::expect_completed() { claimed_ = expected_.completed = true; }
void SagaScene::expect_nothing() { claimed_ = true; }

// Told as everything that happened, so that nobody has to run it again to see.
void SagaScene::finish() {
  if (!begun_) return;
  if (!claimed_) return forgotten(where_, "the specification says nothing about what the saga does");
  const Lines expected = expected_.lines();
  const Lines actual = actual_.lines();
  if (error_.empty() && expected == actual) return;
  std::string text = "the specification does not hold\n";
  append_lines(text, "  given   ", told_);
  append_lines(text, "  when    ", {when_});
  append_lines(text, "  then    ", expected);
  append_lines(text, "  but     ", error_.empty() ? actual : Lines{"error: " + error_});
  if (error_.empty()) text += first_difference(expected, actual, "effect");
  report(where_, text);
}

}  // namespace stele::spec::detail
