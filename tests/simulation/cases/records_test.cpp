// records_test.cpp - keyed records on a simulated disk: the power goes at any change, and each key has the value that
// was acknowledged last, or the one that was on its way.
//
// STELE_RECORD_LIVES sets the number of lives.
#include "engine/records/records.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>

#include "io/simulated/manual_clock.hpp"
#include "io/simulated/memory_disk.hpp"
#include "io/simulated/seeded_random.hpp"
#include "simulation/judge.hpp"
#include "sqlite_disk.hpp"

namespace stele::simulation {
namespace {

#ifdef STELE_SANITIZED
constexpr std::uint64_t usual_record_lives = 4;
#else
constexpr std::uint64_t usual_record_lives = 30;
#endif
constexpr std::uint64_t steps_of_a_life = 30;
constexpr int keys = 5;

using Value = std::optional<std::string>;

class RecordsLife {
 public:
  explicit RecordsLife(std::uint64_t seed, bool syncs = true) : dice_(seed), syncs_(syncs) {
    EXPECT_TRUE(disk_->make_directory("/store"));
    EXPECT_TRUE(disk_->sync_directory("/"));
  }

  void live() {
    const SqliteDisk sqlite(*disk_, [this] { maybe_cut(); }, syncs_);
    open();
    for (std::uint64_t step = 0; step < steps_of_a_life && judge_.content(); ++step) {
      if (dice_.below(12) == 0) {
        lose_power();
      } else {
        change();
      }
    }
    if (judge_.content()) lose_power();
    records_.reset();  // before its disk
  }
  [[nodiscard]] const std::optional<std::string>& finding() const { return judge_.finding(); }
  [[nodiscard]] std::uint64_t cuts() const { return cuts_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  static std::string key(std::uint64_t number) { return "key-" + std::to_string(number); }

  std::unique_ptr<Records> opened() {
    auto records = engine::open_records("/store/records.db", false, clock_);
    if (records) return *std::move(records);
    judge_.failed("opening records", records.error());
    return nullptr;
  }
  void open() {
    records_ = opened();
    if (records_) expect_all(*records_, true);
  }

  void change() {
    const auto number = dice_.below(keys);
    const auto& before = model_[key(number)];
    Value next = std::string(1 + dice_.below(6000), static_cast<char>('a' + dice_.below(26)));
    const auto kind = dice_.below(4);
    if (kind == 0) next.reset();
    if (kind == 1 && before) next = before;  // insert leaves what is there
    on_its_way_ = {key(number), next};
    fail_something();
    const bool done = kind == 0   ? records_->erase("s", key(number)).has_value()
                      : kind == 1 ? records_->insert("s", key(number), before ? "another" : *next).has_value()
                                  : records_->put("s", key(number), *next).has_value();
    disk_->clear_plans();
    if (!done) return lose_power();  // it may have happened
    model_[key(number)] = next;
    on_its_way_.reset();
    ++acknowledged_;
    expect_all(*records_, false);
  }
  void fail_something() {
    if (dice_.below(10) == 0) disk_->fail_sync(1 + dice_.below(2), 5);
    if (dice_.below(10) == 0) disk_->fail_write(1 + dice_.below(4), 5);
  }

  // Of what was on its way the store may have chosen; that is then the truth.
  void expect_all(Records& records, bool learn) {
    for (int i = 0; i < keys; ++i) {
      const auto name = key(static_cast<std::uint64_t>(i));
      const auto got = records.get("s", name);
      if (!got) {
        judge_.failed(name.c_str(), got.error());
        return;
      }
      const auto known = model_.find(name);
      const Value expected = known == model_.end() ? Value() : known->second;
      const bool maybe = on_its_way_ && on_its_way_->first == name && *got == on_its_way_->second;
      judge_.expect(*got == expected || maybe, "a record is not what was acknowledged", [&] { return name; });
      if (learn) model_[name] = *got;
    }
    if (learn) on_its_way_.reset();
  }

  void lose_power() {
    records_.reset();
    disk_->crash(dice_.below(~std::uint64_t{0}));
    ++cuts_;
    open();
  }
  // On a copy of the machine, as often as a seed wants.
  void maybe_cut() {
    if (looking_ || !judge_.content() || dice_.below(3) != 0) return;
    looking_ = true;
    const auto copy = disk_->fork();
    copy->crash(dice_.below(~std::uint64_t{0}));
    {
      const SqliteDisk sqlite(*copy, [] {});
      if (const auto records = opened()) expect_all(*records, false);
    }
    ++cuts_;
    looking_ = false;
  }

  std::unique_ptr<io::simulated::MemoryDisk> disk_ = std::make_unique<io::simulated::MemoryDisk>();
  io::simulated::ManualClock clock_;
  io::simulated::SeededRandom dice_;
  std::unique_ptr<Records> records_;
  std::map<std::string, Value> model_;
  std::optional<std::pair<std::string, Value>> on_its_way_;
  std::uint64_t cuts_ = 0;
  std::uint64_t acknowledged_ = 0;
  bool looking_ = false;
  bool syncs_;
  Judge judge_;
};

TEST(SimulatedRecords, lives_with_power_cuts_at_every_change_keep_what_was_acknowledged) {
  const char* wish = std::getenv("STELE_RECORD_LIVES");
  const std::uint64_t record_lives = wish ? std::strtoull(wish, nullptr, 10) : usual_record_lives;
  std::uint64_t cuts = 0;
  std::uint64_t acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= record_lives; ++seed) {
    RecordsLife life(seed);
    life.live();
    EXPECT_FALSE(life.finding()) << "seed " << seed << ": " << *life.finding();
    cuts += life.cuts();
    acknowledged += life.acknowledged();
  }
  std::cout << record_lives << " lives, " << cuts << " power cuts, " << acknowledged << " acknowledged\n";
  EXPECT_GT(cuts, 10 * record_lives);
  EXPECT_GT(acknowledged, 10 * record_lives);
}

TEST(SimulatedRecords, a_disk_that_does_not_sync_is_found_out_within_a_few_lives) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    RecordsLife life(seed, false);
    life.live();
    if (life.finding()) return;
  }
  FAIL() << "whoever sees no loss here sees none anywhere";
}

}  // namespace
}  // namespace stele::simulation
