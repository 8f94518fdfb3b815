// append_turn.cpp - asking, appending under a guard, asking again when it did not hold, showing.
#include "projection/append_turn.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace stele::projection {
namespace {

// Each loses against somebody who appended past the models in the time between a trial and the append.
constexpr int most_rounds = 32;

// The union. It may be asked for more than both, never for less.
void widen(Query& query, const Query& by) {
  if (!query.items) return;
  if (!by.items) {
    query.items.reset();
    return;
  }
  query.items->insert(query.items->end(), by.items->begin(), by.items->end());
}

// A conflict of a condition, and not of an expected version.
bool is_of_the_condition(const Error& error) {
  return error.kind() == errc::conflict && error.fact("after").has_value();
}

Error overtaken() {
  return Error(errc::busy, "nothing was appended: others append faster than projections can be asked")
      .help("append again, or let the others append through the projections, too");
}

Error behind_the_end(Position after, Position end) {
  return Error(errc::invalid, "the condition looks behind position " + std::to_string(after.value()) +
                                  ", the log ends at " + std::to_string(end.value()))
      .with("after", after.value())
      .with("head", end.value())
      .help("give the last position that the decision has seen");
}

}  // namespace

// With ids from the beginning: a round that has to be repeated is still the same append.
AppendTurn::AppendTurn(EventStore& store, const Models& models, AppendRequest request)
    : store_(store), models_(models), request_(std::move(request)) {
  for (auto& write : request_.writes)
    for (auto& event : write.events)
      if (event.id.is_nil()) event.id = Uuid::random();
}

result<AppendResult> AppendTurn::run() {
  for (int round = 0; round < most_rounds; ++round) {
    const auto models = models_();
    if (models.empty()) return shown_if_there(store_.append(request_));
    const auto refusal = ask(models);
    if (!refusal && request_.condition) {
      STELE_TRY(const bool certain, own_condition_fails(guard_.after));
      if (certain) return shown_if_there(store_.append(request_));
    }
    if (models_() != models) continue;  // one that is no longer there has no say, a new one has
    if (refusal) return as_the_store_sees_it(*refusal);
    auto appended = append_under_guard();
    if (appended || !is_of_the_condition(appended.error())) return shown_if_there(std::move(appended));
  }
  return overtaken();
}

// The first that refuses decides. A trial depends on what the models listen to, and on where the streams that are
// written stand: its events have revisions.
std::optional<Error> AppendTurn::ask(const std::vector<Runner*>& models) {
  QueryItem written;
  for (const auto& write : request_.writes) written.streams.push_back(write.stream);
  guard_ = {.fail_if = {.items = std::vector{std::move(written)}}, .after = Position(~std::uint64_t{0})};
  for (Runner* model : models) {
    const auto knows = model->try_out(request_);
    if (!knows) return knows.error();
    guard_.after = std::min(guard_.after, *knows);
    widen(guard_.fail_if, model->target().events());
  }
  return std::nullopt;
}

// A request that comes too late, or for the second time, is to hear that and not what a model says about it. It is sent
// under a condition that cannot hold, which is looked at last: so nothing is written, whatever has changed meanwhile.
result<AppendResult> AppendTurn::as_the_store_sees_it(const Error& refusal) {
  if (store_.head().position == Position{} && fits_an_empty_log()) return refusal;
  AppendRequest probe = request_;
  probe.condition = AppendCondition{Query::all(), Position{}};
  auto answer = store_.append(std::move(probe));
  STELE_ASSERT(!answer || answer->was_duplicate, "a condition that cannot hold lets nothing through");
  if (answer || !is_of_the_condition(answer.error())) return shown_if_there(std::move(answer));
  if (request_.condition) {
    STELE_TRY(const bool certain, own_condition_fails(store_.head().position));
    if (certain) return shown_if_there(store_.append(request_));
  }
  return refusal;
}

// There, the condition that cannot hold would.
bool AppendTurn::fits_an_empty_log() const {
  const auto fits = [](const auto& about) { return about.expected.admits(std::nullopt); };
  return std::ranges::all_of(request_.writes, fits) && std::ranges::all_of(request_.also_expect, fits);
}

// Once an event matches, it always will: then the request can be left to the store, which knows the words.
result<bool> AppendTurn::own_condition_fails(Position up_to) {
  const auto& own = *request_.condition;
  if (own.after > up_to) return behind_the_end(own.after, up_to);
  STELE_TRY(const auto cursor, store_.read({.query = own.fail_if, .from = own.after.next(), .limit = 1}));
  STELE_TRY(const auto first, cursor->next_batch(1));
  return !first.empty() && first.front().position <= up_to;
}

// An append has one condition. What its own one asks is known to hold up to where the models were asked, so from there
// on one condition can stand for both.
result<AppendResult> AppendTurn::append_under_guard() {
  AppendRequest guarded = request_;
  guarded.condition = guard_;
  if (request_.condition) widen(guarded.condition->fail_if, request_.condition->fail_if);
  STELE_ASSERT(!request_.condition || request_.condition->after <= guard_.after,
               "a guard looks no further back than it may", guard_.after.value());
  return store_.append(std::move(guarded));
}

// Also what was there before: whoever repeats an append is told no sooner than the first time.
result<AppendResult> AppendTurn::shown_if_there(result<AppendResult> answer) {
  if (!answer) return answer;
  return shown(*std::move(answer));
}

// Until all that are asked at the end of it show the events: a model may have taken another's place meanwhile.
result<AppendResult> AppendTurn::shown(AppendResult appended) {
  for (auto models = models_(); true;) {
    for (Runner* model : models) {
      auto visible = model->show(appended);
      const auto now = models_();
      if (!visible && std::ranges::find(now, model) != now.end()) return visible.error();
    }
    auto now = models_();
    if (now == models) return appended;
    models = std::move(now);
  }
}

}  // namespace stele::projection
