// checks.cpp - asking, and comparing.
#include "checks.hpp"

#include <algorithm>

#include "requests.hpp"

namespace stele::simulation {
namespace {

std::string at_position(std::uint64_t position) { return "position " + number(position); }

// Events as the cursor gives them against positions that the model expects, in order.
void check_course(Cursor& cursor, const Model& model, const std::vector<std::uint64_t>& expected,
                  std::size_t batch, const char* what, Judge& judge) {
  std::size_t seen = 0;
  while (judge.content()) {
    const auto events = cursor.next_batch(batch);
    if (!events) {
      judge.failed(what, events.error());
      return;
    }
    if (events->empty()) break;
    for (const auto& got : *events) {
      if (seen >= expected.size() || got.position.value() != expected[seen]) {
        judge.complain(std::string(what) + ": " + at_position(got.position.value()) + " instead of " +
                       (seen < expected.size() ? at_position(expected[seen]) : "the end"));
        return;
      }
      if (const auto differs = model.difference(got); !differs.empty()) {
        judge.complain(std::string(what) + ": " + at_position(got.position.value()) + ": " + differs);
        return;
      }
      ++seen;
    }
  }
  judge.expect(seen == expected.size(), what,
               [&] { return "it ends before " + at_position(expected[seen]); });
}

std::vector<std::uint64_t> limited(std::vector<std::uint64_t> all, Direction direction, std::uint64_t limit) {
  if (direction == Direction::backward) std::reverse(all.begin(), all.end());
  if (all.size() > limit) all.resize(static_cast<std::size_t>(limit));
  return all;
}

void check_log_read(EventStore& store, const Model& model, Dice& dice, Judge& judge) {
  LogRead read;
  read.query = random_query(dice);
  const auto head = model.visible();
  if (dice.below(2) == 0) read.direction = Direction::backward;
  if (dice.below(2) == 0) read.from = Position(1 + dice.below(head.value() + 2));
  if (dice.below(3) == 0) read.limit = 1 + dice.below(8);
  const bool forward = read.direction == Direction::forward;
  const auto after = forward && read.from ? Position(read.from->value() - 1) : Position{};
  const auto until = !forward && read.from ? std::min(*read.from, head) : head;
  const auto expected = limited(model.matching(read.query, after, until), read.direction, read.limit);
  auto cursor = store.read(read);
  if (!cursor) {
    judge.failed("reading the log", cursor.error());
    return;
  }
  check_course(**cursor, model, expected, 1 + dice.below(40), "reading the log by a query", judge);
}

void check_refused_stream(EventStore& store, const std::string& stream, errc kind, Judge& judge) {
  const auto read = store.read_stream({stream, {}, Direction::forward, no_limit});
  judge.expect(!read, "a stream that is not there is read", [&] { return stream; });
  if (!read && read.error().kind() != kind) judge.failed("reading a stream that is not there", read.error());
  const auto info = store.stream_info(stream);
  judge.expect(!info, "a stream that is not there is told about", [&] { return stream; });
  if (!info && info.error().kind() != kind)
    judge.failed("asking about a stream that is not there", info.error());
}

void check_id(EventStore& store, const Model& model, Dice& dice, Judge& judge) {
  if (model.last() == Position{}) return;
  const auto position = 1 + dice.below(model.last().value());
  const auto& mine = model.at(position);
  if (!mine.id_known) return;
  const auto found = store.find_event(mine.event.id);
  if (Position(position) > model.visible() || mine.dropped) {
    judge.expect(!found, "an event that nobody may see is found by its id",
                 [&] { return at_position(position); });
    if (!found && found.error().kind() != errc::not_found)
      judge.failed("an id that is not there", found.error());
    return;
  }
  if (!found) {
    judge.failed("finding an event by its id", found.error());
    return;
  }
  const auto& event = mine.event;
  judge.expect(found->position == event.position && found->revision == event.revision &&
                   found->stream == event.stream && found->type == event.type &&
                   found->content_type == event.content_type && found->data == event.data &&
                   found->metadata == event.metadata && found->tags == event.tags &&
                   (!mine.time_known || found->recorded_at == event.recorded_at),
               "finding an event by its id", [&] { return at_position(position) + ": another one"; });
}

void check_time(EventStore& store, const Model& model, Dice& dice, Judge& judge) {
  const auto head = model.visible().value();
  if (head == 0 || model.dropped() > 0) return;
  const auto& some = model.at(1 + dice.below(head));
  if (!some.time_known) return;
  const auto time = some.event.recorded_at - std::chrono::microseconds(dice.below(2));
  std::uint64_t expected = 0;
  while (expected < head && model.at(expected + 1).event.recorded_at <= time) ++expected;
  const auto found = store.position_at(time);
  if (!found) {
    judge.failed("the last position of a time", found.error());
    return;
  }
  judge.expect(found->value() == expected, "the last position of a time",
               [&] { return number(found->value()) + " instead of " + number(expected); });
}

bool same_info(const StreamInfo& info, const ModelLife& life) {
  return info.last_revision.value() + 1 == life.positions.size() &&
         info.events == life.positions.size() - life.first_kept &&
         info.first_position.value() == life.positions[life.first_kept] &&
         info.last_position.value() == life.positions.back();
}

// By any beginning of a name, from any name on, as many as are asked for.
void check_list(EventStore& store, const Model& model, Dice& dice, Judge& judge) {
  const auto prefix = dice.below(2) == 0 ? std::string() : random_stream(dice).substr(0, 1 + dice.below(3));
  const auto after = dice.below(2) == 0 ? std::string() : random_stream(dice);
  const std::size_t limit = dice.below(3) == 0 ? 1 + static_cast<std::size_t>(dice.below(4)) : 1000;
  const auto listed = store.list_streams(prefix, after, limit);
  if (!listed) {
    judge.failed("listing streams", listed.error());
    return;
  }
  std::size_t at = 0;
  for (const auto& name : model.streams()) {
    const auto life = model.life(name);
    if (!life || life->is_over() || name.starts_with("$") || !name.starts_with(prefix) || name <= after)
      continue;
    if (at == limit) break;
    const bool there = at < listed->size() && (*listed)[at].stream == name;
    if (!judge.expect(there, "listing streams", [&] { return name + " is missing"; })) return;
    if (!judge.expect(same_info((*listed)[at], *life), "what a list tells about a stream",
                      [&] { return name; }))
      return;
    ++at;
  }
  judge.expect(at == listed->size(), "listing streams",
               [&] { return (*listed)[at].stream + " is too many"; });
}

}  // namespace

namespace {

// Walks over the log beside the model.
class LogCheck {
 public:
  LogCheck(Model& model, Judge& judge) : model_(model), judge_(judge) {}

  bool take(const EventView& got) {
    const auto position = got.position.value();
    if (!judge_.expect(position >= next_ && got.position <= model_.visible(), "an event out of place",
                       [&] { return at_position(position); })) {
      return false;
    }
    if (!skip_to(position)) return false;
    if (const auto differs = model_.learn(got); !differs.empty())
      return judge_.complain("an event has changed: " + at_position(position) + ": " + differs);
    ++next_;
    return judge_.expect(!model_.at(position).dropped, "what was dropped is back",
                         [&] { return at_position(position); });
  }
  // What lies between was dropped, or is lost.
  bool skip_to(std::uint64_t position) {
    for (; next_ < position; ++next_) {
      auto& missing = model_.at(next_);
      if (!judge_.expect(missing.may_go, "an acknowledged event is lost", [&] { return at_position(next_); }))
        return false;
      missing.dropped = true;
    }
    return true;
  }

 private:
  Model& model_;
  Judge& judge_;
  std::uint64_t next_ = 1;
};

}  // namespace

bool check_log(EventStore& store, Model& model, Judge& judge) {
  const auto head = store.head();
  if (!judge.expect(head.position == model.visible(), "the head", [&] {
        return number(head.position.value()) + " instead of " + number(model.visible().value());
      })) {
    return false;
  }
  auto cursor = store.read({});
  if (!cursor) return judge.failed("reading everything", cursor.error());
  LogCheck check(model, judge);
  for (;;) {
    const auto events = (*cursor)->next_batch(64);
    if (!events) return judge.failed("reading everything", events.error());
    if (events->empty()) break;
    for (const auto& got : *events) {
      if (!check.take(got)) return false;
    }
  }
  if (!check.skip_to(model.visible().value() + 1)) return false;
  const auto events = model.visible().value() - model.dropped();
  // A compaction that failed between the file and the index counts what it could not hide.
  return judge.expect(head.events == events || judge.excused(), "the number of events",
                      [&] { return number(head.events) + " instead of " + number(events); });
}

bool compare_log(EventStore& store, const Model& model, Position head, Judge& judge) {
  auto cursor = store.read({});
  if (!cursor) return judge.failed("reading everything", cursor.error());
  std::uint64_t next = 1;
  const auto may_miss = [&](std::uint64_t until) {
    while (next < until && model.at(next).may_go) ++next;
    return judge.expect(next == until, "an acknowledged event is lost", [&] { return at_position(next); });
  };
  for (;;) {
    const auto events = (*cursor)->next_batch(64);
    if (!events) return judge.failed("reading everything", events.error());
    if (events->empty()) return may_miss(head.value() + 1);
    for (const auto& got : *events) {
      if (!judge.expect(got.position.value() >= next && got.position <= head, "an event out of place") ||
          !may_miss(got.position.value())) {
        return false;
      }
      const auto differs = model.difference(got);
      if (!differs.empty())
        return judge.complain("an event has changed: " + at_position(next) + ": " + differs);
      ++next;
    }
  }
}

// Reading ahead, it may still have what was dropped meanwhile.
bool check_batch(Subscription& subscription, const Query& query, Position& at, const Model& model, Dice& dice,
                 Judge& judge) {
  const auto batch = subscription.next_batch(1 + dice.below(20), std::chrono::microseconds(0));
  if (!batch) return judge.failed("a subscription", batch.error());
  if (!judge.expect(batch->position >= at && batch->position <= model.visible(), "how far a subscription is",
                    [&] { return at_position(batch->position.value()); })) {
    return true;
  }
  judge.expect(!batch->caught_up || batch->position == model.visible(),
               "whether a subscription is caught up");
  auto got = batch->events.begin();
  for (const auto position : model.matching(query, at, batch->position, true)) {
    const bool there = got != batch->events.end() && got->position.value() == position;
    if (!there && model.at(position).dropped) continue;
    if (!judge.expect(there, "a subscription misses an event", [&] { return at_position(position); }))
      return true;
    if (const auto differs = model.difference(*got); !differs.empty()) {
      judge.complain("a subscription: " + at_position(position) + ": " + differs);
      return true;
    }
    ++got;
  }
  judge.expect(got == batch->events.end(), "a subscription hands over what it must not",
               [&] { return at_position(got->position.value()); });
  at = batch->position;
  return true;
}

void check_stream(EventStore& store, const Model& model, const std::string& stream, Dice& dice,
                  Judge& judge) {
  const auto life = model.life(stream);
  if (!life) return check_refused_stream(store, stream, errc::not_found, judge);
  if (life->is_over())
    return check_refused_stream(store, stream, life->tombstoned ? errc::gone : errc::not_found, judge);
  StreamRead read;
  read.stream = stream;
  if (dice.below(2) == 0) read.direction = Direction::backward;
  if (dice.below(3) == 0) read.from = Revision(dice.below(life->positions.size() + 1));
  if (dice.below(3) == 0) read.limit = 1 + dice.below(5);
  auto begin = life->first_kept;
  auto end = life->positions.size();
  if (read.from && read.direction == Direction::forward) begin = std::max(begin, read.from->value());
  if (read.from && read.direction == Direction::backward)
    end = std::min<std::size_t>(end, static_cast<std::size_t>(read.from->value()) + 1);
  std::vector<std::uint64_t> expected;
  for (auto revision = begin; revision < end; ++revision) expected.push_back(life->positions[revision]);
  auto cursor = store.read_stream(read);
  if (!cursor) {
    judge.failed("reading a stream", cursor.error());
    return;
  }
  check_course(**cursor, model, limited(expected, read.direction, read.limit), 1 + dice.below(20),
               "reading a stream", judge);
  const auto info = store.stream_info(stream);
  if (!info) {
    judge.failed("asking about a stream", info.error());
    return;
  }
  judge.expect(same_info(*info, *life), "what is told about a stream", [&] { return stream; });
}

void check_something(EventStore& store, const Model& model, Dice& dice, Judge& judge) {
  switch (dice.below(6)) {
    case 0:
    case 1:
      return check_log_read(store, model, dice, judge);
    case 2:
    case 3:
      return check_stream(store, model, random_stream(dice), dice, judge);
    case 4:
      check_id(store, model, dice, judge);
      return check_time(store, model, dice, judge);
    default:
      return check_list(store, model, dice, judge);
  }
}

void check_answer(const result<AppendResult>& answer, const Expected& expected, Judge& judge) {
  const auto told = [&] {
    return answer ? "it is at " + number(answer->first.value()) : answer.error().to_string();
  };
  if (expected.refused) {
    judge.expect(!answer && answer.error().kind() == *expected.refused,
                 "an append that must be refused with this kind",
                 [&] { return std::string(to_string(*expected.refused)) + "; " + told(); });
    if (!answer && expected.match) {
      judge.expect(answer.error().fact("position") == number(expected.match->value()),
                   "a conflict names the newest match", told);
    }
    if (!answer && !expected.stream.empty()) {
      judge.expect(answer.error().fact("stream") == expected.stream &&
                       answer.error().fact("actual") == expected.actual,
                   "a conflict names the stream and where it stands",
                   [&] { return expected.stream + " at " + expected.actual + "; " + told(); });
    }
    return;
  }
  if (!judge.expect(answer.has_value(), "an append that must be accepted", told)) return;
  judge.expect(answer->first == expected.first && answer->last == expected.last, "the positions of an append",
               [&] { return told() + ", expected " + number(expected.first.value()); });
  judge.expect(answer->revisions == expected.revisions, "the revisions of an append", told);
  judge.expect(answer->was_duplicate == expected.duplicate, "whether an append was a repetition", told);
}

}  // namespace stele::simulation
