// typed_test.cpp - typed projections: overloads by event type, old versions and old names included.
#include <gtest/gtest.h>

#include <string>

#include "memory_store.hpp"
#include "stele/decider.hpp"
#include "tally.hpp"

namespace things {

struct ThingOpened {
  std::string what;
  std::int64_t width;
};
STELE_EVENT(ThingOpened, 2, what, width);
struct ThingClosed {
  std::string what;
};
STELE_EVENT(ThingClosed, 1, what);

// Before version 2 it had another name and no width.
struct DoorOpened {
  std::string what;
};
STELE_EVENT(DoorOpened, 1, what);
inline ThingOpened upcast(const DoorOpened& old) { return {old.what, 90}; }
STELE_WAS(ThingOpened, DoorOpened);

struct OpenThings {
  static constexpr std::string_view name = "open_things";
  static constexpr int version = 3;
  static constexpr std::string_view schema =
      "CREATE TABLE open(what TEXT PRIMARY KEY, width INTEGER NOT NULL, since INTEGER NOT NULL) STRICT";
  using Events = stele::events<ThingOpened, ThingClosed>;
  static stele::result<void> project(stele::SqliteModel& model, const ThingOpened& e,
                                     const stele::EventView& at) {
    STELE_CHECK(model.run("INSERT INTO open VALUES(?, ?, ?)", {e.what, e.width, at.position}));
    return {};
  }
  static stele::result<void> project(stele::SqliteModel& model, const ThingClosed& e) {
    STELE_CHECK(model.run("DELETE FROM open WHERE what = ?", {e.what}));
    return {};
  }
};

}  // namespace things

namespace stele::test {
namespace {

void put(MemoryStore& store, std::string type, std::string data, int version) {
  AppendRequest request = one("s-1", std::move(type), 0);
  request.writes[0].events[0].data = std::move(data);
  request.writes[0].events[0].metadata = "{\"schemaVersion\":" + std::to_string(version) + "}";
  ASSERT_TRUE(store.append(std::move(request)));
}

TEST(TypedProjection, each_type_goes_to_its_overload_and_others_are_ignored) {
  MemoryStore store;
  put(store, "ThingOpened", R"({"what":"door","width":80})", 2);
  put(store, "ThingOpened", R"({"what":"window","width":60})", 2);
  put(store, "ThingPainted", "garbage", 1);
  put(store, "ThingClosed", R"({"what":"door"})", 1);
  put(store, "DoorOpened", R"({"what":"gate"})", 1);
  const SqliteProjection declared = sqlite_projection<things::OpenThings>();
  EXPECT_EQ(declared.name, "open_things");
  EXPECT_EQ(declared.version, 3);
  auto scratch = SqliteTarget::scratch(declared);
  ASSERT_TRUE(scratch);
  const auto folded = fold(**scratch, store, Position(5));
  ASSERT_TRUE(folded) << folded.error().to_string();
  std::string open;
  auto snapshot = (*scratch)->snapshot();
  ASSERT_TRUE(
      snapshot->each("SELECT what, width, since FROM open ORDER BY since", {}, [&](const SqlRow& row) {
        open += std::string(row.text(0)) + "/" + std::to_string(row.integer(1)) + "@" +
                std::to_string(row.integer(2)) + " ";
      }));
  EXPECT_EQ(open, "window/60@2 gate/90@5 ");
}

TEST(TypedProjection, the_query_names_every_type_under_every_name_once) {
  const Query query = events_of<things::OpenThings>();
  EXPECT_EQ(query.items.value()[0].types,
            (std::vector<std::string>{"ThingOpened", "DoorOpened", "ThingClosed"}));
}

TEST(TypedProjection, an_event_that_cannot_be_read_is_an_error_and_not_skipped) {
  MemoryStore store;
  put(store, "ThingClosed", "garbage", 1);
  auto scratch = SqliteTarget::scratch(sqlite_projection<things::OpenThings>());
  const auto folded = fold(**scratch, store, Position(1));
  ASSERT_FALSE(folded);
  EXPECT_EQ(folded.error().kind(), errc::corrupt);
  EXPECT_EQ(folded.error().fact("projection"), "open_things");
}

}  // namespace
}  // namespace stele::test
