// snapshot_retention_test.cpp - snapshots of streams that were deleted, ended or cut: nothing comes back by one, and no
// state stands before a gap.
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "domain/meddling_store.hpp"
#include "domain/meter.hpp"
#include "engine/store_fixture.hpp"

namespace {

using namespace metering;
using stele::handle;
using stele::Repository;
using stele::Revision;
using stele::test::must;

const std::string meter_stream = "Meter-m1";

class OutlivedSnapshots : public stele::test::StoreTest {
 protected:
  // Event n adds n + 1.
  void read_meter(int times) {
    for (; times > 0; --times) (void)must(handle<Meter>(*store_, ReadMeter{"m1", ++events_}));
  }
  void snapshot() { EXPECT_TRUE(must(Repository<Meter>(*store_).take_snapshot("m1"))); }
  void keep(const stele::Retention& what) { (void)must(stele::set_retention(*store_, meter_stream, what)); }
  stele::Loaded<Meter> load() { return must(Repository<Meter>(*store_).load("m1")); }
  static long total(const stele::Loaded<Meter>& loaded) { return std::get<Running>(loaded.state).total; }
  bool is_kept() { return must(store_->records().get("snapshot", meter_stream)).has_value(); }

  int events_ = 0;
};

// ---- Deleted and ended

TEST_F(OutlivedSnapshots, a_deleted_stream_does_not_come_back_by_its_snapshot) {
  read_meter(5);
  snapshot();
  must(stele::delete_stream(*store_, meter_stream));
  const auto ignored = stele::snapshot_counts<Meter>().ignored;
  const auto loaded = load();
  EXPECT_EQ(total(loaded), 0);
  EXPECT_FALSE(loaded.revision);
  EXPECT_FALSE(loaded.from_snapshot);
  EXPECT_EQ(stele::snapshot_counts<Meter>().ignored, ignored + 1);
  EXPECT_FALSE(is_kept()) << "it is erased, too";
  reopen();
  EXPECT_FALSE(load().revision);
}

TEST_F(OutlivedSnapshots, what_is_written_after_a_deletion_begins_anew) {
  read_meter(5);
  snapshot();
  must(stele::delete_stream(*store_, meter_stream));
  must(handle<Meter>(*store_, ReadMeter{"m1", 100}));
  const auto loaded = load();
  EXPECT_EQ(total(loaded), 100);
  EXPECT_EQ(loaded.revision, Revision(5));
  EXPECT_EQ(loaded.from_snapshot, Revision(5)) << "the command has left one in place of the useless one";
  must(handle<Meter>(*store_, ReadMeter{"m1", 100}));
  EXPECT_EQ(total(load()), 200);
  EXPECT_EQ(load().from_snapshot, Revision(5)) << "one that was taken since is good";
}

// The first event after the deletion stands right behind the snapshot, and nobody has loaded in between.
TEST_F(OutlivedSnapshots, the_event_right_behind_the_snapshot_does_not_hide_the_deletion) {
  read_meter(5);
  snapshot();
  must(stele::delete_stream(*store_, meter_stream));
  must(store_->append(
      stele::test::write(meter_stream, {stele::test::event("MeterRead", R"({"meter":"m1","used":100})")})));
  const auto loaded = load();
  EXPECT_EQ(total(loaded), 100);
  EXPECT_EQ(loaded.events_read, 1u);
  EXPECT_FALSE(loaded.from_snapshot);
}

// As KurrentDB's clients delete: all that there was when it was written.
TEST_F(OutlivedSnapshots, a_deletion_without_a_number_counts_until_it_was_written) {
  read_meter(5);
  snapshot();
  keep({.truncate_before = Revision(0x7FFF'FFFF'FFFF'FFFF), .max_count = {}, .max_age = {}});
  EXPECT_FALSE(load().revision);
  must(handle<Meter>(*store_, ReadMeter{"m1", 100}));
  snapshot();
  must(handle<Meter>(*store_, ReadMeter{"m1", 100}));
  EXPECT_EQ(total(load()), 200);
  EXPECT_EQ(load().from_snapshot, Revision(5));
}

TEST_F(OutlivedSnapshots, a_tombstoned_stream_has_no_snapshot_any_more) {
  read_meter(5);
  snapshot();
  must(stele::tombstone_stream(*store_, meter_stream));
  const auto loaded = Repository<Meter>(*store_).load("m1");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind(), stele::errc::gone);
  EXPECT_FALSE(is_kept());
}

// ---- Cut

TEST_F(OutlivedSnapshots, one_before_a_gap_is_not_used) {
  read_meter(10);
  snapshot();
  read_meter(10);
  keep({.truncate_before = {}, .max_count = 5, .max_age = {}});
  const auto loaded = load();
  EXPECT_FALSE(loaded.from_snapshot);
  EXPECT_EQ(loaded.events_read, 5u);
  EXPECT_EQ(total(loaded), 16 + 17 + 18 + 19 + 20) << "what is kept, and not 1 to 10 and 16 to 20";
}

TEST_F(OutlivedSnapshots, one_that_reaches_what_is_kept_stands_for_what_is_not) {
  read_meter(10);
  snapshot();
  read_meter(5);
  keep({.truncate_before = {}, .max_count = 5, .max_age = {}});
  auto loaded = load();
  EXPECT_EQ(loaded.from_snapshot, Revision(9));
  EXPECT_EQ(total(loaded), 15 * 16 / 2);
  read_meter(1);
  loaded = load();
  EXPECT_FALSE(loaded.from_snapshot);
  EXPECT_EQ(total(loaded), 12 + 13 + 14 + 15 + 16);
}

TEST_F(OutlivedSnapshots, a_cut_up_to_the_last_event_of_the_snapshot_leaves_it_and_one_behind_it_does_not) {
  read_meter(10);
  snapshot();
  read_meter(5);
  keep({.truncate_before = Revision(9), .max_count = {}, .max_age = {}});
  EXPECT_EQ(load().from_snapshot, Revision(9));
  EXPECT_EQ(total(load()), 15 * 16 / 2);
  keep({.truncate_before = Revision(10), .max_count = {}, .max_age = {}});
  EXPECT_FALSE(load().from_snapshot);
  EXPECT_EQ(total(load()), 11 + 12 + 13 + 14 + 15);
}

TEST_F(OutlivedSnapshots, the_past_of_a_cut_stream_ends_where_it_is_asked_for) {
  read_meter(20);
  keep({.truncate_before = Revision(10), .max_count = {}, .max_age = {}});
  const auto then = must(Repository<Meter>(*store_).load("m1", Revision(12)));
  EXPECT_EQ(then.revision, Revision(12));
  EXPECT_EQ(total(then), 11 + 12 + 13);
}

// ---- While it is read

// A cursor that leaves one event out.
class LeavingOut final : public stele::Cursor {
 public:
  LeavingOut(std::unique_ptr<Cursor> behind, Revision which) : behind_(std::move(behind)), which_(which) {}
  stele::result<std::span<const stele::EventView>> next_batch(std::size_t max) override {
    STELE_TRY(const auto batch, behind_->next_batch(max));
    events_.clear();
    for (const auto& event : batch)
      if (event.revision != which_) events_.push_back(event);
    return std::span<const stele::EventView>(events_);
  }

 private:
  std::unique_ptr<Cursor> behind_;
  Revision which_;
  std::vector<stele::EventView> events_;
};

class HoledStore : public stele::test::MeddlingStore {
 public:
  using MeddlingStore::MeddlingStore;
  std::function<void()> before_read;
  std::optional<Revision> missing;

  stele::result<std::unique_ptr<stele::Cursor>> read_stream(stele::StreamRead read) override {
    if (read.stream != meter_stream) return MeddlingStore::read_stream(std::move(read));
    if (before_read) std::exchange(before_read, nullptr)();
    STELE_TRY(auto cursor, MeddlingStore::read_stream(std::move(read)));
    if (!missing) return cursor;
    return std::unique_ptr<stele::Cursor>(std::make_unique<LeavingOut>(std::move(cursor), *missing));
  }
};

TEST_F(OutlivedSnapshots, a_stream_that_is_cut_between_snapshot_and_tail_is_folded_without_it) {
  read_meter(10);
  snapshot();
  read_meter(10);
  HoledStore holed(*store_);
  holed.before_read = [&] { keep({.truncate_before = {}, .max_count = 5, .max_age = {}}); };
  const auto loaded = must(Repository<Meter>(holed).load("m1"));
  EXPECT_FALSE(loaded.from_snapshot);
  EXPECT_EQ(total(loaded), 16 + 17 + 18 + 19 + 20);
  EXPECT_EQ(loaded.revision, Revision(19));
}

TEST_F(OutlivedSnapshots, a_gap_in_the_middle_is_an_error_that_says_where) {
  read_meter(10);
  HoledStore holed(*store_);
  holed.missing = Revision(4);
  const auto loaded = Repository<Meter>(holed).load("m1");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind(), stele::errc::corrupt);
  EXPECT_EQ(loaded.error().fact("revision"), "5");
  EXPECT_NE(loaded.error().to_string().find("revision 4"), std::string::npos) << loaded.error().to_string();
}

}  // namespace
