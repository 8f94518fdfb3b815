// world_store.cpp - passing on, meddling, and remembering what was promised.
#include "world/world_store.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::worlds {
namespace {

Error process_is_dead() { return Error(errc::unavailable, "the process has died"); }

}  // namespace

// The ids are noted before the request is given away: the engine makes some where there are none.
result<AppendResult> WorldStore::append(AppendRequest request) {
  before_append();
  if (!behind_) return process_is_dead();
  std::vector<Uuid> ids;
  for (const StreamWrite& each : request.writes)
    for (const NewEvent& event : each.events) ids.push_back(event.id);
  auto answer = behind_->append(std::move(request));
  if (!answer) return answer;
  if (loses_reply()) return Error(errc::timeout, "the reply was lost");
  acknowledge(ids, *answer);
  return answer;
}

// Of a repeated append the first answer is meant, which need not stand at consecutive positions.
void WorldStore::acknowledge(const std::vector<Uuid>& ids, const AppendResult& appended) {
  up_to_ = std::max(up_to_, appended.last);
  if (appended.was_duplicate) return;
  STELE_ASSERT(appended.last.value() + 1 - appended.first.value() == ids.size(),
               "an append stands at consecutive positions", appended.first.value(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!ids[i].is_nil()) acknowledged_.emplace(appended.first.value() + i, ids[i]);
}

void WorldStore::append_async(AppendRequest request, AppendCompletion done) {
  done(append(std::move(request)));
}

result<std::unique_ptr<Cursor>> WorldStore::read_stream(StreamRead read) {
  if (!behind_) return process_is_dead();
  return behind_->read_stream(std::move(read));
}
result<std::unique_ptr<Cursor>> WorldStore::read(LogRead read) {
  if (!behind_) return process_is_dead();
  return behind_->read(std::move(read));
}
result<std::unique_ptr<Subscription>> WorldStore::subscribe(Query query, Position after) {
  if (!behind_) return process_is_dead();
  return behind_->subscribe(std::move(query), after);
}
result<StreamInfo> WorldStore::stream_info(std::string_view stream) {
  if (!behind_) return process_is_dead();
  return behind_->stream_info(stream);
}
result<std::vector<StreamInfo>> WorldStore::list_streams(std::string_view prefix, std::string_view after,
                                                         std::size_t limit) {
  if (!behind_) return process_is_dead();
  return behind_->list_streams(prefix, after, limit);
}
result<RecordedEvent> WorldStore::find_event(const Uuid& id) {
  if (!behind_) return process_is_dead();
  return behind_->find_event(id);
}
result<Position> WorldStore::position_at(Timestamp time) {
  if (!behind_) return process_is_dead();
  return behind_->position_at(time);
}
Head WorldStore::head() const { return behind_ ? behind_->head() : Head{}; }
result<void> WorldStore::wait_for(Position position, std::chrono::microseconds timeout) {
  if (!behind_) return process_is_dead();
  return behind_->wait_for(position, timeout);
}
std::unique_ptr<Watch> WorldStore::watch(std::function<void(Position)> moved) {
  return behind_ ? behind_->watch(std::move(moved)) : nullptr;
}

// ---- Records

void WorldStore::lose_records(std::string_view space) {
  std::erase_if(records_, [&](const auto& record) { return record.first.first == space; });
}

result<void> WorldStore::may_write() {
  if (!behind_ || dies_at_record()) return process_is_dead();
  return {};
}

result<std::optional<std::string>> WorldStore::get(std::string_view space, std::string_view key) {
  if (!behind_) return process_is_dead();
  const auto found = records_.find(Name(space, key));
  return found == records_.end() ? std::nullopt : std::optional(found->second);
}
result<void> WorldStore::put(std::string_view space, std::string_view key, std::string_view value) {
  STELE_CHECK(may_write());
  records_.insert_or_assign(Name(space, key), value);
  return {};
}
result<bool> WorldStore::insert(std::string_view space, std::string_view key, std::string_view value) {
  STELE_CHECK(may_write());
  return records_.emplace(Name(space, key), value).second;
}
result<void> WorldStore::erase(std::string_view space, std::string_view key) {
  STELE_CHECK(may_write());
  records_.erase(Name(space, key));
  return {};
}
// Nothing here is ever old.
result<std::uint64_t> WorldStore::erase_older(std::string_view, Timestamp) {
  STELE_CHECK(may_write());
  return std::uint64_t{0};
}

}  // namespace stele::worlds
