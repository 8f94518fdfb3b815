// saga_troubles.cpp - how long an instance waits, and when it is stuck.
#include "domain/saga_troubles.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace stele::domain {
namespace {

// What others say may be any bytes; the checkpoint it is kept in is text.
std::string storable(std::string text) {
  if (base::is_utf8(text)) return text;
  for (char& c : text)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return text;
}

}  // namespace

// `timeout` is among them: it may have happened, and doing it again finds out.
bool may_pass(errc kind) {
  switch (kind) {
    case errc::busy:
    case errc::disk_full:
    case errc::read_only:
    case errc::timeout:
    case errc::unavailable:
      return true;
    default:
      return false;
  }
}

HeldInstance* Troubles::find(std::string_view instance) {
  const auto found = held_.find(instance);
  return found == held_.end() ? nullptr : &found->second;
}

// Stuck only by its own fault: tries that the store was to blame for are counted and forgiven.
HeldInstance& Troubles::failed(std::string_view instance, const SagaItem& item, const Error& why,
                               Timestamp now) {
  auto [place, is_new] = held_.try_emplace(std::string(instance));
  HeldInstance& held = place->second;
  if (is_new) {
    held.instance = instance;
    held.items = {item};
    held.since = now;
  }
  STELE_ASSERT(!held.items.empty() && held.items.front() == item, "the first item is the one that fails",
               held.items.size());
  ++held.tries;
  if (!may_pass(why.kind())) ++held.faults;
  held.error = storable(why.to_string());
  held.stuck = held.faults >= options_.tries;
  held.next_try = now + pause(held.tries);
  return held;
}

// Between half and all of what doubles each time, so that many instances do not come back at once.
std::chrono::microseconds Troubles::pause(std::uint64_t tries) {
  const auto doublings = std::min<std::uint64_t>(tries - 1, 30);
  const auto longest =
      std::min(options_.first_pause * (std::int64_t{1} << doublings), options_.longest_pause);
  const auto least = longest.count() / 2;
  return std::chrono::microseconds(
      std::uniform_int_distribution<std::int64_t>(least, std::max(least, longest.count()))(jitter_));
}

// Timers (position 0) stay where they are: they ran out before what stands behind them was seen.
void Troubles::insert(std::string_view instance, const SagaItem& item, std::string what, Timestamp now) {
  HeldInstance* held = find(instance);
  STELE_ASSERT(held && item.position > 0, "an event joins an instance in trouble", item.position);
  const auto place =
      std::ranges::find_if(held->items, [&](const SagaItem& each) { return each.position > item.position; });
  if (place == held->items.begin()) {
    held->stuck = false;
    held->tries = held->faults = 0;
    held->what = std::move(what);
    held->next_try = now;
  }
  held->items.insert(place, item);
}

void Troubles::release(std::string_view instance) {
  if (const auto found = held_.find(instance); found != held_.end()) held_.erase(found);
}

// From the checkpoint, as it was: stuck stays stuck, also in a new process.
void Troubles::adopt(HeldInstance held) { held_.insert_or_assign(held.instance, std::move(held)); }

std::vector<std::string> Troubles::due(Timestamp now) const {
  std::vector<std::string> names;
  for (const auto& [name, held] : held_)
    if (!held.stuck && held.next_try <= now) names.push_back(name);
  return names;
}

std::optional<Timestamp> Troubles::next_try() const {
  std::optional<Timestamp> next;
  for (const auto& [name, held] : held_)
    if (!held.stuck && (!next || held.next_try < *next)) next = held.next_try;
  return next;
}

std::vector<HeldInstance> Troubles::all() const {
  std::vector<HeldInstance> list;
  list.reserve(held_.size());
  for (const auto& [name, held] : held_) list.push_back(held);
  return list;
}

std::size_t Troubles::stuck() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(held_, [](const auto& each) { return each.second.stuck; }));
}

}  // namespace stele::domain
