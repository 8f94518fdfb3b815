// tally.hpp - the projection the tests share: a sum per stream, of events whose data is a number. Small
// enough to be folded by hand beside it.
#pragma once

#include <gtest/gtest.h>

#include <charconv>
#include <map>
#include <string>

#include "stele/sqlite.hpp"
#include "stele/store.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {

inline std::int64_t number_in(const EventView& event) {
  std::int64_t number = 0;
  std::from_chars(event.data.data(), event.data.data() + event.data.size(), number);
  return number;
}

// "Added" counts, "Noise" does not concern it, "Poison" cannot be applied while `poisonous`.
inline SqliteProjection tally(int version = 1, std::shared_ptr<std::atomic<bool>> poisonous = nullptr) {
  SqliteProjection projection;
  projection.name = "tally";
  projection.version = version;
  projection.schema =
      "CREATE TABLE tally(stream TEXT PRIMARY KEY, total INTEGER NOT NULL, times INTEGER NOT NULL) STRICT";
  projection.events = Query::of({.types = {"Added", "Poison"}, .tags = {}, .streams = {}, .categories = {}});
  projection.project = [poisonous](SqliteModel& model, const EventView& event) -> result<void> {
    if (event.type == "Poison" && poisonous && *poisonous)
      return Error(errc::invalid, "this cannot be applied");
    STELE_CHECK(
        model.run("INSERT INTO tally VALUES(?1, ?2, 1) ON CONFLICT(stream) DO UPDATE"
                  " SET total = total + excluded.total, times = times + 1",
                  {event.stream, number_in(event)}));
    model.changed(event.stream);
    return {};
  };
  return projection;
}

using Totals = std::map<std::string, std::pair<std::int64_t, std::int64_t>>;

inline Totals totals_in(SqliteSnapshot& snapshot) {
  Totals totals;
  const auto done = snapshot.each("SELECT stream, total, times FROM tally", {}, [&](const SqlRow& row) {
    totals[std::string(row.text(0))] = {row.integer(1), row.integer(2)};
  });
  EXPECT_TRUE(done) << done.error().to_string();
  return totals;
}
inline Totals totals_of(SqliteTarget& target) {
  auto snapshot = target.snapshot();
  if (!snapshot) ADD_FAILURE() << snapshot.error().to_string();
  return snapshot ? totals_in(*snapshot) : Totals{};
}

// The same by hand, from the log.
inline Totals fold_by_hand(EventStore& store, Position up_to) {
  Totals totals;
  auto cursor = store.read({});
  while (true) {
    const auto events = (*cursor)->next_batch(500);
    if (!events || events->empty()) return totals;
    for (const EventView& event : *events)
      if (event.position <= up_to && event.type == "Added") {
        auto& [total, times] = totals[std::string(event.stream)];
        total += number_in(event);
        ++times;
      }
  }
}

inline AppendRequest one(std::string stream, std::string type, std::int64_t number) {
  NewEvent event;
  event.type = std::move(type);
  event.data = std::to_string(number);
  event.content_type = std::string(binary_content);
  AppendRequest request;
  request.writes.push_back({std::move(stream), {}, {std::move(event)}});
  return request;
}
inline Position add(EventStore& store, const std::string& stream, std::int64_t number,
                    std::string type = "Added") {
  auto done = store.append(one(stream, std::move(type), number));
  if (!done) ADD_FAILURE() << done.error().to_string();
  return done ? done->last : Position{};
}

inline std::shared_ptr<SqliteTarget> open_tally(const TempDirectory& dir,
                                                SqliteProjection projection = tally()) {
  auto target = SqliteTarget::open(dir.path() / "models", std::move(projection));
  if (!target) ADD_FAILURE() << target.error().to_string();
  return target ? *target : nullptr;
}

}  // namespace stele::test
