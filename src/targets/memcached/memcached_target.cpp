// memcached_target.cpp - a projection's model in Memcached. There is nothing to hold a batch together, so every value
// says by itself which event changed it last, and the checkpoint is written when all of them are.
#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include "base/assert.hpp"
#include "stele/targets.hpp"
#include "targets/memcached/memcached_link.hpp"
#include "targets/memcached/memcached_values.hpp"
#include "targets/shared/parked_text.hpp"
#include "targets/shared/standing.hpp"

namespace stele {
namespace {

using targets::CachedItem;
using targets::item_overhead;
using targets::MemcachedLink;

constexpr std::size_t longest_memcached_space = 50;
constexpr std::int64_t memcached_lease_seconds = 10;
constexpr std::int64_t scratch_seconds = 3600;

// What stands beside the values: which generation of keys is the model, how far it is, and under which name the parked
// events are kept, if there are any. So those and the checkpoint change together.
struct MemcachedStanding {
  std::string generation;
  Checkpoint at;
  std::string parked;
  std::uint64_t token = 0;
};

std::string text_of(const MemcachedStanding& standing) {
  return standing.generation + ' ' + std::to_string(standing.at.position.value()) + ' ' +
         std::to_string(standing.at.last_event.value()) + ' ' + to_string(standing.at.last_event_id) +
         (standing.parked.empty() ? "" : ' ' + standing.parked);
}

result<MemcachedStanding> standing_in(const CachedItem& item, const std::string& key) {
  std::vector<std::string> words(1);
  for (const char c : item.bytes) {
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  }
  const bool has_all = words.size() == 4 || words.size() == 5;
  const auto position = has_all ? targets::integer_in(words[1]) : std::nullopt;
  const auto last_event = has_all ? targets::integer_in(words[2]) : std::nullopt;
  const auto id = has_all ? parse_uuid(words[3]) : std::nullopt;
  if (!position || !last_event || !id)
    return Error(errc::corrupt, "Memcached: the checkpoint was not written by a projection").with("key", key);
  return MemcachedStanding{words[0],
                           {Position(static_cast<std::uint64_t>(*position)),
                            Position(static_cast<std::uint64_t>(*last_event)), *id},
                           words.size() == 5 ? words[4] : std::string{},
                           item.token};
}
}  // namespace

struct MemcachedTarget::Impl final : ProjectionLease, ProjectionParking {
  Impl(MemcachedServer where, MemcachedProjection what, std::string in, std::int64_t seconds)
      : server(std::move(where)),
        projection(std::move(what)),
        space(std::move(in)),
        lifetime(seconds),
        standing(space),
        holder(targets::lease_holder()) {}

  [[nodiscard]] std::string checkpoint_key() const { return space + ":stele"; }
  // No value of the model's is called so.
  [[nodiscard]] std::string parked_item(const std::string& called) const {
    return space + '.' + generation + '!' + called;
  }
  result<void> ensure_link();
  result<void> join();
  result<std::optional<MemcachedStanding>> stored(MemcachedLink& from) const;
  result<void> begin_generation(std::uint64_t token);
  result<MemcachedStanding> still_ours();
  result<void> write_values();
  result<void> write_batch(const Checkpoint& now);
  result<std::string> write_parked();
  void drop_parked(const std::string& called);
  result<bool> read_parked(const std::string& called);
  result<std::unique_ptr<MemcachedLink>> take_reader(bool fresh);
  void give_back(std::unique_ptr<MemcachedLink> reader);
  result<MemcachedValue> read(MemcachedLink& reader, const std::string& key) const;

  result<void> take_now();
  result<void> take() override;
  void release() override;
  [[nodiscard]] std::chrono::microseconds renew_every() const override {
    return std::chrono::seconds(memcached_lease_seconds) / 3;
  }

  result<std::vector<ParkedEvent>> list() override;
  result<void> put(const ParkedEvent& event) override;
  result<void> remove(Position position) override;

  const MemcachedServer server;
  const MemcachedProjection projection;
  const std::string space;
  const std::int64_t lifetime;  // of everything, in seconds; 0: for ever
  targets::Standing standing;
  targets::MemcachedBatch batch;
  std::string generation;
  std::string parked;  // what the item with the parked events is called; empty: there are none
  std::string note;
  std::unique_ptr<MemcachedLink> link;
  bool joined = false;  // this connection knows what has become of the batch before it
  const std::string holder;
  bool leased = false;
  bool stands_by = false;  // somebody else had the lease when it was asked for: nothing is made anew here
  std::mutex mutex;        // of readers
  std::vector<std::unique_ptr<MemcachedLink>> readers;
};

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
ProjectionParking* MemcachedTarget::parking() { return impl_.get(); }
ProjectionLease* MemcachedTarget::lease() { return impl_->lifetime == 0 ? impl_.get() : nullptr; }

// ---- The connection and the lease

result<void> MemcachedTarget::Impl::ensure_link() {
  if (link && !link->broken()) return {};
  link.reset();
  joined = false;
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
  stands_by = there && there->bytes != holder;
  if (stands_by) {
    leased = false;
    return targets::lease_taken(projection.name, there->bytes);
  }
  STELE_TRY(leased, link->put(space + ":lease", holder, there ? there->token : 0, memcached_lease_seconds));
  stands_by = !leased;
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
  const MemcachedStanding fresh{to_string(Uuid::random()).substr(28), {}, {}, 0};
  STELE_TRY(const bool won, link->put(checkpoint_key(), text_of(fresh), token, lifetime));
  if (!won) return Error(errc::conflict, space + ": another process has changed this model");
  generation = fresh.generation;
  parked.clear();
  batch.parked.clear();
  joined = true;
  return {};
}

// Without its parked events a model is not whole, and nobody would ever know.
result<Checkpoint> MemcachedTarget::checkpoint() {
  STELE_CHECK(impl_->ensure_link());
  STELE_TRY(const auto found, impl_->stored(*impl_->link));
  if (found) impl_->generation = found->generation;
  bool whole = found.has_value();
  if (found) {
    STELE_TRY(whole, impl_->read_parked(found->parked));
  }
  if (!whole) {
    if (impl_->stands_by) return targets::not_ours_to_empty(name());
    if (found || impl_->standing.stored() != Checkpoint{})
      impl_->note =
          std::string("built anew: the server had forgotten ") + (found ? "what was parked" : "the model");
    impl_->standing.adopt({});
    STELE_CHECK(impl_->begin_generation(found ? found->token : 0));
    return Checkpoint{};
  }
  impl_->standing.adopt(found->at);
  impl_->joined = true;
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

// A new connection first finds out what has become of the batch before.
result<void> MemcachedTarget::Impl::join() {
  STELE_CHECK(ensure_link());
  if (joined) return {};
  STELE_TRY(const auto found, stored(*link));
  STELE_CHECK(standing.rejoin(found ? found->at : Checkpoint{}));
  STELE_TRY(const bool whole, read_parked(found ? found->parked : std::string{}));
  if (!whole)
    return Error(errc::conflict, projection.name + ": the server has forgotten what was parked")
        .help("start the projection again: the model is built anew");
  joined = true;
  return {};
}

result<void> MemcachedTarget::begin() {
  impl_->batch.clear();
  STELE_CHECK(impl_->join());
  impl_->batch.link = impl_->link.get();
  impl_->batch.prefix = impl_->space + '.' + impl_->generation + ':';
  return {};
}

result<void> MemcachedTarget::apply(const EventView& event) {
  if (impl_->standing.holds(event.position) && event.position != impl_->batch.unparked) return {};
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
  if (found && found->generation == generation && found->at == standing.stored() && found->parked == parked)
    return *std::move(found);
  return Error(errc::conflict, projection.name + (found ? ": another process has changed this model"
                                                        : ": the server has forgotten the model"))
      .with("expected", standing.stored().position.value())
      .help("start the projection again: it goes on from what is there");
}

result<void> MemcachedTarget::Impl::write_values() {
  for (const auto& [key, entry] : batch.entries) {
    if (!entry.changed) continue;
    STELE_TRY(const bool won,
              link->put(batch.prefix + key, targets::text_of(entry.now), entry.token, lifetime));
    if (!won)
      return Error(errc::conflict, projection.name + ": another process has changed this model")
          .with("key", key);
  }
  return {};
}

result<std::vector<std::string>> MemcachedTarget::commit(const Checkpoint& now) {
  targets::Standing& standing = impl_->standing;
  const bool parking = impl_->batch.parking.has_value();
  if (parking && now.position < standing.stored().position) {
    rollback();
    return targets::batch_on_its_way(name());
  }
  auto arrived = standing.arrived_keys();
  if (now.position <= standing.stored().position && !parking) {  // the batch whose answer was lost
    rollback();
    return arrived;
  }
  std::ranges::move(arrived, std::back_inserter(impl_->batch.keys));
  standing.sending(now, std::exchange(impl_->batch.keys, {}));
  const auto done = impl_->write_batch(now);
  rollback();
  if (done) return standing.committed();
  if (!impl_->link->broken()) standing.refused();
  return done.error();
}

// Values, parked events, and then the checkpoint that tells where those are.
result<void> MemcachedTarget::Impl::write_batch(const Checkpoint& now) {
  STELE_TRY(const MemcachedStanding ours, still_ours());
  STELE_CHECK(write_values());
  STELE_TRY(const std::string called, write_parked());
  const std::string next = text_of(MemcachedStanding{generation, now, called, 0});
  const auto won = link->put(checkpoint_key(), next, ours.token, lifetime);
  const bool refused = !link->broken() && (!won || !*won);
  if (refused) drop_parked(called);  // no checkpoint names it
  STELE_CHECK(won);
  if (refused) return Error(errc::conflict, projection.name + ": another process has changed this model");
  if (!batch.parking) return {};
  batch.parked = *std::exchange(batch.parking, std::nullopt);
  drop_parked(std::exchange(parked, called));
  return {};
}

// What was written stays, and is known by its position when the events come again.
void MemcachedTarget::rollback() { impl_->batch.clear(); }

void MemcachedTarget::passed(Position position) {
  if (!impl_->standing.pass(position)) return;
  Checkpoint now = impl_->standing.stored();
  now.position = position;
  if (begin()) (void)commit(now).has_value();  // an error here comes back with the next batch
}

// ---- Parked events: one item with all of them, under a new name each time

// False: there ought to be one, and the server has forgotten it.
result<bool> MemcachedTarget::Impl::read_parked(const std::string& called) {
  targets::MemcachedBatch::Parking found;
  if (!called.empty()) {
    STELE_TRY(const auto item, link->get(parked_item(called)));
    if (!item) return false;
    auto events = targets::parked_in(item->bytes);
    if (!events)
      return Error(errc::corrupt, projection.name + ": its parked events were not written by a projection")
          .with("key", parked_item(called));
    for (ParkedEvent& event : *events) found.emplace(event.position, std::move(event));
  }
  batch.parked = std::move(found);
  parked = called;
  return true;
}

// What it is called now; the old one where nothing changes.
result<std::string> MemcachedTarget::Impl::write_parked() {
  if (!batch.parking) return parked;
  if (batch.parking->empty()) return std::string{};
  std::string text;
  for (const auto& [position, event] : *batch.parking) text += targets::text_of(event);
  std::string called = to_string(Uuid::random()).substr(28);
  if (text.size() + item_overhead + parked_item(called).size() > batch.largest)
    return Error(errc::too_large, projection.name + ": there is no room for more parked events")
        .with("parked", batch.parking->size())
        .with("limit", batch.largest)
        .help("correct the projection and retry or skip them, or start memcached with a larger -I");
  STELE_TRY(const bool won, link->put(parked_item(called), text, 0, lifetime));
  if (!won) return Error(errc::conflict, projection.name + ": another process has changed this model");
  return called;
}

// Best effort: what is left behind is forgotten by the server when it needs the room.
void MemcachedTarget::Impl::drop_parked(const std::string& called) {
  if (called.empty() || called == parked) return;
  const auto there = link->get(parked_item(called));
  if (there && *there) (void)link->put(parked_item(called), "", (*there)->token, -1).has_value();
}

result<std::vector<ParkedEvent>> MemcachedTarget::Impl::list() {
  STELE_CHECK(join());
  std::vector<ParkedEvent> events;
  for (const auto& [position, event] : batch.parked) events.push_back(event);
  return events;
}

result<void> MemcachedTarget::Impl::put(const ParkedEvent& event) {
  if (!batch.parking) batch.parking = batch.parked;
  batch.parking->insert_or_assign(event.position, event);
  return {};
}

result<void> MemcachedTarget::Impl::remove(Position position) {
  if (!batch.parking) batch.parking = batch.parked;
  if (batch.parking->erase(position) == 0) return targets::not_parked_any_more(projection.name, position);
  batch.unparked = position;
  return {};
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
  STELE_TRY(auto marked, targets::marked_in(item->bytes, key));
  return MemcachedValue{std::move(marked.value), Position(marked.mark.first)};
}

result<MemcachedValue> MemcachedTarget::get(std::string_view key) {
  STELE_CHECK(targets::check_cache_key(key));
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
