// saga_worker.cpp - a saga's pass over the log.
#include "domain/saga_worker.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace stele::domain {
namespace {

constexpr std::string_view record_space = "saga";
constexpr std::size_t batch_size = 64;
constexpr unsigned longest_patience = 16;  // turns

// Persisted in Records under the saga's name; what does not read as this is as good as lost.
struct SagaCheckpoint {
  std::uint64_t position = 0;
  std::optional<std::uint64_t>
      last_event;  // the last one that came by, and its id: is this still the same log?
  std::optional<Uuid> last_event_id;
  std::vector<TimerEntry> timers;
  std::vector<HeldInstance> held;
};

std::uint64_t any_seed() { return std::hash<Uuid>()(Uuid::random()); }

std::string unread_name(Position position) { return "#" + std::to_string(position.value()); }

}  // namespace

SagaWorker::SagaWorker(EventStore& store, std::unique_ptr<detail::SagaKind> kind, SagaOptions options)
    : store_(store),
      kind_(std::move(kind)),
      options_(options),
      clock_(options.clock ? *options.clock : system_clock()),
      handler_(store, *kind_, clock_),
      troubles_(options_, any_seed()) {
  STELE_ASSERT(options_.tries > 0 && options_.checkpoint_every > 0, "a saga needs a try and a checkpoint",
               options_.tries, options_.checkpoint_every);
  shown_.name = kind_->name();
}

// ---- Where to begin

result<void> SagaWorker::open() {
  if (!opened_) STELE_CHECK(adopt_checkpoint());
  opened_ = true;
  if (subscription_) return {};
  STELE_TRY(subscription_, store_.subscribe(query(), cursor_));
  return {};
}

// The events of others, and the saga's own steps: what was decided comes by like everything else.
Query SagaWorker::query() const {
  Query query = Query::of(kind_->reacts_to());
  QueryItem own;
  own.types.emplace_back(step_type);
  own.categories.push_back(handler_.category());
  query.items->push_back(std::move(own));
  return query;
}

// A checkpoint that is lost, unreadable or of another log costs time: everything is recognised as done before.
result<void> SagaWorker::adopt_checkpoint() {
  cursor_ = options_.begin_after;
  STELE_TRY(const auto text, store_.records().get(record_space, kind_->name()));
  if (!text) return {};
  auto read = from_json<SagaCheckpoint>(std::string_view(*text));
  if (!read || Position(read->position) > store_.head().position) return {};
  last_event_ = Position(read->last_event.value_or(0));
  last_event_id_ = read->last_event_id.value_or(Uuid{});
  STELE_TRY(const bool of_this_log, last_event_stands());
  if (!of_this_log) {
    last_event_ = {};
    return {};
  }
  cursor_ = std::max(cursor_, Position(read->position));
  for (TimerEntry& timer : read->timers) timers_.put(std::move(timer));
  for (HeldInstance& held : read->held)
    if (!held.items.empty()) troubles_.adopt(std::move(held));
  troubles_moved_ = troubles_.size() > 0;
  return {};
}

// False: another event stands there, the log is another one. Where none is left there is nothing to compare with.
result<bool> SagaWorker::last_event_stands() {
  if (last_event_ == Position{}) return true;
  const auto event = event_at(store_, last_event_);
  if (!event && event.error().kind() != errc::not_found) return event.error();
  return !event || event->id == last_event_id_;
}

// What cannot be written costs time after a restart, and nothing else: it is shown and tried again.
result<void> SagaWorker::save() {
  const std::lock_guard lock(work_);
  auto saved = write_checkpoint();
  const std::lock_guard view(view_);
  shown_.reason = saved ? std::string() : "the checkpoint cannot be written: " + saved.error().to_string();
  return saved;
}

result<void> SagaWorker::write_checkpoint() {
  if (!opened_ || (unsaved_ == 0 && !troubles_moved_)) return {};
  SagaCheckpoint now{cursor_.value(), {}, {}, timers_.all(), troubles_.all()};
  if (last_event_ > Position{}) {
    now.last_event = last_event_.value();
    now.last_event_id = last_event_id_;
  }
  STELE_TRY(const std::string text, detail::guarded([&]() -> result<std::string> { return to_json(now); }));
  STELE_CHECK(store_.records().put(record_space, kind_->name(), text));
  unsaved_ = 0;
  troubles_moved_ = false;
  return {};
}

// ---- One turn

result<bool> SagaWorker::turn() {
  bool save_now = false;
  bool did = false;
  {
    const std::lock_guard lock(work_);
    STELE_CHECK(open());
    did = retry_due();
    auto delivered = deliver();
    if (delivered && caught_up_) did = fire_due() || did;
    save_now = unsaved_ >= options_.checkpoint_every || troubles_moved_;
    publish();
    if (!delivered) return delivered.error();
    did = did || *delivered;
  }
  if (save_now) (void)save().has_value();  // what cannot be saved stands in status()
  return did;
}

// A batch that was broken off, by whatever, is read again from where it was left: the subscription, which has given
// the whole batch away, is kept only by the one way out on which all of it was taken.
result<bool> SagaWorker::deliver() {
  if (interrupted_) return false;
  auto subscription = std::move(subscription_);
  STELE_TRY(const auto batch, subscription->next_batch(batch_size, std::chrono::microseconds(0)));
  const bool moved = batch.position > cursor_;
  for (const EventView& event : batch.events) {
    if (interrupted_) return true;
    STELE_ASSERT(event.position > cursor_, "events come in order, each once", event.position.value(),
                 cursor_.value());
    take(event);
    cursor_ = last_event_ = event.position;
    last_event_id_ = event.id;
    ++unsaved_;
  }
  cursor_ = std::max(cursor_, batch.position);
  caught_up_ = batch.caught_up;
  subscription_ = std::move(subscription);
  return moved;
}

// Whoever is in trouble already gets it later, behind what it could not do yet.
void SagaWorker::take(const EventView& event) {
  const SagaItem item{event.position.value(), {}, {}};
  const auto instance = detail::guarded([&] { return instance_of(event); });
  if (!instance) return hold(unread_name(event.position), item, std::string(event.type), instance.error());
  if (instance->empty()) return;
  if (HeldInstance* held = troubles_.find(*instance)) {
    held->items.push_back(item);
    troubles_moved_ = true;
    return;
  }
  if (const auto done = detail::guarded([&] { return handle(*instance, event); }); !done)
    hold(*instance, item, std::string(event.type), done.error());
}

result<std::string> SagaWorker::instance_of(const EventView& event) const {
  if (handler_.is_own_step(event)) return std::string(event.stream.substr(handler_.category().size() + 1));
  STELE_TRY(std::string instance, kind_->route(event));
  if (base::is_utf8(instance)) return instance;
  return Error(errc::invalid, "the instance that route() names is not UTF-8")
      .with("stream", std::string(event.stream))
      .with("position", event.position.value());
}

// Timers first: sending may fail and be repeated, and the timers of a step are set whatever becomes of its commands.
result<void> SagaWorker::handle(const std::string& instance, const EventView& event) {
  if (!handler_.is_own_step(event)) return handler_.react(instance, event);
  STELE_TRY(const RecordedStep step, read_step(event));
  timers_.apply(instance, step);
  return handler_.perform(instance, step);
}

// ---- Timers

TimerTable::Waits SagaWorker::held_ones() {
  return [this](const std::string& instance) { return troubles_.find(instance) != nullptr; };
}

// What is under way may still move or end a timer that has run out, so it is heard first; within limits, since on a
// busy log something always is.
bool SagaWorker::fire_due() {
  const auto due = timers_.due(clock_.now(), held_ones());
  const bool under_way = cursor_ < store_.head().position;
  patience_ = under_way ? patience_ + 1 : 0;
  if (!due.empty() && under_way && patience_ < longest_patience) return true;
  bool any = false;
  for (const TimerEntry& entry : due) {
    if (interrupted_) break;
    any = true;
    if (troubles_.find(entry.instance)) continue;  // since the list was made
    const auto done = detail::guarded([&] { return fire(entry.instance, entry.timer, cursor_); });
    if (!done) hold(entry.instance, {0, entry.timer, {}}, "timer " + entry.timer, done.error());
  }
  return any;
}

// Off the table at once: the step that says so is still to come by.
result<void> SagaWorker::fire(const std::string& instance, const std::string& timer, Position seen) {
  const auto entry = timers_.find(instance, timer);
  if (!entry) return {};
  STELE_CHECK(handler_.fire(instance, timer, entry->scheduled_by, seen));
  timers_.erase(instance, timer);
  ++unsaved_;
  return {};
}

// ---- Trouble

void SagaWorker::hold(const std::string& instance, const SagaItem& item, std::string what, const Error& why) {
  troubles_.failed(instance, item, why, clock_.now()).what = std::move(what);
  troubles_moved_ = true;
}

bool SagaWorker::retry_due() {
  const auto due = troubles_.due(clock_.now());
  for (const std::string& instance : due) {
    if (interrupted_) break;
    work_off(instance);
  }
  return !due.empty();
}

// Of what waits behind the first item nothing has been seen.
Position SagaWorker::seen_before(const HeldInstance& held) const {
  for (std::size_t i = 1; i < held.items.size(); ++i)
    if (held.items[i].position > 0) return Position(held.items[i].position - 1);
  return cursor_;
}

// In order, until something fails again or nothing waits any more.
void SagaWorker::work_off(const std::string& instance) {
  troubles_moved_ = true;
  while (true) {
    HeldInstance* held = troubles_.find(instance);
    if (!held || interrupted_) return;
    const SagaItem item = held->items.front();
    const auto done = detail::guarded([&] { return handle(instance, item, seen_before(*held)); });
    if (!done) {
      hold(instance, item, held->what, done.error());
      return;
    }
    held->items.erase(held->items.begin());
    held->tries = held->faults = 0;
    held->what = "waiting behind what has been repaired";
    if (held->items.empty()) troubles_.release(instance);
  }
}

result<void> SagaWorker::handle(const std::string& instance, const SagaItem& item, Position seen) {
  if (item.timer) return fire(instance, *item.timer, seen);
  STELE_TRY(const RecordedEvent event, event_at(store_, Position(item.position)));
  if (HeldInstance* held = troubles_.find(instance)) held->what = event.type;
  if (instance.starts_with('#') && instance == unread_name(event.position))
    return handle_unread(detail::view_of(event));
  if (item.out_of_turn) return handler_.react(instance, detail::view_of(event), false);
  return handle(instance, detail::view_of(event));
}

// What could not be read before has no turn of its own any more: it takes its place in its instance's queue, or comes
// now. What the instance has gone past without it stays an error: to drop it would be silence.
result<void> SagaWorker::handle_unread(const EventView& event) {
  STELE_TRY(const std::string instance, instance_of(event));
  if (instance.empty()) return {};
  STELE_CHECK(handler_.check_in_time(instance, event));
  if (!troubles_.find(instance)) {
    if (handler_.is_own_step(event)) return handle(instance, event);
    return handler_.react(instance, event, false);
  }
  const std::optional<bool> out_of_turn = handler_.is_own_step(event) ? std::nullopt : std::optional(true);
  troubles_.insert(instance, {event.position.value(), {}, out_of_turn}, std::string(event.type),
                   clock_.now());
  return {};
}

// Only marks it: the worker's thread does the work, in its order.
result<void> SagaWorker::retry(std::string_view instance) {
  const std::lock_guard lock(work_);
  HeldInstance* held = troubles_.find(instance);
  if (!held) return Error(errc::not_found, std::string(instance) + " is not in trouble");
  held->stuck = false;
  held->tries = held->faults = 0;
  held->next_try = clock_.now();
  troubles_moved_ = true;
  publish();
  return {};
}

result<void> SagaWorker::skip(std::string_view name) {
  const std::lock_guard lock(work_);
  HeldInstance* held = troubles_.find(name);
  if (!held) return Error(errc::not_found, std::string(name) + " is not in trouble");
  const std::string instance(name);
  const SagaItem item = held->items.front();
  if (item.timer) {
    if (const auto entry = timers_.find(instance, *item.timer))
      STELE_CHECK(handler_.skip(instance, entry->scheduled_by, *item.timer, seen_before(*held)));
    timers_.erase(instance, *item.timer);
  } else {
    STELE_CHECK(skip_event(*held, Position(item.position)));
  }
  held->items.erase(held->items.begin());
  held->stuck = false;
  held->tries = held->faults = 0;
  held->next_try = clock_.now();
  if (held->items.empty()) troubles_.release(instance);
  troubles_moved_ = true;
  publish();
  return {};
}

// What was compacted away meanwhile is known by the name it was held under. An event that nobody could read is noted
// where it belongs as soon as that can be known; what waits before it there is still to be seen.
result<void> SagaWorker::skip_event(const HeldInstance& held, Position position) {
  const auto event = event_at(store_, position);
  if (!event && event.error().kind() != errc::not_found) return event.error();
  if (held.instance != unread_name(position))
    return handler_.skip(held.instance, position, event ? event->type : held.what, position);
  if (!event) return {};
  const auto instance = detail::guarded([&] { return instance_of(detail::view_of(*event)); });
  if (!instance || instance->empty()) return {};
  return handler_.skip(*instance, position, event->type, {});
}

// ---- Seen from outside

std::optional<Timestamp> SagaWorker::next_due() {
  const std::lock_guard lock(work_);
  auto next = timers_.next_due(held_ones());
  if (const auto next_try = troubles_.next_try(); next_try && (!next || *next_try < *next)) next = next_try;
  return next;
}

// Nothing to do now; a try or a timer of later does not count.
bool SagaWorker::is_idle() {
  {
    const std::lock_guard lock(work_);
    if (!opened_ || !caught_up_ || cursor_ < store_.head().position) return false;
  }
  const auto next = next_due();
  return !next || *next > clock_.now();
}

// Others look at a copy, so that nobody waits for an append to see a number.
void SagaWorker::publish() {
  const SagaCounts& counts = handler_.counts();
  const std::lock_guard lock(view_);
  shown_.position = cursor_;
  shown_.reacted = counts.reacted;
  shown_.sent = counts.sent;
  shown_.repeated = counts.repeated;
  shown_.refused = counts.refused;
  shown_.fired = counts.fired;
  shown_.ignored = counts.ignored;
  shown_.timers = timers_.size();
  shown_.next_timer = timers_.next_due([](const std::string&) { return false; });
  shown_.troubled = troubles_.size();
  shown_.stuck = troubles_.stuck();
  if (!troubles_moved_) return;
  shown_troubles_.clear();
  for (HeldInstance& held : troubles_.all())
    shown_troubles_.push_back({std::move(held.instance), held.stuck, std::move(held.what),
                               Position(held.items.front().position), std::move(held.error), held.since,
                               held.tries, held.items.size() - 1});
}

SagaStatus SagaWorker::status() const {
  const std::lock_guard lock(view_);
  SagaStatus status = shown_;
  status.head = std::max(store_.head().position, status.position);
  return status;
}

std::vector<SagaTimer> SagaWorker::timers(std::size_t most) {
  const std::lock_guard lock(work_);
  return timers_.first(most);
}

std::vector<SagaTrouble> SagaWorker::troubles() const {
  const std::lock_guard lock(view_);
  return shown_troubles_;
}

}  // namespace stele::domain
