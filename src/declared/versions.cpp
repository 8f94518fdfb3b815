// versions.cpp - another text under the name of a projection that serves: other queries are asked at once, another
// version is built beside it and takes its place. What a projection is made of is shelf.cpp's.
#include <chrono>

#include "base/assert.hpp"
#include "declared/shelf.hpp"
#include "projection/appends_through.hpp"

namespace stele::declared {
namespace {

// How long the old version goes on for those who wait for it, once the new one answers.
constexpr std::chrono::seconds last_waits{5};

Error same_version(const Placed& there) {
  const auto& projection = there.compiled.projection;
  return Error(errc::conflict,
               "version " + std::to_string(projection.version) + " of " + projection.name +
                   " has other tables, `@on` sections, `lineage` or `synchronous` than this text")
      .with("projection", projection.name)
      .with("version", static_cast<std::uint64_t>(projection.version))
      .help("raise `version:` in its heading: the new version is built while the old one answers");
}

}  // namespace

bool Shelf::same_model(const Compiled& one, const Compiled& other) {
  return one.projection.schema == other.projection.schema &&
         one.projection.events == other.projection.events && one.lineage == other.lineage &&
         one.synchronous == other.synchronous;
}

// The caller has `changing_`. A version that is being built may be replaced by any other text: nobody has seen it.
result<Shelf::Creation> Shelf::change(const std::shared_ptr<const Placed>& there, Compiled compiled) {
  const auto& name = there->compiled.projection.name;
  if (there->compiled.text == compiled.text) {
    if (upcoming(name)) {
      give_up(name);
      STELE_CHECK(write_records());
    }
    return Creation{.placed = there, .outcome = Creation::Outcome::unchanged};
  }
  if (there->compiled.projection.version == compiled.projection.version) {
    if (!same_model(there->compiled, compiled)) return same_version(*there);
    return change_queries(*there, std::move(compiled));
  }
  if (auto building = upcoming(name); building && building->compiled.text == compiled.text)
    return Creation{.placed = std::move(building), .outcome = Creation::Outcome::building};
  give_up(name);
  STELE_TRY(auto placed, build(std::move(compiled), {}));
  if (auto kept = write_records(); !kept) {
    give_up(name);
    return kept.error();
  }
  return Creation{.placed = std::move(placed), .outcome = Creation::Outcome::building};
}

// Over the same model, by the same runner.
result<Shelf::Creation> Shelf::change_queries(const Placed& there, Compiled compiled) {
  auto placed = std::make_shared<Placed>(std::move(compiled), there.target, there.past, there.from);
  placed->runner = there.runner;
  {
    const std::lock_guard lock(looking_);
    placed_[placed->compiled.projection.name] = placed;
  }
  STELE_CHECK(write_records());
  return Creation{.placed = std::move(placed), .outcome = Creation::Outcome::updated};
}

// One that fails stays where it is, to be looked at, until another text comes.
result<std::shared_ptr<const Placed>> Shelf::build(Compiled compiled, Origin from) {
  STELE_TRY(auto placed, make(std::move(compiled), std::move(from), building_));
  const std::string name = placed->compiled.projection.name;
  {
    const std::lock_guard lock(looking_);
    upcoming_[name] = placed;
  }
  placed->runner->notify_at(store_.head().position, [this, name](const result<Position>& reached) {
    if (!reached) return;
    const std::lock_guard lock(ready_mutex_);
    ready_.push_back(name);
    is_ready_.notify_one();
  });
  return std::shared_ptr<const Placed>(placed);
}

// Its files go too: another text may come under the same version.
void Shelf::give_up(std::string_view name) {
  std::shared_ptr<const Placed> given_up;
  {
    const std::lock_guard lock(looking_);
    const auto found = upcoming_.find(name);
    if (found == upcoming_.end()) return;
    given_up = std::move(found->second);
    upcoming_.erase(found);
  }
  (void)building_.remove(name).has_value();  // it was there
  remove_files(*given_up, false);
}

void Shelf::switch_when_ready(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::string name;
    {
      std::unique_lock lock(ready_mutex_);
      if (!is_ready_.wait(lock, stop, [&] { return !ready_.empty(); })) return;
      name = std::move(ready_.front());
      ready_.pop_front();
    }
    switch_over(name);
  }
}

// Appends and readers at once: whoever has seen a position in the old version finds it in the new one, and so does
// whoever was told that an append is visible. Nothing: the new one is not there yet.
Runner* Shelf::lead_to(const std::string& name, const std::shared_ptr<const Placed>& old,
                       const std::shared_ptr<const Placed>& fresh) {
  const std::lock_guard lock(looking_);
  if (fresh->runner->position() < old->runner->position()) return nullptr;
  const auto replaced = projections_.replace(name, building_);
  STELE_ASSERT(replaced && *replaced == old->runner, "both versions are known", name);
  placed_[name] = fresh;
  upcoming_.erase(name);
  return *replaced;
}

// The record is written last: after a crash in between, it is switched once more. While events come in, the new one
// may be behind again as soon as it has been waited for; then others have their turn, and it is tried again.
void Shelf::switch_over(const std::string& name) {
  const std::lock_guard changing(changing_);
  const auto old = find(name);
  const auto fresh = upcoming(name);
  if (!old || !fresh) return;  // given up, or dropped
  const bool there = fresh->runner->wait(old->runner->position(), last_waits).has_value();
  if (!there || !lead_to(name, old, fresh)) {
    const std::lock_guard lock(ready_mutex_);
    if (fresh->runner->status().state != ProjectionState::failed) ready_.push_back(name);
    return;
  }
  (void)write_records().has_value();  // without it, the next start builds on from where this one is
  write_served_files();
  (void)old->runner->wait(store_.head().position, last_waits).has_value();
  old->runner->stop();
}

std::vector<Runner*> Shelf::have_a_say() const {
  const std::lock_guard lock(looking_);
  return projection::synchronous_ones(projections_);
}

}  // namespace stele::declared
