// outbox.cpp - an effect as the target of a Runner: its model is the outside world, and what is done there is written
// down one by one.
#include "stele/outbox.hpp"

#include <algorithm>
#include <charconv>

namespace stele {
namespace {

constexpr std::string_view outbox_space = "outbox";

// "90211 90211 6ba7b810-...": the position, and which event was the last.
std::string text_of(const Checkpoint& done) {
  return std::to_string(done.position.value()) + " " + std::to_string(done.last_event.value()) + " " +
         to_string(done.last_event_id);
}

std::optional<Checkpoint> parse_checkpoint(std::string_view text) {
  std::uint64_t numbers[2];
  for (std::uint64_t& number : numbers) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  }
  const auto id = parse_uuid(text);
  if (!id) return std::nullopt;
  return Checkpoint{Position(numbers[0]), Position(numbers[1]), *id};
}

}  // namespace

result<std::shared_ptr<Outbox>> Outbox::open(EventStore& store, std::string name, Query events,
                                             Perform perform, OutboxOptions options) {
  if (name.empty()) return Error(errc::invalid, "an outbox needs a name");
  STELE_CHECK(check_query(events));
  std::shared_ptr<Outbox> outbox(new Outbox(store, std::move(name), std::move(events), std::move(perform)));
  STELE_CHECK(outbox->adopt(options));
  return outbox;
}

// Where it begins is written down before the first effect: the second start must not begin anywhere else.
result<void> Outbox::adopt(const OutboxOptions& options) {
  STELE_TRY(const auto text, store_.records().get(outbox_space, name_));
  if (!text) return record({options.begin_after.value_or(store_.head().position), {}, {}});
  const auto done = parse_checkpoint(*text);
  if (!done)
    return Error(errc::corrupt, "the record of outbox " + name_ + " cannot be read: " + *text)
        .with("outbox", name_)
        .help("restore records.db, or erase the record: the outbox then begins at the head of the log");
  const std::lock_guard lock(mutex_);
  done_ = *done;
  return {};
}

result<void> Outbox::record(const Checkpoint& done) {
  STELE_CHECK(store_.records().put(outbox_space, name_, text_of(done)));
  const std::lock_guard lock(mutex_);
  done_ = done;
  return {};
}

result<void> Outbox::skip(Position position) {
  STELE_TRY(Checkpoint now, checkpoint());
  if (position <= now.position) return {};
  now.position = position;
  return record(now);
}

std::string Outbox::note() const {
  const std::lock_guard lock(mutex_);
  return note_;
}

result<Checkpoint> Outbox::checkpoint() {
  const std::lock_guard lock(mutex_);
  return done_;
}

// For a model this means "build it again"; the world cannot be built again. What this log holds now is the past.
result<void> Outbox::reset() {
  STELE_CHECK(record({store_.head().position, {}, {}}));
  const std::lock_guard lock(mutex_);
  note_ = "the log is not the one its effects were for: goes on at position " +
          std::to_string(done_.position.value());
  return {};
}

result<void> Outbox::begin() { return {}; }

// Recorded at once and not with the batch: an event behind it that fails must not repeat this one.
result<void> Outbox::apply(const EventView& event) {
  {
    const std::lock_guard lock(mutex_);
    if (event.position <= done_.position) return {};
  }
  STELE_CHECK(perform_(event, {name_ + "/" + std::to_string(event.position.value()), event.position}));
  return record({event.position, event.position, event.id});
}

// The effects are recorded already; what lies behind them and does not concern them costs nothing to pass again.
result<std::vector<std::string>> Outbox::commit(const Checkpoint& now) {
  passed(now.position);
  return std::vector<std::string>{};
}

void Outbox::passed(Position position) {
  const std::lock_guard lock(mutex_);
  done_.position = std::max(done_.position, position);
}

}  // namespace stele
