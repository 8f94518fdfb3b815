// model_set.cpp - opening, building, switching: the record of what serves is written first, then readers are led there.
#include "targets/sqlite/model_set.hpp"

#include <utility>

#include "base/assert.hpp"
#include "targets/sqlite/model_compare.hpp"
#include "targets/sqlite/model_parking.hpp"

namespace stele {
namespace {

using targets::Model;

}  // namespace

result<std::unique_ptr<SqliteTarget::Impl>> SqliteTarget::Impl::open(const std::filesystem::path& models,
                                                                     SqliteProjection projection) {
  const targets::ModelNames names(models, projection.name, projection.version);
  STELE_TRY(auto serving, targets::read_serving(names.serving()));
  STELE_TRY(auto model, Model::open(serving.serving, names.model(serving.serving), projection.schema));
  auto impl = std::make_unique<Impl>(std::move(projection), names, std::move(model));
  impl->serving = std::move(serving);
  impl->lease.emplace(names.lock());
  return impl;
}

// ---- Parked events

result<std::vector<ParkedEvent>> SqliteTarget::Impl::list() { return targets::list_parked(model->writer); }
result<void> SqliteTarget::Impl::put(const ParkedEvent& event) {
  return targets::put_parked(model->writer, event);
}
result<void> SqliteTarget::Impl::remove(Position position) {
  STELE_TRY(const bool was_there, targets::remove_parked(model->writer, position));
  if (was_there) return {};
  return Error(errc::conflict,
               projection.name + ": event " + std::to_string(position.value()) + " is not parked any more")
      .with("position", position.value());
}

// ---- Another model beside it

result<void> SqliteTarget::Impl::record(const targets::Serving& now) {
  STELE_CHECK(targets::write_serving(names->serving(), now));
  const std::lock_guard lock(mutex);
  serving = now;
  return {};
}

// No lease of its own: whoever has that of the projection has this model too.
result<std::shared_ptr<ProjectionTarget>> SqliteTarget::Impl::beside(std::uint64_t number, bool building) {
  STELE_TRY(auto opened, Model::open(number, names->model(number), projection.schema));
  if (building) STELE_CHECK(opened->tune_for_building());
  auto impl = std::make_unique<Impl>(projection, names, std::move(opened));
  return std::shared_ptr<ProjectionTarget>(new SqliteTarget(std::move(impl)));
}

// A build of an earlier start of the machine may lack anything that was not on the disk when it stopped.
result<std::shared_ptr<ProjectionTarget>> SqliteTarget::Impl::build(const RebuildOptions& options) {
  const std::string boot = targets::boot_of_this_machine();
  targets::Serving now = serving;
  const bool goes_on = now.building && !boot.empty() && now.building->boot == boot;
  if (goes_on) {
    now.building->options = options;
  } else {
    const std::uint64_t number = now.building ? now.building->number : now.next();
    targets::remove_model(names->model(number));
    now.building = {.number = number, .options = options, .boot = boot};
  }
  STELE_CHECK(record(now));
  return beside(now.building->number, true);
}

std::optional<RebuildOptions> SqliteTarget::Impl::building() const {
  const std::lock_guard lock(mutex);
  if (!serving.building) return std::nullopt;
  return serving.building->options;
}

result<void> SqliteTarget::Impl::discard() {
  if (!serving.building) return {};
  targets::Serving now = serving;
  now.building.reset();
  const auto file = names->model(serving.building->number);
  STELE_CHECK(record(now));
  targets::remove_model(file);
  return {};
}

bool SqliteTarget::Impl::has_previous() const {
  const std::lock_guard lock(mutex);
  return serving.previous.has_value();
}

result<std::shared_ptr<ProjectionTarget>> SqliteTarget::Impl::previous() {
  if (!serving.previous)
    return Error(errc::not_found, projection.name + ": no other model has served before this one")
        .with("projection", projection.name);
  return beside(*serving.previous, false);
}

// The model must be on the disk before the record that names it. What served before the last switch goes now: one step
// back is kept, not a history.
result<void> SqliteTarget::Impl::swap(ProjectionTarget& other) {
  auto* const target = dynamic_cast<SqliteTarget*>(&other);
  STELE_ASSERT(target && target->impl_.get() != this && is_whole(), "a model is swapped for one beside it",
               projection.name);
  Impl& its = *target->impl_;
  STELE_CHECK(its.model->finish_building());
  targets::Serving now = serving;
  now.serving = its.model->number;
  now.previous = model->number;
  if (now.building && now.building->number == now.serving) now.building.reset();
  const auto dropped = serving.previous;
  STELE_CHECK(record(now));
  {
    const std::scoped_lock both(mutex, its.mutex);
    std::swap(model, its.model);
  }
  STELE_ASSERT(model->number == now.serving && its.model->number == *now.previous, "both changed places",
               model->number, its.model->number);
  if (dropped && *dropped != now.serving) targets::remove_model(names->model(*dropped));
  return {};
}

result<bool> SqliteTarget::Impl::refresh() {
  STELE_TRY(auto now, targets::read_serving(names->serving()));
  std::shared_ptr<Model> fresh;
  if (now.serving != model->number) {
    STELE_TRY(fresh, Model::open(now.serving, names->model(now.serving), projection.schema));
  }
  const std::lock_guard lock(mutex);
  serving = std::move(now);
  if (!fresh) return false;
  std::swap(model, fresh);
  return true;
}

result<std::vector<TableComparison>> SqliteTarget::Impl::compare(ProjectionTarget& other,
                                                                 std::size_t examples) {
  auto* const target = dynamic_cast<SqliteTarget*>(&other);
  STELE_ASSERT(target && target->impl_.get() != this, "a model is compared with one beside it",
               projection.name);
  return targets::compare_models(model->file.string(), target->impl_->model->file.string(), examples);
}

result<std::shared_ptr<ProjectionTarget>> SqliteTarget::Impl::scratch() {
  STELE_TRY(auto target, SqliteTarget::scratch(projection));
  return std::shared_ptr<ProjectionTarget>(std::move(target));
}

}  // namespace stele
