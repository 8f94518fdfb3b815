// memcached_target.cpp - a projection's model in Memcached. There is nothing to hold a batch together, so every value
// says by itself which event changed it last, and the checkpoint is written when all of them are.
#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include "base/assert.hpp"
#include "stele/targets.hpp"
#include "targets/memcached/memcached_link.hpp"
#include "targets/shared/standing.hpp"

namespace stele {
namespace targets {

// A value as it is kept: "<position>.<change>+<bytes>"; "-" in place of "+" where it was removed, because the next
// delivery of an event that came before must still find that it is known. `change` counts what one event does.
struct MarkedValue {
  std::uint64_t position = 0;
  std::uint64_t change = 0;
  std::optional<std::string> value;
};

// The values that the open batch has looked at, and what becomes of them.
class MemcachedBatch {
 public:
  struct Entry {
    std::uint64_t token = 0;
    bool changed = false;
    MarkedValue now;
  };
  MemcachedLink* link = nullptr;
  std::string prefix;
  std::uint64_t largest = 0;  // bytes of an item
  std::uint64_t position = 0;
  std::uint64_t change = 0;  // of this event, so far
  std::map<std::string, Entry, std::less<>> entries;
  std::vector<std::string> keys;  // reported as changed

  void clear() {
    entries.clear();
    keys.clear();
  }
  result<Entry*> entry(std::string_view key);
};

}  // namespace targets

namespace {

using targets::CachedItem;
using targets::MarkedValue;
using targets::MemcachedLink;

constexpr std::size_t longest_memcached_space = 50;
constexpr std::size_t longest_key = 180;
constexpr std::uint64_t item_overhead = 128;  // what the server adds to key and value, and a little
constexpr std::int64_t memcached_lease_seconds = 10;
constexpr std::int64_t scratch_seconds = 3600;

std::string text_of(const MarkedValue& marked) {
  return std::to_string(marked.position) + '.' + std::to_string(marked.change) + (marked.value ? '+' : '-') +
         marked.value.value_or(std::string{});
}

result<MarkedValue> marked_in(std::string_view text, std::string_view key) {
  MarkedValue marked;
  const char* const end = text.data() + text.size();
  const auto [dot, no_position] = std::from_chars(text.data(), end, marked.position);
  if (no_position == std::errc{} && dot != end && *dot == '.') {
    const auto [sign, no_change] = std::from_chars(dot + 1, end, marked.change);
    if (no_change == std::errc{} && sign != end && (*sign == '+' || *sign == '-')) {
      if (*sign == '+') marked.value.emplace(sign + 1, end);
      return marked;
    }
  }
  return Error(errc::corrupt, "Memcached: the value of this key was not written by a projection")
      .with("key", std::string(key));
}

// What stands beside the values: which generation of keys is the model, and how far it is.
struct MemcachedStanding {
  std::string generation;
  Checkpoint at;
  std::uint64_t token = 0;
};

std::string text_of(const MemcachedStanding& standing) {
  return standing.generation + ' ' + std::to_string(standing.at.position.value()) + ' ' +
         std::to_string(standing.at.last_event.value()) + ' ' + to_string(standing.at.last_event_id);
}

result<MemcachedStanding> standing_in(const CachedItem& item, const std::string& key) {
  std::vector<std::string> words(1);
  for (const char c : item.bytes) {
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  }
  const auto position = words.size() == 4 ? targets::integer_in(words[1]) : std::nullopt;
  const auto last_event = words.size() == 4 ? targets::integer_in(words[2]) : std::nullopt;
  const auto id = words.size() == 4 ? parse_uuid(words[3]) : std::nullopt;
  if (!position || !last_event || !id)
    return Error(errc::corrupt, "Memcached: the checkpoint was not written by a projection").with("key", key);
  return MemcachedStanding{words[0],
                           {Position(static_cast<std::uint64_t>(*position)),
                            Position(static_cast<std::uint64_t>(*last_event)), *id},
                           item.token};
}

bool is_good_key(std::string_view key) {
  const auto fits = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f'; };
  return !key.empty() && key.size() <= longest_key && std::ranges::all_of(key, fits);
}

Error bad_key(std::string_view key) {
  return Error(errc::invalid, "Memcached: a key has 1 to 180 bytes, without blanks and control characters")
      .with("key", std::string(key));
}

}  // namespace

struct MemcachedTarget::Impl final : ProjectionLease {
  Impl(MemcachedServer where, MemcachedProjection what, std::string in, std::int64_t seconds)
      : server(std::move(where)),
        projection(std::move(what)),
        space(std::move(in)),
        lifetime(seconds),
        standing(space),
        holder(targets::lease_holder()) {}

  [[nodiscard]] std::string checkpoint_key() const { return space + ":stele"; }
  result<void> ensure_link();
  result<std::optional<MemcachedStanding>> stored(MemcachedLink& from) const;
  result<void> begin_generation(std::uint64_t token);
  result<MemcachedStanding> still_ours();
  result<void> write_values();
  result<std::unique_ptr<MemcachedLink>> take_reader(bool fresh);
  void give_back(std::unique_ptr<MemcachedLink> reader);
  result<MemcachedValue> read(MemcachedLink& reader, const std::string& key) const;

  result<void> take_now();
  result<void> take() override;
  void release() override;
  [[nodiscard]] std::chrono::microseconds renew_every() const override {
    return std::chrono::seconds(memcached_lease_seconds) / 3;
  }

  const MemcachedServer server;
  const MemcachedProjection projection;
  const std::string space;
  const std::int64_t lifetime;  // of everything, in seconds; 0: for ever
  targets::Standing standing;
  targets::MemcachedBatch batch;
  std::string generation;
  std::string note;
  std::unique_ptr<MemcachedLink> link;
  const std::string holder;
  bool leased = false;
  std::mutex mutex;  // of readers
  std::vector<std::unique_ptr<MemcachedLink>> readers;
};

// ---- The model

result<targets::MemcachedBatch::Entry*> targets::MemcachedBatch::entry(std::string_view key) {
  if (const auto found = entries.find(key); found != entries.end()) return &found->second;
  STELE_TRY(const auto item, link->get(prefix + std::string(key)));
  Entry made;
  if (item) {
    made.token = item->token;
    STELE_TRY(made.now, marked_in(item->bytes, key));
  }
  return &entries.emplace(std::string(key), std::move(made)).first->second;
}

// An event that is delivered again does nothing to the values it had reached, and the rest to the others.
result<void> MemcachedModel::update(std::string_view key, const Change& change) {
  if (!is_good_key(key)) return bad_key(key);
  STELE_TRY(auto* entry, batch_->entry(key));
  const std::uint64_t step = ++batch_->change;
  MarkedValue& now = entry->now;
  if (std::pair(now.position, now.change) >= std::pair(batch_->position, step)) return {};
  auto becomes = change(now.value ? std::optional<std::string_view>(*now.value) : std::nullopt);
  const std::uint64_t size =
      batch_->prefix.size() + key.size() + (becomes ? becomes->size() : 0) + item_overhead;
  if (size > batch_->largest)
    return Error(errc::too_large, "Memcached: the value is larger than this server takes")
        .with("key", std::string(key))
        .with("size", size)
        .with("limit", batch_->largest)
        .help("start memcached with a larger -I, or keep less");
  now = {batch_->position, step, std::move(becomes)};
  entry->changed = true;
  return {};
}

void MemcachedModel::changed(std::string_view key) {
  if (batch_->keys.empty() || batch_->keys.back() != key) batch_->keys.emplace_back(key);
}

// ---- Opening

MemcachedTarget::MemcachedTarget(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

result<std::shared_ptr<MemcachedTarget>> MemcachedTarget::open_as(const MemcachedServer& server,
                                                                  MemcachedProjection projection,
                                                                  const std::string& space,
                                                                  std::int64_t lifetime) {
  STELE_CHECK(targets::check_projection(projection.name, projection.version, longest_memcached_space,
                                        projection.events, static_cast<bool>(projection.project)));
  std::shared_ptr<MemcachedTarget> target(
      new MemcachedTarget(std::make_unique<Impl>(server, std::move(projection), space, lifetime)));
  if (auto opened = target->checkpoint(); !opened)
    return Error(opened.error()).at("projection " + target->name());
  return target;
}

result<std::shared_ptr<MemcachedTarget>> MemcachedTarget::open(const MemcachedServer& server,
                                                               MemcachedProjection projection) {
  const std::string space = targets::space_of(projection.name, projection.version);
  return open_as(server, std::move(projection), space, 0);
}

result<std::shared_ptr<MemcachedTarget>> MemcachedTarget::scratch(const MemcachedServer& server,
                                                                  MemcachedProjection projection) {
  const std::string space = targets::scratch_space_of(projection.name);
  return open_as(server, std::move(projection), space, scratch_seconds);
}

MemcachedTarget::~MemcachedTarget() {
  const Checkpoint last = impl_->standing.now();
  if (last != impl_->standing.stored() && impl_->link && begin()) (void)commit(last).has_value();
  impl_->release();
}

const std::string& MemcachedTarget::name() const { return impl_->projection.name; }
int MemcachedTarget::version() const { return impl_->projection.version; }
const Query& MemcachedTarget::events() const { return impl_->projection.events; }
std::string MemcachedTarget::note() const { return impl_->note; }
ProjectionLease* MemcachedTarget::lease() { return impl_->lifetime == 0 ? impl_.get() : nullptr; }

// ---- The connection and the lease

result<void> MemcachedTarget::Impl::ensure_link() {
  if (link && !link->broken()) return {};
  link.reset();
  STELE_TRY(auto made, MemcachedLink::connect(server));
  STELE_TRY(const std::string largest, made->setting("item_size_max"));
  STELE_TRY(const std::string evicts, made->setting("evictions"));
  batch.largest = static_cast<std::uint64_t>(targets::integer_in(largest).value_or(1 << 20));
  if (evicts == "on" && note.empty())
    note =
        "this server forgets values when its memory runs short; started with -M it refuses new ones instead";
  link = std::move(made);
  return {};
}

// A lease that cannot be renewed now is still worth keeping: a batch is refused while somebody else has it.
result<void> MemcachedTarget::Impl::take() {
  const bool had = leased;
  auto taken = take_now();
  if (taken || taken.error().kind() != errc::unavailable || !had) return taken;
  leased = true;
  return {};
}

// The lease is a key that expires; renewing it writes it again. `add` and `cas` let only one win.
result<void> MemcachedTarget::Impl::take_now() {
  STELE_CHECK(ensure_link());
  STELE_TRY(const auto there, link->get(space + ":lease"));
  if (there && there->bytes != holder) {
    leased = false;
    return targets::lease_taken(projection.name, there->bytes);
  }
  STELE_TRY(leased, link->put(space + ":lease", holder, there ? there->token : 0, memcached_lease_seconds));
  return leased ? result<void>() : result<void>(targets::lease_taken(projection.name, "another process"));
}

// Written to end in a moment: only the one who still holds it can do that.
void MemcachedTarget::Impl::release() {
  if (!std::exchange(leased, false) || !ensure_link()) return;
  const auto there = link->get(space + ":lease");
  if (there && *there && (*there)->bytes == holder)
    (void)link->put(space + ":lease", holder, (*there)->token, -1).has_value();
}

// ---- Writing

result<std::optional<MemcachedStanding>> MemcachedTarget::Impl::stored(MemcachedLink& from) const {
  STELE_TRY(const auto item, from.get(checkpoint_key()));
  if (!item) return std::optional<MemcachedStanding>{};
  STELE_TRY(auto found, standing_in(*item, checkpoint_key()));
  return std::optional(std::move(found));
}

// Other keys from now on. Random, so that no value of a life before can be among them.
result<void> MemcachedTarget::Impl::begin_generation(std::uint64_t token) {
  const MemcachedStanding fresh{to_string(Uuid::random()).substr(28), {}, 0};
  STELE_TRY(const bool won, link->put(checkpoint_key(), text_of(fresh), token, lifetime));
  if (!won) return Error(errc::conflict, space + ": another process has changed this model");
  generation = fresh.generation;
  return {};
}

result<Checkpoint> MemcachedTarget::checkpoint() {
  STELE_CHECK(impl_->ensure_link());
  STELE_TRY(const auto found, impl_->stored(*impl_->link));
  if (!found) {
    if (impl_->standing.stored() != Checkpoint{})
      impl_->note = "built anew: the server had forgotten the model";
    impl_->standing.adopt({});
    STELE_CHECK(impl_->begin_generation(0));
    return Checkpoint{};
  }
  impl_->generation = found->generation;
  impl_->standing.adopt(found->at);
  return impl_->standing.now();
}

result<void> MemcachedTarget::reset() {
  STELE_CHECK(impl_->ensure_link());
  STELE_TRY(const auto found, impl_->stored(*impl_->link));
  impl_->standing.emptying();
  auto emptied = impl_->begin_generation(found ? found->token : 0);
  impl_->standing.emptied(emptied ? Checkpoint{} : impl_->standing.stored());
  return emptied;
}

result<void> MemcachedTarget::begin() {
  impl_->batch.clear();
  const bool again = !impl_->link || impl_->link->broken();
  STELE_CHECK(impl_->ensure_link());
  if (again) {
    STELE_TRY(const auto found, impl_->stored(*impl_->link));
    STELE_CHECK(impl_->standing.rejoin(found ? found->at : Checkpoint{}));
  }
  impl_->batch.link = impl_->link.get();
  impl_->batch.prefix = impl_->space + '.' + impl_->generation + ':';
  return {};
}

result<void> MemcachedTarget::apply(const EventView& event) {
  if (impl_->standing.holds(event.position)) return {};
  impl_->batch.position = event.position.value();
  impl_->batch.change = 0;
  MemcachedModel model(&impl_->batch);
  return impl_->projection.project(model, event);
}

// Before anything is written: is this still the model that was left, and still ours?
result<MemcachedStanding> MemcachedTarget::Impl::still_ours() {
  if (leased) {
    STELE_TRY(const auto there, link->get(space + ":lease"));
    if (there && there->bytes != holder) return targets::lease_lost(projection.name);
  }
  STELE_TRY(auto found, stored(*link));
  if (found && found->generation == generation && found->at == standing.stored()) return *std::move(found);
  return Error(errc::conflict, projection.name + (found ? ": another process has changed this model"
                                                        : ": the server has forgotten the model"))
      .with("expected", standing.stored().position.value())
      .help("start the projection again: it goes on from what is there");
}

result<void> MemcachedTarget::Impl::write_values() {
  for (const auto& [key, entry] : batch.entries) {
    if (!entry.changed) continue;
    STELE_TRY(const bool won, link->put(batch.prefix + key, text_of(entry.now), entry.token, lifetime));
    if (!won)
      return Error(errc::conflict, projection.name + ": another process has changed this model")
          .with("key", key);
  }
  return {};
}

result<std::vector<std::string>> MemcachedTarget::commit(const Checkpoint& now) {
  targets::Standing& standing = impl_->standing;
  auto arrived = standing.arrived_keys();
  if (now.position <= standing.stored().position) {  // the batch whose answer was lost
    rollback();
    return arrived;
  }
  std::ranges::move(arrived, std::back_inserter(impl_->batch.keys));
  standing.sending(now, std::exchange(impl_->batch.keys, {}));
  auto ours = impl_->still_ours();
  auto done = ours ? impl_->write_values() : result<void>(ours.error());
  if (done) {
    const std::string next = text_of(MemcachedStanding{impl_->generation, now, 0});
    const auto won = impl_->link->put(impl_->checkpoint_key(), next, ours->token, impl_->lifetime);
    if (!won)
      done = won.error();
    else if (!*won)
      done = Error(errc::conflict, name() + ": another process has changed this model");
  }
  rollback();
  if (done) return standing.committed();
  if (!impl_->link->broken()) standing.refused();
  return done.error();
}

// What was written stays, and is known by its position when the events come again.
void MemcachedTarget::rollback() { impl_->batch.clear(); }

void MemcachedTarget::passed(Position position) {
  if (!impl_->standing.pass(position)) return;
  Checkpoint now = impl_->standing.stored();
  now.position = position;
  if (begin()) (void)commit(now).has_value();  // an error here comes back with the next batch
}

// ---- Reading

result<std::unique_ptr<MemcachedLink>> MemcachedTarget::Impl::take_reader(bool fresh) {
  {
    const std::lock_guard lock(mutex);
    if (fresh) readers.clear();
    if (!readers.empty()) {
      auto kept = std::move(readers.back());
      readers.pop_back();
      return kept;
    }
  }
  return MemcachedLink::connect(server);
}

void MemcachedTarget::Impl::give_back(std::unique_ptr<MemcachedLink> reader) {
  const std::lock_guard lock(mutex);
  if (!reader->broken() && readers.size() < 4) readers.push_back(std::move(reader));
}

// The generation is asked for each time: another process may have built the model anew.
result<MemcachedValue> MemcachedTarget::Impl::read(MemcachedLink& reader, const std::string& key) const {
  STELE_TRY(const auto found, stored(reader));
  if (!found) return MemcachedValue{};
  STELE_TRY(const auto item, reader.get(space + '.' + found->generation + ':' + key));
  if (!item) return MemcachedValue{};
  STELE_TRY(auto marked, marked_in(item->bytes, key));
  return MemcachedValue{std::move(marked.value), Position(marked.position)};
}

result<MemcachedValue> MemcachedTarget::get(std::string_view key) {
  if (!is_good_key(key)) return bad_key(key);
  for (const bool fresh : {false, true}) {
    STELE_TRY(auto reader, impl_->take_reader(fresh));
    auto value = impl_->read(*reader, std::string(key));
    const bool again = !value && reader->broken() && !fresh;
    impl_->give_back(std::move(reader));
    if (!again) return value;
  }
  return Error(errc::unavailable, "Memcached: no connection");
}

}  // namespace stele
