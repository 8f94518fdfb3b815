// command_run.cpp - tries, event ids and metadata of one command.
#include "stele/detail/command_run.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/assert.hpp"
#include "base/json_reader.hpp"
#include "base/json_text.hpp"
#include "base/utf8.hpp"

namespace stele {

result<void> require_user(const Context& context) {
  if (!context.user.empty()) return {};
  return Error(errc::denied, "the command does not say who sends it")
      .help("give Context::user; this application records nothing without");
}

}  // namespace stele

namespace stele::detail {
namespace {

using std::chrono::microseconds;

constexpr std::size_t batch_events = 512;
constexpr microseconds first_pause{200};
constexpr microseconds longest_pause{20'000};

// Name spaces of the ids that follow from a key. Never change them: repeats would not be recognised any more.
constexpr Uuid key_space({0x1d, 0x3c, 0x0f, 0x52, 0x6b, 0x0e, 0x4f, 0x5a, 0x9c, 0x55, 0x0a, 0x4e, 0x61, 0x73,
                          0x74, 0x65});
constexpr Uuid hash_space({0x8e, 0x11, 0x54, 0xb0, 0x2a, 0xd3, 0x4c, 0x27, 0xb1, 0x06, 0x5d, 0x63, 0x6d, 0x64,
                           0x73, 0x74});

void append_text_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (out.size() > 1) out += ',';
  ((out += '"') += name) += "\":";
  base::append_json_string(out, value);
}

std::string text_member(const JsonDocument& document, std::string_view name) {
  const auto member = document.root().find(name);
  return std::string(member ? member->as_string().value_or("") : "");
}

// Persisted in Records under the key's digest.
struct KeptRefusal {
  std::string command;
  std::string hash;
  std::string rule;
  std::string facts;
};
constexpr std::string_view refusal_space = "refusal";
constexpr std::uint64_t refusals_between_cleanings = 256;

Error key_was_used(const std::string& command) {
  return Error(errc::invalid, "the idempotency key was used before, for another command")
      .with("command", command)
      .help("give each command a key of its own");
}

std::string head_text(std::optional<Revision> head) {
  return head ? std::to_string(head->value()) : "no_stream";
}

}  // namespace

Timestamp clock_now() { return std::chrono::floor<microseconds>(std::chrono::system_clock::now()); }

std::optional<Revision> FirstAnswer::revision_of(std::string_view stream) const {
  for (const StreamRevision& each : appended.revisions)
    if (each.stream == stream) return each.revision;
  return std::nullopt;
}

result<void> add_stream(std::vector<WorkStream>& streams, std::string stream, std::optional<Revision> head) {
  for (const WorkStream& each : streams)
    if (each.stream == stream)
      return Error(errc::invalid, "the unit of work has loaded " + stream + " already")
          .help("load each aggregate once and keep its part");
  streams.push_back({std::move(stream), head, {}});
  return {};
}

CommandRun::CommandRun(EventStore& store, std::string_view command, std::string_view command_json,
                       const Context& context, const HandleOptions& options)
    : store_(store), command_(command), context_(context), options_(options) {
  STELE_ASSERT(options.max_tries > 0, "a command needs at least one try");
  asked_ = {context.at.value_or(clock_now()), context.user};
  if (!context.idempotency_key.empty()) {
    key_digest_ = to_string(Uuid::from_name(key_space, context.idempotency_key));
    command_hash_ = to_string(Uuid::from_name(hash_space, command_ + "\n" + std::string(command_json)));
  }
  if (context_.correlation_id.empty())
    context_.correlation_id = key_digest_.empty() ? to_string(Uuid::random()) : key_digest_;
  const auto seed = options.jitter_seed.value_or(std::hash<Uuid>()(Uuid::random()));
  jitter_.seed(static_cast<std::minstd_rand::result_type>(seed));
}

Uuid CommandRun::event_id(std::size_t index) const {
  return Uuid::from_name(key_space, key_digest_ + "\n" + std::to_string(index));
}

result<void> CommandRun::same_command(const RecordedEvent& first) const {
  STELE_TRY(const auto metadata, JsonDocument::parse(first.metadata, {.allow_repeated_keys = true}));
  if (text_member(metadata, "command") == command_ && text_member(metadata, "commandHash") == command_hash_)
    return {};
  return key_was_used(text_member(metadata, "command")).with("position", first.position.value());
}

result<std::optional<FirstAnswer>> CommandRun::first_answer() {
  ++tries_;
  events_ = 0;
  rests_on_.reset();
  FirstAnswer answer;
  for (std::size_t index = 0; !key_digest_.empty(); ++index) {
    auto found = store_.find_event(event_id(index));
    if (!found && found.error().kind() == errc::not_found) break;
    if (!found) return found.error();
    if (index == 0) STELE_CHECK(same_command(*found));
    answer.events.push_back(*std::move(found));
  }
  if (answer.events.empty()) return std::optional<FirstAnswer>();
  AppendResult& appended = answer.appended;
  for (const RecordedEvent& event : answer.events) {
    auto known = std::ranges::find(appended.revisions, event.stream, &StreamRevision::stream);
    if (known == appended.revisions.end())
      appended.revisions.push_back({event.stream, event.revision});
    else
      known->revision = std::max(known->revision, event.revision);
  }
  const auto by_position = std::ranges::minmax(answer.events, {}, &RecordedEvent::position);
  appended.first = by_position.min.position;
  appended.last = by_position.max.position;
  appended.recorded_at = by_position.max.recorded_at;
  appended.was_duplicate = true;
  return std::optional(std::move(answer));
}

// Records that cannot be read remember nothing: the command is decided anew, as without a key.
result<std::optional<FirstRefusal>> CommandRun::first_refusal() {
  std::optional<FirstRefusal> none;
  if (key_digest_.empty() || tries_ > 1 || options_.remember_refusals.count() == 0) return none;
  const auto text = store_.records().get(refusal_space, key_digest_);
  if (!text || !*text) return none;
  auto kept = from_json<KeptRefusal>(std::string_view(**text));
  if (!kept) return none;
  if (kept->command != command_ || kept->hash != command_hash_) return key_was_used(kept->command);
  return std::optional(FirstRefusal{std::move(kept->rule), std::move(kept->facts)});
}

// Bounded by time: now and then what is older than it is to be remembered is forgotten.
void CommandRun::remember(const FirstRefusal& refusal) {
  static std::atomic<std::uint64_t> remembered{0};
  if (key_digest_.empty() || options_.remember_refusals.count() == 0) return;
  Records& records = store_.records();
  const KeptRefusal kept{command_, command_hash_, refusal.rule, refusal.facts};
  (void)records.put(refusal_space, key_digest_, to_json(kept)).has_value();
  if (remembered++ % refusals_between_cleanings == 0)
    (void)records.erase_older(refusal_space, clock_now() - options_.remember_refusals).has_value();
}

std::string CommandRun::metadata(int version) const {
  std::string out = "{";
  append_text_member(out, "userId", context_.user);
  append_text_member(out, "correlationId", context_.correlation_id);
  append_text_member(out, "causationId", context_.causation_id);
  append_text_member(out, "traceparent", context_.traceparent);
  append_text_member(out, "command", command_);
  if (version > 1) out += ",\"schemaVersion\":" + std::to_string(version);
  append_text_member(out, "idempotencyKey", key_digest_);
  append_text_member(out, "commandHash", command_hash_);
  return out + "}";
}

NewEvent CommandRun::new_event(const Schema& schema, std::string json) {
  NewEvent event;
  if (!key_digest_.empty()) event.id = event_id(events_);
  ++events_;
  event.type = schema.type;
  event.data = std::move(json);
  event.metadata = metadata(schema.version);
  return event;
}

// All questions of one try are asked of the log up to one position, so that one condition covers them.
result<void> CommandRun::read_log(QueryItem which, Direction direction, std::uint64_t limit,
                                  const std::function<result<void>(const EventView&)>& take) {
  if (!rests_on_) rests_on_ = AppendCondition{Query{std::vector<QueryItem>()}, store_.head().position};
  const Position up_to = rests_on_->after;
  rests_on_->fail_if.items->push_back(which);
  if (up_to == Position()) return {};
  const bool backward = direction == Direction::backward;
  STELE_TRY(const auto cursor,
            store_.read({Query::of(std::move(which)), backward ? std::optional(up_to) : std::nullopt,
                         direction, limit}));
  while (true) {
    STELE_TRY(const auto batch, cursor->next_batch(batch_events));
    for (const EventView& event : batch) {
      if (event.position > up_to) return {};
      STELE_CHECK(take(event));
    }
    if (batch.empty()) return {};
  }
}

result<std::optional<AppendResult>> CommandRun::append(std::vector<WorkStream>& streams) {
  if (events_ == 0) return std::optional<AppendResult>();
  for (const std::string* text :
       {&context_.user, &context_.correlation_id, &context_.causation_id, &context_.traceparent})
    if (!base::is_utf8(*text))
      return Error(errc::invalid, "the context of " + command_ + " holds text that is not UTF-8");
  AppendRequest request;
  request.recorded_at = options_.recorded_at;
  request.condition = rests_on_;
  std::uint64_t before = 0;  // events of this append that stand before the stream's
  for (WorkStream& each : streams) {
    const auto expected = ExpectedVersion::of(each.head);
    if (each.events.empty()) {
      request.also_expect.push_back({each.stream, expected});
    } else {
      before += each.events.size();
      each.last = Position(before);
      request.writes.push_back({each.stream, expected, std::move(each.events)});
    }
  }
  STELE_TRY(auto appended, store_.append(std::move(request)));
  STELE_ASSERT(appended.was_duplicate || appended.last.value() + 1 - appended.first.value() == before,
               "an append stands at consecutive positions", appended.first.value(), appended.last.value(),
               before);
  for (WorkStream& each : streams) {
    if (!each.last) continue;
    each.last = Position(appended.first.value() + each.last->value() - 1);
    // Of a stream that was deleted only the append knows where its numbering goes on.
    const auto now = std::ranges::find(appended.revisions, each.stream, &StreamRevision::stream);
    if (each.revision && now != appended.revisions.end()) *each.revision = now->revision;
  }
  return std::optional(std::move(appended));
}

// A race between two commands with one key ends in a conflict or, when the ids meet first, in `invalid`: one
// more look then finds the other's events.
bool CommandRun::again(const Error& error) {
  const bool raced_key =
      error.kind() == errc::invalid && !key_digest_.empty() && !std::exchange(looked_again_, true);
  if (error.kind() != errc::conflict && !raced_key) return false;
  if (tries_ >= options_.max_tries) return false;
  pause();
  return true;
}

void CommandRun::pause() {
  const auto longest = std::min(longest_pause, first_pause * (1 << std::min(tries_ - 1, 10u)));
  const microseconds wait(std::uniform_int_distribution<microseconds::rep>(0, longest.count())(jitter_));
  if (options_.pause)
    options_.pause(wait);
  else
    std::this_thread::sleep_for(wait);
}

Error CommandRun::final_error(Error error) const {
  if (error.kind() != errc::conflict) return error;
  return std::move(error)
      .with("tries", std::uint64_t{tries_})
      .help("others were faster each time: try again later");
}

result<void> walk_stream(EventStore& store, const std::string& stream, std::optional<Revision> up_to,
                         const std::function<result<void>(const EventView&)>& take,
                         std::optional<Revision> from) {
  const Revision first = from.value_or(Revision());
  if (up_to && first > *up_to) return {};
  StreamRead read;
  read.stream = stream;
  read.from = from;
  if (up_to) read.limit = up_to->value() - first.value() + 1;
  auto cursor = store.read_stream(std::move(read));
  if (!cursor && cursor.error().kind() == errc::not_found) return {};
  if (!cursor) return cursor.error();
  while (true) {
    STELE_TRY(const auto batch, (*cursor)->next_batch(batch_events));
    if (batch.empty()) return {};
    for (const EventView& event : batch) {
      if (up_to && event.revision > *up_to) return {};  // the limit counts from what is kept
      STELE_CHECK(take(event));
    }
  }
}

EventView view_of(const RecordedEvent& event) {
  return {event.position, event.revision,     event.recorded_at, event.id,       event.stream,
          event.type,     event.content_type, event.data,        event.metadata, TagsView()};
}

Error foreign_event(const EventView& event, std::string_view category) {
  return unreadable_event({event.stream, event.type, event.revision, event.position},
                          Error(errc::corrupt, std::string(category) + " knows no event of this type"));
}

Error impossible_history(const EventView& event) {
  return unreadable_event({event.stream, event.type, event.revision, event.position},
                          Error(errc::corrupt, "cannot happen in the state before it"));
}

Error missing_event(const EventView& event, Revision expected) {
  return unreadable_event({event.stream, event.type, event.revision, event.position},
                          Error(errc::corrupt, "comes where revision " + std::to_string(expected.value()) +
                                                   " of the stream should be, which is missing"));
}

Error impossible_decision(std::string_view type, std::string_view category) {
  return Error(errc::invalid, std::string(category) + " decided on " + std::string(type) +
                                  ", which its own state has no evolve() for")
      .with("type", std::string(type))
      .help("this is a mistake in the rules: add the overload or decide otherwise");
}

Error unexpected_head(const std::string& stream, const ExpectedVersion& expected,
                      std::optional<Revision> head) {
  return Error(errc::conflict, stream + " is at " + head_text(head) + ", not at " + to_string(expected))
      .with("stream", stream)
      .with("expected", to_string(expected))
      .with("actual", head_text(head));
}

}  // namespace stele::detail
