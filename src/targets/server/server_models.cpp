// server_models.cpp - what is parked; and building, switching, giving up models: the record of what serves is written
// first, then readers are led there.
#include "targets/server/server_models.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "targets/server/parked_rows.hpp"
#include "targets/server/space_compare.hpp"
#include "targets/shared/parked_text.hpp"

namespace stele {
namespace {

constexpr std::size_t longest_model_space = 63;

bool same_record(const targets::Serving& one, const targets::Serving& other) {
  if (one.serving != other.serving || one.previous != other.previous) return false;
  if (!one.building || !other.building) return one.building.has_value() == other.building.has_value();
  const RebuildOptions& its = one.building->options;
  const RebuildOptions& theirs = other.building->options;
  return one.building->number == other.building->number && its.batch == theirs.batch &&
         its.swap == theirs.swap && its.compare == theirs.compare;
}

}  // namespace

// ---- Parked events

result<std::vector<ParkedEvent>> ServerTarget::Impl::list() {
  STELE_CHECK(ensure_link());
  return targets::list_parked(*writer);
}

result<void> ServerTarget::Impl::put(const ParkedEvent& event) {
  parking_changed = true;
  return targets::put_parked(*writer, event);
}

// Taking the row away is the fence: it goes in the transaction that applies the event, so it can go only once.
result<void> ServerTarget::Impl::remove(Position position) {
  parking_changed = true;
  STELE_TRY(const bool was_there, targets::remove_parked(*writer, position));
  if (!was_there) return targets::not_parked_any_more(model->space, position);
  unparked = position;
  return {};
}

// ---- Another model beside it

// Over the connection that holds the lease: who has lost it changes nothing here. An answer that was lost is asked for
// again; until somebody knows, no batch is written.
result<void> ServerTarget::Impl::record(const targets::Serving& now) {
  STELE_CHECK(ensure_link());
  STELE_CHECK(check_what_serves());
  auto written = targets::write_serving(*writer, base, now);
  if (!written && writer->broken()) {
    unsure = true;
    const auto there = is_recorded(now);
    if (there && *there) written = {};
    unsure = !there || !*there;
  }
  STELE_CHECK(written);
  const std::lock_guard lock(mutex);
  serving = now;
  return {};
}

result<bool> ServerTarget::Impl::is_recorded(const targets::Serving& now) {
  STELE_CHECK(ensure_link());
  STELE_TRY(const auto found, targets::read_serving(*writer, base));
  return same_record(found, now);
}

// A switch that has happened although nobody here heard of it: this model is not the one to go on with.
result<void> ServerTarget::Impl::check_what_serves() {
  if (!unsure) return {};
  STELE_TRY(auto found, targets::read_serving(*writer, base));
  if (found.serving != model->number)
    return Error(errc::conflict, model->space + ": another model serves since the connection was lost")
        .with("serves", targets::space_of_model(base, found.serving))
        .help("start the projection again: it goes on with the one that serves");
  unsure = false;
  const std::lock_guard lock(mutex);
  serving = std::move(found);
  return {};
}

// No lease of its own: whoever has that of the projection has this model too.
result<std::shared_ptr<ProjectionTarget>> ServerTarget::Impl::beside(std::uint64_t number, bool building) {
  auto impl = std::make_unique<Impl>(projection, connect, Kind::beside, number,
                                     targets::space_of_model(base, number));
  impl->tuned = building;
  STELE_CHECK(impl->open());
  return std::shared_ptr<ProjectionTarget>(new ServerTarget(std::move(impl)));
}

// What is there of an interrupted build is whole up to its checkpoint, and is gone on with.
result<std::shared_ptr<ProjectionTarget>> ServerTarget::Impl::build(const RebuildOptions& options) {
  STELE_CHECK(ensure_link());
  STELE_CHECK(check_what_serves());
  targets::Serving now = serving;
  if (now.building) {
    now.building->options = options;
  } else {
    const std::uint64_t number = now.next();
    const std::string space = targets::space_of_model(base, number);
    if (space.size() > longest_model_space)
      return Error(errc::invalid,
                   projection.name + ": the name is too long for a second model beside the first")
          .with("space", space)
          .with("limit", longest_model_space)
          .help("give the projection a shorter name");
    STELE_CHECK(writer->drop_space(space));
    now.building = {.number = number, .options = options, .boot = {}};
  }
  STELE_CHECK(record(now));
  return beside(now.building->number, true);
}

std::optional<RebuildOptions> ServerTarget::Impl::building() const {
  const std::lock_guard lock(mutex);
  if (!serving.building) return std::nullopt;
  return serving.building->options;
}

result<void> ServerTarget::Impl::discard() {
  if (!serving.building) return {};
  targets::Serving now = serving;
  now.building.reset();
  STELE_CHECK(record(now));
  drop_forgotten();
  return {};
}

bool ServerTarget::Impl::has_previous() const {
  const std::lock_guard lock(mutex);
  return serving.previous.has_value();
}

result<std::shared_ptr<ProjectionTarget>> ServerTarget::Impl::previous() {
  if (!serving.previous)
    return Error(errc::not_found, projection.name + ": no other model has served before this one")
        .with("projection", projection.name);
  return beside(*serving.previous, false);
}

// The connections stay where they are and change the spaces they speak of: one of them holds the lease. The record's
// commit waits for the disk, and everything that was committed before it is there, too.
result<void> ServerTarget::Impl::swap(ProjectionTarget& other) {
  auto* const target = dynamic_cast<ServerTarget*>(&other);
  STELE_ASSERT(target && target->impl_.get() != this && kind == Kind::whole,
               "a model is swapped for one beside it", projection.name);
  Impl& its = *target->impl_;
  its.joined = false;
  STELE_CHECK(its.join());  // nobody else has written, or dropped, it since
  targets::Serving now = serving;
  now.serving = its.model->number;
  now.previous = model->number;
  if (now.building && now.building->number == now.serving) now.building.reset();
  STELE_CHECK(record(now));
  {
    const std::scoped_lock both(mutex, its.mutex);
    std::swap(model, its.model);
  }
  joined = false;
  its.joined = false;
  STELE_ASSERT(model->number == now.serving && its.model->number == *now.previous, "both changed places",
               model->number, its.model->number);
  enter_model();
  its.enter_model();
  drop_forgotten();
  return {};
}

// A connection that could not be led to its model is of no use: the next one begins there.
void ServerTarget::Impl::enter_model() {
  if (writer && !writer->enter(model->space)) writer.reset();
}

// One step back is kept, not a history. What cannot be dropped now, because somebody reads there, goes with the next.
void ServerTarget::Impl::drop_forgotten() {
  if (!ensure_link()) return;
  const auto spaces = writer->spaces_beginning_with(base);
  if (!spaces) return;
  for (const std::string& space : *spaces) {
    const auto number = targets::model_in_space(space, base);
    if (!number || *number == serving.serving || number == serving.previous) continue;
    if (serving.building && *number == serving.building->number) continue;
    (void)writer->drop_space(space).has_value();
  }
}

result<bool> ServerTarget::Impl::refresh() {
  STELE_CHECK(ensure_link());
  STELE_TRY(auto now, targets::read_serving(*writer, base));
  std::shared_ptr<Stored> fresh;
  if (now.serving != model->number)
    fresh = std::make_shared<Stored>(now.serving, targets::space_of_model(base, now.serving), connect);
  unsure = false;
  {
    const std::lock_guard lock(mutex);
    serving = std::move(now);
    if (fresh) std::swap(model, fresh);
  }
  if (!fresh) return false;
  enter_model();
  joined = false;
  return true;
}

result<std::vector<TableComparison>> ServerTarget::Impl::compare(ProjectionTarget& other,
                                                                 std::size_t examples) {
  auto* const target = dynamic_cast<ServerTarget*>(&other);
  STELE_ASSERT(target && target->impl_.get() != this, "a model is compared with one beside it",
               projection.name);
  STELE_CHECK(ensure_link());
  return targets::compare_spaces(*writer, model->space, target->impl_->model->space, examples);
}

result<std::shared_ptr<ProjectionTarget>> ServerTarget::Impl::scratch() {
  const std::string space =
      dialect == SqlDialect::postgres ? std::string{} : targets::scratch_space_of(projection.name);
  STELE_TRY(auto target, ServerTarget::open_by(connect, projection, space));
  return std::shared_ptr<ProjectionTarget>(std::move(target));
}

}  // namespace stele
