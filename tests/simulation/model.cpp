// model.cpp - the contract of store.hpp as loops over a list.
#include "model.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/assert.hpp"

namespace stele::simulation {
namespace {

bool is_metadata(std::string_view stream) { return stream.starts_with("$$"); }

std::string_view about(std::string_view stream) { return is_metadata(stream) ? stream.substr(2) : stream; }

bool has(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// The number behind "$tb": in metadata that the simulator itself has written.
std::optional<std::uint64_t> member(const std::string& json, const std::string& name) {
  const auto at = json.find("\"" + name + "\":");
  if (at == std::string::npos) return std::nullopt;
  return std::strtoull(json.c_str() + at + name.size() + 3, nullptr, 10);
}

bool matches_item(const QueryItem& item, const RecordedEvent& event) {
  if (!item.types.empty() && !has(item.types, event.type)) return false;
  if (!item.streams.empty() && !has(item.streams, event.stream)) return false;
  if (!item.categories.empty() && !has(item.categories, event.stream.substr(0, event.stream.find('-')))) {
    return false;
  }
  return std::all_of(item.tags.begin(), item.tags.end(),
                     [&](const auto& tag) { return has(event.tags, tag); });
}

bool same_content(const NewEvent& asked, const RecordedEvent& stored) {
  return asked.id == stored.id && asked.type == stored.type && asked.data == stored.data &&
         asked.metadata == stored.metadata && asked.content_type == stored.content_type &&
         asked.tags == stored.tags;
}

Expected refusal(errc kind) {
  Expected expected;
  expected.refused = kind;
  return expected;
}

}  // namespace

bool matches(const Query& query, const RecordedEvent& event) {
  if (!query.items) return true;
  return std::any_of(query.items->begin(), query.items->end(),
                     [&](const auto& item) { return matches_item(item, event); });
}

// ---- Streams

std::vector<std::uint64_t> Model::positions_of(std::string_view stream, Position until) const {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return {};
  auto positions = found->second;
  while (!positions.empty() && positions.back() > until.value()) positions.pop_back();
  return positions;
}

bool Model::ended(std::string_view stream, Position until) const {
  const auto positions = positions_of(stream, until);
  return !positions.empty() && at(positions.back()).event.type == "$tombstone";
}

std::optional<std::string> Model::metadata(std::string_view stream, Position until) const {
  const auto positions = positions_of(metadata_stream_of(stream), until);
  if (positions.empty()) return std::nullopt;
  return at(positions.back()).event.data;
}

std::optional<ModelLife> Model::life(std::string_view stream, Position until) const {
  ModelLife life{positions_of(stream, until), 0, ended(about(stream), until)};
  const auto count = life.positions.size();
  if (count == 0) return std::nullopt;
  while (life.first_kept + 1 < count && at(life.positions[life.first_kept]).dropped) ++life.first_kept;
  if (is_metadata(stream)) {
    life.first_kept = count - 1;
    return life;
  }
  const auto keep = metadata(stream, until).value_or("{}");
  life.first_kept = std::max(life.first_kept, member(keep, "$tb").value_or(0));
  const auto most = member(keep, "$maxCount").value_or(count);
  if (most < count) life.first_kept = std::max(life.first_kept, count - most);
  return life;
}

std::vector<std::string> Model::streams() const {
  std::vector<std::string> names;
  for (const auto& [name, positions] : streams_) names.push_back(name);
  return names;
}

std::vector<std::uint64_t> Model::matching(const Query& query, Position after, Position until,
                                           bool with_dropped) const {
  std::vector<std::uint64_t> found;
  for (auto position = after.value() + 1; position <= until.value(); ++position) {
    if ((with_dropped || !at(position).dropped) && matches(query, at(position).event))
      found.push_back(position);
  }
  return found;
}

void Model::compaction_begins() {
  for (const auto& [name, all] : streams_) {
    const auto found = life(name);
    if (!found) continue;
    const auto last = found->positions.size() - 1;
    const auto keep = found->tombstoned ? last : std::min<std::uint64_t>(found->first_kept, last);
    for (std::uint64_t revision = 0; revision < keep; ++revision)
      at(found->positions[revision]).may_go = true;
  }
}

std::uint64_t Model::dropped() const {
  const auto until = log_.begin() + static_cast<std::ptrdiff_t>(visible_.value());
  return static_cast<std::uint64_t>(
      std::count_if(log_.begin(), until, [](const auto& one) { return one.dropped; }));
}

// ---- Appending

// Where the stream stands, as this kind of expectation counts it.
std::optional<Revision> Model::seen_by(const std::string& stream, const ExpectedVersion& expected) const {
  const auto next = positions_of(stream, last()).size();
  std::optional<Revision> head;
  if (next > 0) head.emplace(next - 1);
  const auto keep = metadata(stream, last());
  const bool deleted = keep && member(*keep, "$tb").value_or(0) >= next;
  if (head && deleted && expected.kind() != ExpectedVersion::Kind::exact) head.reset();
  return head;
}

std::optional<Expected> Model::check(const std::string& stream, const ExpectedVersion& expected) const {
  if (expected.kind() == ExpectedVersion::Kind::any) return std::nullopt;
  if (ended(about(stream), last())) return refusal(errc::gone);
  const auto head = seen_by(stream, expected);
  if (expected.admits(head)) return std::nullopt;
  auto conflict = refusal(errc::conflict);
  conflict.stream = stream;
  conflict.actual = head ? number(head->value()) : "no_stream";
  return conflict;
}

// Nothing: none of the ids is in the log.
std::optional<Expected> Model::known_ids(const AppendRequest& request) const {
  std::size_t found = 0;
  std::size_t count = 0;
  std::uint64_t first = 0;
  for (const auto& write : request.writes) {
    for (const auto& event : write.events) {
      const auto known = event.id.is_nil() ? ids_.end() : ids_.find(event.id);
      if (count++ == 0 && known != ids_.end()) first = known->second;
      if (known != ids_.end()) ++found;
    }
  }
  if (found == 0) return std::nullopt;
  if (found < count) return refusal(errc::invalid);
  return repeated(request, first);
}

Expected Model::repeated(const AppendRequest& request, std::uint64_t first) const {
  Expected expected;
  expected.duplicate = true;
  expected.first = Position(first);
  auto position = first;
  for (const auto& write : request.writes) {
    for (const auto& event : write.events) {
      if (position > log_.size() || at(position).event.stream != write.stream ||
          !same_content(event, at(position).event)) {
        return refusal(errc::invalid);
      }
      expected.last = Position(position++);
    }
    expected.revisions.push_back({write.stream, at(expected.last.value()).event.revision});
  }
  return expected;
}

void Model::check_condition(const AppendCondition& condition, Expected& expected) const {
  if (condition.after > last()) {
    expected.refused = errc::invalid;
    return;
  }
  const auto found = matching(condition.fail_if, condition.after, last());
  if (found.empty()) return;
  expected.refused = errc::conflict;
  expected.match = Position(found.back());
}

Expected Model::decide(const AppendRequest& request) const {
  if (auto known = known_ids(request)) return *known;
  Expected expected;
  expected.first = last().next();
  for (const auto& write : request.writes) {
    if (ended(about(write.stream), last())) return refusal(errc::gone);
    if (auto refused = check(write.stream, write.expected)) return *std::move(refused);
  }
  for (const auto& one : request.also_expect) {
    if (auto refused = check(one.stream, one.expected)) return *std::move(refused);
  }
  if (request.condition) check_condition(*request.condition, expected);
  if (expected.refused) return expected;
  auto behind = log_.size();
  for (const auto& write : request.writes) {
    const auto next = positions_of(write.stream, last()).size();
    expected.revisions.push_back({write.stream, Revision(next + write.events.size() - 1)});
    behind += write.events.size();
  }
  expected.last = Position(behind);
  return expected;
}

void Model::stage(const AppendRequest& request, const Expected& expected) {
  STELE_ASSERT(!expected.refused && !expected.duplicate, "only what is new is staged");
  for (const auto& write : request.writes) {
    auto& positions = streams_[write.stream];
    for (const auto& event : write.events) {
      const auto position = log_.size() + 1;
      ModelEvent kept;
      kept.event = {.position = Position(position),
                    .revision = Revision(positions.size()),
                    .recorded_at = {},
                    .id = event.id,
                    .stream = write.stream,
                    .type = event.type,
                    .content_type = event.content_type,
                    .data = event.data,
                    .metadata = event.metadata,
                    .tags = event.tags};
      kept.id_known = !event.id.is_nil();
      if (kept.id_known) ids_.emplace(event.id, position);
      positions.push_back(position);
      log_.push_back(std::move(kept));
    }
  }
  STELE_ASSERT(last() == expected.last, "all of it was staged", last().value(), expected.last.value());
  boundaries_.insert(log_.size());
}

void Model::acknowledge(const AppendResult& answer) {
  for (auto position = answer.first.value(); position <= answer.last.value(); ++position) {
    at(position).event.recorded_at = answer.recorded_at;
    at(position).time_known = true;
  }
}

bool Model::is_boundary(Position at) const { return boundaries_.contains(at.value()); }

void Model::cut_to(Position last) {
  STELE_ASSERT(is_boundary(last) && last >= visible_, "only whole appends that nobody saw are cut",
               last.value(), visible_.value());
  while (log_.size() > last.value()) {
    auto& gone = log_.back().event;
    if (log_.back().id_known) ids_.erase(gone.id);
    auto& positions = streams_.find(gone.stream)->second;
    positions.pop_back();
    if (positions.empty()) streams_.erase(gone.stream);
    log_.pop_back();
  }
  boundaries_.erase(boundaries_.upper_bound(last.value()), boundaries_.end());
  visible_ = last;
}

void Model::cut_staged(Position first) {
  const auto visible = visible_;
  cut_to(Position(first.value() - 1));
  visible_ = visible;
}

bool Model::may_be_repeated(const AppendRequest& request) const {
  for (const auto& write : request.writes) {
    for (const auto& event : write.events) {
      const auto known = ids_.find(event.id);
      if (event.id.is_nil() || (known != ids_.end() && at(known->second).may_go)) return false;
    }
  }
  return true;
}

// ---- Comparing

std::string Model::difference(const EventView& got) const {
  const auto position = got.position.value();
  if (position == 0 || position > log_.size()) return "it was never appended";
  const auto& want = at(position);
  const auto& event = want.event;
  if (got.stream != event.stream) return "its stream is " + event.stream;
  if (got.revision != event.revision) return "its revision is " + number(event.revision.value());
  if (got.type != event.type || got.content_type != event.content_type) return "its type is " + event.type;
  if (got.data != event.data) return "its data is other bytes";
  if (got.metadata != event.metadata) return "its metadata is other bytes";
  if (!std::equal(got.tags.begin(), got.tags.end(), event.tags.begin(), event.tags.end()))
    return "its tags are others";
  if (want.id_known && got.id != event.id) return "its id is " + to_string(event.id);
  if (want.time_known && got.recorded_at != event.recorded_at)
    return "it was recorded at " + to_string(event.recorded_at);
  if (position > 1 && at(position - 1).time_known && got.recorded_at < at(position - 1).event.recorded_at) {
    return "it was recorded before the one before it";
  }
  return {};
}

std::string Model::learn(const EventView& got) {
  if (auto differs = difference(got); !differs.empty()) return differs;
  auto& mine = at(got.position.value());
  if (!mine.id_known) ids_.emplace(got.id, got.position.value());
  mine.event.id = got.id;
  mine.event.recorded_at = got.recorded_at;
  mine.id_known = mine.time_known = true;
  return {};
}

}  // namespace stele::simulation
