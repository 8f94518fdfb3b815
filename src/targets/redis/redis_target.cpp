// redis_target.cpp - a projection's model in Redis: a batch is one script that checks the checkpoint, runs what the
// projection said and moves the checkpoint.
#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "base/assert.hpp"
#include "stele/targets.hpp"
#include "targets/redis/redis_link.hpp"
#include "targets/shared/parked_text.hpp"
#include "targets/shared/standing.hpp"

namespace stele {
namespace targets {

// What a batch will say, as the arguments of the script: for each command the number of its words, then the words. A
// script of the projection's is the number of its keys, negated and less one, its text, then as a command without name.
class RedisBatch {
 public:
  explicit RedisBatch(std::string begins) : prefix(std::move(begins)) {}
  void clear() {
    words.clear();
    keys.clear();
    parking_changed = false;
    unparked = {};
  }
  void command(std::initializer_list<std::string> said) {
    words.push_back(std::to_string(said.size()));
    words.insert(words.end(), said.begin(), said.end());
  }
  const std::string prefix;
  std::vector<std::string> words;
  std::vector<std::string> keys;  // changed
  bool parking_changed = false;
  Position unparked;  // to be applied although it lies behind the checkpoint
};

}  // namespace targets

namespace {

using targets::RedisLink;

constexpr std::size_t longest_redis_space = 200;
constexpr std::chrono::seconds redis_lease{10};
constexpr std::size_t most_words = 7000;

// Nothing can be rolled back in Redis, so what is wrong has to be found before anything is written (another process,
// a lost lease); an error after that leaves `broken` standing, and a broken model is built anew.
// KEYS: the checkpoint. ARGV: the lease's key and holder ('' for none), then position, last event and its id, as they
// were and as they are to be, where parked events are and which of them must be there still ('' for none), then the
// batch. Before that the number of batches so far: one that only parks moves no checkpoint, and must not come late
// either.
constexpr auto batch_script = R"(
local lease, holder = redis.call('GET', ARGV[1]), ARGV[2]
if holder ~= '' and lease and lease ~= holder then return 'lease' end
local was = redis.call('HMGET', KEYS[1], 'position', 'last_event', 'last_event_id', 'broken', 'batches')
if (was[1] or '0') ~= ARGV[3] or (was[3] or '') ~= ARGV[5] then return 'moved' end
if was[4] then return 'broken' end
if (was[5] or '0') ~= ARGV[11] then return 'moved' end
if ARGV[10] ~= '' and redis.call('HEXISTS', ARGV[9], ARGV[10]) == 0 then return 'unparked' end
redis.call('HSET', KEYS[1], 'broken', ARGV[6])
local known = {}
local i = 12
while i <= #ARGV do
  local count = tonumber(ARGV[i])
  if count > 0 then
    redis.call(unpack(ARGV, i + 1, i + count))
    i = i + count + 1
  else
    local keys, words, text = -count - 1, tonumber(ARGV[i + 1]), ARGV[i + 2]
    local f = known[text]
    if not f then
      f = assert(loadstring('local KEYS, ARGV = ... ' .. text))
      known[text] = f
    end
    f({unpack(ARGV, i + 3, i + 2 + keys)}, {unpack(ARGV, i + 3 + keys, i + 2 + keys + words)})
    i = i + 3 + keys + words
  end
end
redis.call('HSET', KEYS[1], 'position', ARGV[6], 'last_event', ARGV[7], 'last_event_id', ARGV[8])
redis.call('HINCRBY', KEYS[1], 'batches', 1)
redis.call('HDEL', KEYS[1], 'broken')
return 'done'
)";

// ARGV: what all keys begin with.
constexpr auto empty_script = R"(
local keys = redis.call('KEYS', ARGV[1] .. '*')
for i = 1, #keys, 1000 do
  redis.call('UNLINK', unpack(keys, i, math.min(i + 999, #keys)))
end
return 'done'
)";

// KEYS: the lease. ARGV: holder, milliseconds (0: let go).
constexpr auto lease_script = R"(
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return ''
)";

std::string word_of(const SqlValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.get())) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string_view>(&value.get())) return std::string(*text);
  return {};
}

Checkpoint checkpoint_in(const RedisValue& fields) {
  STELE_ASSERT(fields.list.size() >= 3, "a checkpoint has three fields", fields.list.size());
  return {.position = Position(static_cast<std::uint64_t>(fields.list[0].integer())),
          .last_event = Position(static_cast<std::uint64_t>(fields.list[1].integer())),
          .last_event_id = parse_uuid(fields.list[2].text.value_or("")).value_or(Uuid{})};
}

// An empty id is nobody's: as it stands in a model that has seen nothing.
std::string id_word(const Checkpoint& at) {
  return at.last_event == Position{} ? "" : to_string(at.last_event_id);
}

}  // namespace

struct RedisTarget::Impl final : ProjectionLease, ProjectionParking {
  Impl(RedisServer where, RedisProjection what, const std::string& space, bool is_scratch)
      : server(std::move(where)),
        projection(std::move(what)),
        scratch(is_scratch),
        prefix('{' + space + "}:"),
        lease_key('{' + space + "}-lease"),
        parked_key(prefix + "stele:parked"),
        standing(space),
        batch(prefix),
        holder(targets::lease_holder()) {}

  result<void> ensure_link();
  result<void> join();
  result<RedisValue> stored();
  std::vector<std::string> arguments(const Checkpoint& now);
  result<std::unique_ptr<RedisLink>> take_reader(bool fresh);
  void give_back(std::unique_ptr<RedisLink> reader);

  result<void> take() override;
  void release() override;
  [[nodiscard]] std::chrono::microseconds renew_every() const override { return redis_lease / 3; }

  result<std::vector<ParkedEvent>> list() override;
  result<void> put(const ParkedEvent& event) override;
  result<void> remove(Position position) override;

  const RedisServer server;
  const RedisProjection projection;
  const bool scratch;
  const std::string prefix;  // in braces what decides about the place in a cluster
  const std::string lease_key;
  const std::string parked_key;  // a hash: position to text
  targets::Standing standing;
  targets::RedisBatch batch;
  std::string note;
  std::string half_way;  // what a batch failed with after it had changed something
  std::unique_ptr<RedisLink> link;
  bool joined = false;  // this connection knows what has become of the batch before it
  const std::string holder;
  bool leased = false;
  std::int64_t batches = 0;  // that were written so far, by whomever
  bool stands_by = false;    // somebody else had the lease when it was asked for: nothing is made anew here
  std::mutex mutex;          // of readers
  std::vector<std::unique_ptr<RedisLink>> readers;
};

// ---- The model

std::string RedisModel::key(std::string_view name) const { return batch_->prefix + std::string(name); }

void RedisModel::run(std::initializer_list<SqlValue> words) {
  STELE_ASSERT(words.size() > 0 && words.size() <= most_words, "a command has a name and fits Lua's stack",
               words.size());
  batch_->words.push_back(std::to_string(words.size()));
  for (const SqlValue& word : words) batch_->words.push_back(word_of(word));
}

void RedisModel::script(std::string_view lua, std::initializer_list<std::string> keys,
                        std::initializer_list<SqlValue> arguments) {
  batch_->words.push_back(std::to_string(-static_cast<std::int64_t>(keys.size()) - 1));
  batch_->words.push_back(std::to_string(arguments.size()));
  batch_->words.emplace_back(lua);
  batch_->words.insert(batch_->words.end(), keys.begin(), keys.end());
  for (const SqlValue& argument : arguments) batch_->words.push_back(word_of(argument));
}

void RedisModel::changed(std::string_view key) {
  if (batch_->keys.empty() || batch_->keys.back() != key) batch_->keys.emplace_back(key);
}

// ---- Opening

RedisTarget::RedisTarget(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

result<std::shared_ptr<RedisTarget>> RedisTarget::open_at(const RedisServer& server,
                                                          RedisProjection projection,
                                                          const std::string& space, bool scratch) {
  STELE_CHECK(targets::check_projection(projection.name, projection.version, longest_redis_space,
                                        projection.events, static_cast<bool>(projection.project)));
  std::shared_ptr<RedisTarget> target(
      new RedisTarget(std::make_unique<Impl>(server, std::move(projection), space, scratch)));
  if (auto opened = target->checkpoint(); !opened)
    return Error(opened.error()).at("projection " + target->name());
  return target;
}

result<std::shared_ptr<RedisTarget>> RedisTarget::open(const RedisServer& server,
                                                       RedisProjection projection) {
  const std::string space = targets::space_of(projection.name, projection.version);
  return open_at(server, std::move(projection), space, false);
}

result<std::shared_ptr<RedisTarget>> RedisTarget::scratch(const RedisServer& server,
                                                          RedisProjection projection) {
  const std::string space = targets::scratch_space_of(projection.name);
  return open_at(server, std::move(projection), space, true);
}

RedisTarget::~RedisTarget() {
  if (impl_->scratch) {
    (void)reset().has_value();
    return;
  }
  const Checkpoint last = impl_->standing.now();
  if (last != impl_->standing.stored() && impl_->link && begin()) (void)commit(last).has_value();
  impl_->release();
}

std::string RedisTarget::key(std::string_view name) const { return impl_->prefix + std::string(name); }
const std::string& RedisTarget::name() const { return impl_->projection.name; }
int RedisTarget::version() const { return impl_->projection.version; }
const Query& RedisTarget::events() const { return impl_->projection.events; }
std::string RedisTarget::note() const { return impl_->note; }
ProjectionParking* RedisTarget::parking() { return impl_.get(); }
ProjectionLease* RedisTarget::lease() { return impl_->scratch ? nullptr : impl_.get(); }

// ---- The connection and the lease

result<void> RedisTarget::Impl::ensure_link() {
  if (link && !link->broken()) return {};
  link.reset();
  joined = false;
  STELE_TRY(link, RedisLink::connect(server));
  return {};
}

// A new connection first finds out what has become of the batch before.
result<void> RedisTarget::Impl::join() {
  STELE_CHECK(ensure_link());
  if (joined) return {};
  STELE_TRY(const RedisValue fields, stored());
  STELE_CHECK(standing.rejoin(checkpoint_in(fields)));
  batches = fields.list[4].integer();
  joined = true;
  return {};
}

// position, last_event, last_event_id, broken, batches
result<RedisValue> RedisTarget::Impl::stored() {
  return link->ask(
      {"HMGET", prefix + "stele", "position", "last_event", "last_event_id", "broken", "batches"});
}

// The holder's name is the fence: the script refuses a batch of anybody else. So a lease that cannot be renewed now is
// still worth keeping.
result<void> RedisTarget::Impl::take() {
  const auto linked = ensure_link();
  if (!linked) return leased ? result<void>() : linked;
  const std::vector<std::string> words{
      holder, std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(redis_lease).count())};
  const auto other = link->run_script(lease_script, lease_key, words);
  if (!other) return leased && link->broken() ? result<void>() : result<void>(other.error());
  leased = other->text.value_or("").empty();
  stands_by = !leased;
  return leased ? result<void>() : result<void>(targets::lease_taken(projection.name, *other->text));
}

void RedisTarget::Impl::release() {
  const std::vector<std::string> words{holder, "0"};
  if (std::exchange(leased, false) && ensure_link())
    (void)link->run_script(lease_script, lease_key, words).has_value();
}

// ---- Writing

// A batch that failed half-way cannot be told from one that never came: only building anew helps.
result<Checkpoint> RedisTarget::checkpoint() {
  STELE_CHECK(impl_->ensure_link());
  STELE_TRY(const RedisValue fields, impl_->stored());
  if (!fields.list[3].is_null()) {
    if (impl_->stands_by) return targets::not_ours_to_empty(name());
    STELE_CHECK(reset());
    impl_->note = "built anew: a batch had failed half-way, and Redis takes nothing back";
    return Checkpoint{};
  }
  impl_->standing.adopt(checkpoint_in(fields));
  impl_->batches = fields.list[4].integer();
  impl_->joined = true;
  return impl_->standing.now();
}

result<void> RedisTarget::reset() {
  STELE_CHECK(impl_->ensure_link());
  impl_->standing.emptying();
  const std::vector<std::string> words{impl_->prefix};
  auto emptied = impl_->link->run_script(empty_script, impl_->prefix + "stele", words);
  impl_->standing.emptied(emptied ? Checkpoint{} : impl_->standing.stored());
  if (!emptied) return emptied.error();
  impl_->batches = 0;
  impl_->joined = true;
  return {};
}

result<void> RedisTarget::begin() {
  impl_->batch.clear();
  return impl_->join();
}

result<void> RedisTarget::apply(const EventView& event) {
  if (impl_->standing.holds(event.position) && event.position != impl_->batch.unparked) return {};
  RedisModel model(&impl_->batch);
  return impl_->projection.project(model, event);
}

std::vector<std::string> RedisTarget::Impl::arguments(const Checkpoint& now) {
  const Checkpoint& was = standing.stored();
  std::vector<std::string> words{lease_key,
                                 leased ? holder : std::string{},
                                 std::to_string(was.position.value()),
                                 std::to_string(was.last_event.value()),
                                 id_word(was),
                                 std::to_string(now.position.value()),
                                 std::to_string(now.last_event.value()),
                                 id_word(now),
                                 parked_key,
                                 batch.unparked == Position{} ? "" : std::to_string(batch.unparked.value()),
                                 std::to_string(batches)};
  std::ranges::move(batch.words, std::back_inserter(words));
  return words;
}

result<std::vector<std::string>> RedisTarget::commit(const Checkpoint& now) {
  targets::Standing& standing = impl_->standing;
  const bool parking = impl_->batch.parking_changed;
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
  const Position unparked = impl_->batch.unparked;
  const auto words = impl_->arguments(now);
  standing.sending(now, std::exchange(impl_->batch.keys, {}));
  const auto answer = impl_->link->run_script(batch_script, impl_->prefix + "stele", words);
  rollback();
  if (answer && answer->text == "done") {
    ++impl_->batches;
    return standing.committed();
  }
  if (!impl_->link->broken()) standing.refused();
  if (!answer) {
    if (answer.error().kind() == errc::invalid) impl_->half_way = ": " + answer.error().message();
    return answer.error();
  }
  if (answer->text == "lease") return targets::lease_lost(name());
  if (answer->text == "unparked") return targets::not_parked_any_more(name(), unparked);
  if (answer->text == "broken")
    return Error(errc::invalid,
                 name() + ": a batch has failed half-way, and Redis takes nothing back" + impl_->half_way)
        .help("correct the projection and start it again: the model is built anew");
  return Error(errc::conflict, name() + ": the model is not as this process has left it")
      .with("expected", standing.stored().position.value())
      .help("run each projection in one process only, then start it again");
}

void RedisTarget::rollback() { impl_->batch.clear(); }

void RedisTarget::passed(Position position) {
  if (!impl_->standing.pass(position)) return;
  Checkpoint now = impl_->standing.stored();
  now.position = position;
  if (begin()) (void)commit(now).has_value();  // an error here comes back with the next batch
}

// ---- Parked events: commands of the batch, like all others

result<std::vector<ParkedEvent>> RedisTarget::Impl::list() {
  STELE_CHECK(ensure_link());
  STELE_TRY(const RedisValue fields, link->ask({"HGETALL", parked_key}));
  std::vector<ParkedEvent> events;
  for (std::size_t i = 1; i < fields.list.size(); i += 2) {
    auto found = targets::parked_in(fields.list[i].text.value_or(""));
    if (!found || found->size() != 1)
      return Error(errc::corrupt, projection.name + ": a parked event was not written by a projection")
          .with("key", parked_key);
    events.push_back(std::move(found->front()));
  }
  std::ranges::sort(events, {}, &ParkedEvent::position);
  return events;
}

result<void> RedisTarget::Impl::put(const ParkedEvent& event) {
  batch.parking_changed = true;
  batch.command({"HSET", parked_key, std::to_string(event.position.value()), targets::text_of(event)});
  return {};
}

// The script looks whether it is still there before anything is changed: it can be applied once only.
result<void> RedisTarget::Impl::remove(Position position) {
  STELE_ASSERT(batch.unparked == Position{}, "one parked event at a time is applied", position.value());
  batch.parking_changed = true;
  batch.unparked = position;
  batch.command({"HDEL", parked_key, std::to_string(position.value())});
  return {};
}

// ---- Reading

result<std::unique_ptr<RedisLink>> RedisTarget::Impl::take_reader(bool fresh) {
  {
    const std::lock_guard lock(mutex);
    if (fresh) readers.clear();
    if (!readers.empty()) {
      auto kept = std::move(readers.back());
      readers.pop_back();
      return kept;
    }
  }
  return RedisLink::connect(server);
}

void RedisTarget::Impl::give_back(std::unique_ptr<RedisLink> reader) {
  const std::lock_guard lock(mutex);
  if (!reader->broken() && readers.size() < 4) readers.push_back(std::move(reader));
}

// A connection that was kept may have ended meanwhile: the second try takes a new one.
result<RedisLook> RedisTarget::look(std::initializer_list<std::initializer_list<SqlValue>> commands) {
  std::vector<RedisLink::Words> all{
      {"MULTI"}, {"HMGET", impl_->prefix + "stele", "position", "last_event", "last_event_id"}};
  for (const auto& command : commands) {
    auto& words = all.emplace_back();
    for (const SqlValue& word : command) words.push_back(word_of(word));
  }
  all.push_back({"EXEC"});
  for (const bool fresh : {false, true}) {
    STELE_TRY(auto reader, impl_->take_reader(fresh));
    const auto before = impl_->standing.glimpse();
    auto answers = reader->ask_all(all);
    const bool again = !answers && reader->broken() && !fresh;
    impl_->give_back(std::move(reader));
    if (again) continue;
    if (!answers) return answers.error();
    auto& list = answers->back().list;
    STELE_ASSERT(list.size() == commands.size() + 1, "every command has an answer", list.size());
    RedisLook look{impl_->standing.visible(before, checkpoint_in(list.front()).position), {}};
    std::move(list.begin() + 1, list.end(), std::back_inserter(look.answers));
    return look;
  }
  return Error(errc::unavailable, "Redis: no connection");
}

}  // namespace stele
