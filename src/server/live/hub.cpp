// hub.cpp - one thread that reads the tail of the log for everybody who is caught up.
#include "server/live/hub.hpp"

#include <algorithm>
#include <set>

#include "event/event_json.hpp"
#include "server/log.hpp"

namespace stele::server {
namespace {

constexpr std::size_t hub_batch = 256;
constexpr std::uint64_t join_distance = 4096;  // events a joining client may be behind
// After a batch that nobody wanted the hub waits this long for more, so that clients who have nothing to read do
// not cost every commit a wake-up.
constexpr std::chrono::milliseconds quiet_nap{1};
constexpr std::chrono::milliseconds pause_after_error{1000};

// Lengths keep ["ab"] and ["a","b"] apart.
void append_list(std::string& out, char mark, const std::vector<std::string>& values) {
  for (const auto& value : values) {
    out += mark;
    out += std::to_string(value.size());
    out += ':';
    out += value;
  }
}

// Equal for equal queries, different for different ones.
std::string key_of(const Query& query) {
  if (!query.items) return "*";
  std::string out;
  for (const auto& item : *query.items) {
    out += '|';
    append_list(out, 's', item.streams);
    append_list(out, 'g', item.tags);
    append_list(out, 't', item.types);
    append_list(out, 'c', item.categories);
  }
  return out;
}

template <class List, class Value>
void erase_value(List& list, const Value& value) {
  list.erase(std::remove(list.begin(), list.end(), value), list.end());
}

}  // namespace

std::string event_frame(const EventView& event) {
  std::string out = "id: " + std::to_string(event.position.value()) + "\ndata: ";
  append_event_json(out, event);
  out += "\n\n";
  return out;
}

Hub::Hub(EventStore& store) : store_(store) {}
Hub::~Hub() { stop(); }

void Hub::start() {
  head_.store(store_.head().position.value());
  watch_ = store_.watch([this](Position head) { head_moved(head); });
  thread_ = std::thread([this] { work(); });
}

// No callbacks from the store any more once the watch is gone; then the thread, then who still waits.
void Hub::stop() {
  watch_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.release();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  groups_.clear();
  membership_.clear();
  movers_.clear();
}

// Stores and loads are sequentially consistent here and in wait_for_work(): one of the two sides sees the other.
// No lock: the store's writer must not wait for a client who is just joining.
void Hub::head_moved(Position head) {
  head_.store(head.value());
  if (sleeping_.exchange(false)) wake_.release();
}

bool Hub::interested() const { return !groups_.empty() || !movers_.empty(); }

// Without clients the tail is nobody's business and is not read.
bool Hub::has_work() const {
  const Position head(head_.load());
  if (!groups_.empty() && position_ < head) return true;
  return std::any_of(movers_.begin(), movers_.end(), [&](const auto& mover) { return mover.first < head; });
}

bool Hub::wait_for_work(std::unique_lock<std::mutex>& lock) {
  for (;;) {
    if (stopping_) return false;
    sleeping_.store(interested());
    if (has_work()) break;
    lock.unlock();
    wake_.acquire();
    lock.lock();
  }
  sleeping_.store(false);
  return true;
}

void Hub::pause(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds time) {
  lock.unlock();
  (void)wake_.try_acquire_for(time);
  lock.lock();
}

void Hub::work() {
  std::unique_lock lock(mutex_);
  while (wait_for_work(lock)) {
    run_movers(lock);
    if (groups_.empty()) continue;
    const bool wanted = read_tail(lock);
    if (!wanted) pause(lock, quiet_nap);
  }
}

// Outside the lock: what they do is theirs, and they may come back with another wish.
void Hub::run_movers(std::unique_lock<std::mutex>& lock) {
  const Position head(head_.load());
  const auto ready = std::stable_partition(movers_.begin(), movers_.end(),
                                           [&](const auto& mover) { return mover.first >= head; });
  std::vector<std::function<void()>> run;
  for (auto it = ready; it != movers_.end(); ++it) run.push_back(std::move(it->second));
  movers_.erase(ready, movers_.end());
  lock.unlock();
  for (auto& moved : run) moved();
  lock.lock();
}

// Reads without the lock, so that joining never waits for a disk. True when somebody wanted something.
bool Hub::read_tail(std::unique_lock<std::mutex>& lock) {
  const auto from = position_.next();
  const auto before = position_;
  lock.unlock();
  auto cursor = store_.read({.query = Query::all(), .from = from, .limit = hub_batch});
  auto batch = cursor ? (*cursor)->next_batch(hub_batch) : result<std::span<const EventView>>(cursor.error());
  lock.lock();
  if (position_ != before) return true;  // the last client left and another joined meanwhile
  if (!batch) {
    log_line(LogLevel::error, "live.read_failed", "cannot read the tail of the log",
             {{"error", batch.error().to_string()}});
    pause(lock, pause_after_error);
    return true;
  }
  const bool wanted = deliver(*batch);
  const auto full = std::exchange(full_, {});
  forget(full);
  lock.unlock();
  for (const auto& member : full) member->lost();
  lock.lock();
  return wanted;
}

// In the order of the log: position_ moves event by event, so a client who joins in between fits in.
bool Hub::deliver(std::span<const EventView> events) {
  bool wanted = false;
  std::string frame;
  for (const auto& event : events) {
    frame.clear();
    for (auto* group : unfiltered_) wanted |= give(*group, event, frame);
    wanted |= give_candidates(by_stream_, event.stream, event, frame);
    wanted |= give_candidates(by_type_, event.type, event, frame);
    wanted |= give_candidates(by_category_, category_of(event.stream), event, frame);
    if (!by_tag_.empty()) {
      for (const std::string_view tag : event.tags) wanted |= give_candidates(by_tag_, tag, event, frame);
    }
    position_ = event.position;
  }
  return wanted;
}

bool Hub::give_candidates(const GroupIndex& index, std::string_view key, const EventView& event,
                          std::string& frame) {
  if (index.empty()) return false;
  const auto found = index.find(key);
  if (found == index.end()) return false;
  bool wanted = false;
  for (auto* group : found->second) wanted |= give(*group, event, frame);
  return wanted;
}

// A group may be found several times for one event; it is given once.
bool Hub::give(Group& group, const EventView& event, std::string& frame) {
  if (group.offered >= event.position || !group.query.matches(event)) return false;
  group.offered = event.position;
  if (frame.empty()) frame = event_frame(event);
  std::erase_if(group.members, [&](const std::shared_ptr<Subscriber>& member) {
    if (member->offer(event.position, frame)) return false;
    full_.push_back(member);
    return true;
  });
  return true;
}

// The lock is held while the gap is read: in that time nothing may be delivered past the newcomer.
bool Hub::join(const std::shared_ptr<Subscriber>& subscriber, const Query& query, Position cursor) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return true;  // nothing will come any more, and the stream is being closed
    // Nothing behind the head was offered to anybody: a position from there would turn away all who come later.
    if (groups_.empty()) position_ = std::min(cursor, store_.head().position);
    if (!hand_over(subscriber, query, cursor)) return false;
    auto& group = group_of(query);
    group.members.push_back(subscriber);
    membership_[subscriber.get()] = &group;
  }
  wake_.release();
  return true;
}

// What the hub has offered to others but this one has not seen yet.
bool Hub::hand_over(const std::shared_ptr<Subscriber>& subscriber, const Query& query, Position cursor) {
  if (cursor >= position_) return true;
  const auto distance = position_.value() - cursor.value();
  if (distance > join_distance) return false;
  auto reader = store_.read({.query = query, .from = cursor.next(), .limit = distance});
  if (!reader) return false;
  for (;;) {
    auto batch = (*reader)->next_batch(hub_batch);
    if (!batch) return false;
    if (batch->empty()) return true;
    for (const auto& event : *batch) {
      if (event.position > position_) return true;
      if (!subscriber->offer(event.position, event_frame(event))) return false;
    }
  }
}

Hub::Group& Hub::group_of(const Query& query) {
  auto& slot = groups_[key_of(query)];
  if (!slot) {
    slot = std::make_unique<Group>(Group{query, key_of(query), {}, Position()});
    index_group(*slot);
  }
  return *slot;
}

// By the most selective thing each item names; an event that matches the item is found there.
void Hub::index_group(Group& group) {
  if (!group.query.items) return unfiltered_.push_back(&group);
  for (const auto& item : *group.query.items) {
    if (!item.streams.empty()) {
      for (const auto& stream : item.streams) by_stream_[stream].push_back(&group);
    } else if (!item.tags.empty()) {
      by_tag_[item.tags.front()].push_back(&group);
    } else if (!item.types.empty()) {
      for (const auto& type : item.types) by_type_[type].push_back(&group);
    } else {
      for (const auto& category : item.categories) by_category_[category].push_back(&group);
    }
  }
}

// The mirror image of index_group(); a key may stand in several items.
void Hub::drop_group(Group& group) {
  erase_value(unfiltered_, &group);
  const auto clean = [&](GroupIndex& index, const std::vector<std::string>& keys) {
    for (const auto& key : keys) {
      const auto found = index.find(key);
      if (found == index.end()) continue;
      erase_value(found->second, &group);
      if (found->second.empty()) index.erase(found);
    }
  };
  if (group.query.items) {
    for (const auto& item : *group.query.items) {
      clean(by_stream_, item.streams);
      clean(by_tag_, item.tags);
      clean(by_type_, item.types);
      clean(by_category_, item.categories);
    }
  }
  groups_.erase(std::string(group.key));
}

void Hub::remove_member(Subscriber* member) {
  const auto found = membership_.find(member);
  if (found == membership_.end()) return;
  auto& group = *found->second;
  membership_.erase(found);
  std::erase_if(group.members, [&](const auto& other) { return other.get() == member; });
  if (group.members.empty()) drop_group(group);
}

// They are out of their groups already, and several may have been of one: it goes when none of them points to it.
void Hub::forget(std::span<const std::shared_ptr<Subscriber>> full) {
  std::set<Group*> left;
  for (const auto& member : full) {
    if (const auto known = membership_.extract(member.get())) left.insert(known.mapped());
  }
  for (auto* const group : left) {
    if (group->members.empty()) drop_group(*group);
  }
}

void Hub::leave(const std::shared_ptr<Subscriber>& subscriber) {
  const std::lock_guard lock(mutex_);
  remove_member(subscriber.get());
}

void Hub::when_head_passes(Position seen, std::function<void()> moved) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    movers_.emplace_back(seen, std::move(moved));
  }
  wake_.release();
}

}  // namespace stele::server
