// versions_test.cpp - another text under the name of a projection that serves: queries change at once, another version
// is built beside it, and the same version with other rules is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "declared/shelf.hpp"
#include "projection/appends_through.hpp"
#include "support/temp_directory.hpp"

namespace stele::declared {
namespace {

using namespace std::chrono_literals;
using Outcome = Shelf::Creation::Outcome;
using testing::HasSubstr;

// How often each thing happened, times `factor`.
std::string counts(int version, int factor, const std::string& query = "SELECT n FROM c ORDER BY what") {
  return "---\nname: counts\nversion: " + std::to_string(version) +
         "\n---\nCREATE TABLE c(what TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;\n"
         "@on Seen\nINSERT INTO c VALUES(:data.what, " +
         std::to_string(factor) + ") ON CONFLICT DO UPDATE SET n = n + " + std::to_string(factor) +
         ";\n@query all\n" + query + ";\n";
}
// Fails at every event.
const std::string broken_counts =
    "---\nname: counts\nversion: 2\n---\nCREATE TABLE c(n INTEGER NOT NULL) STRICT;\n"
    "@on Seen\nINSERT INTO c VALUES(:data.what);\n@query all\nSELECT n FROM c;\n";

class Versions : public testing::Test {
 protected:
  Versions() {
    store_ = *open(directory_ / "store");
    open_shelf();
  }
  ~Versions() override { shelf_.reset(); }

  void open_shelf() {
    shelf_.reset();
    auto opened = Shelf::open(*store_, {.models = directory_ / "models"});
    if (!opened) throw std::runtime_error(opened.error().to_string());
    shelf_ = *std::move(opened);
  }
  static AppendRequest seen(const std::string& what) {
    AppendRequest request;
    request.writes.push_back(
        {"Eye-1",
         {},
         {{.id = {}, .type = "Seen", .data = "{\"what\":\"" + what + "\"}", .metadata = {}, .tags = {}}}});
    return request;
  }
  void see(const std::string& what) { ASSERT_TRUE(store_->append(seen(what))); }
  Outcome create(const std::string& text) {
    const auto created = shelf_->create(text);
    if (!created) throw std::runtime_error(created.error().to_string());
    return created->outcome;
  }
  int serves() { return shelf_->find("counts")->compiled.projection.version; }
  template <class Condition>
  static bool happens(const Condition& condition) {
    for (int i = 0; i < 60'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  std::string rows() {
    const auto placed = shelf_->find("counts");
    EXPECT_TRUE(placed->runner->wait(store_->head().position, 60s));
    const auto asked = ask(*placed, *placed->compiled.query("all"), {}, {}, 100);
    return asked ? asked->rows.json : asked.error().to_string();
  }

  test::TempDirectory directory_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<Shelf> shelf_;
};

TEST_F(Versions, another_version_takes_over_when_it_has_caught_up_and_goes_on_after_a_restart) {
  for (int i = 0; i < 30; ++i) see(i % 3 == 0 ? "fox" : "hare");
  ASSERT_EQ(create(counts(1, 1)), Outcome::created);
  EXPECT_EQ(rows(), R"({"n":10},{"n":20})");
  const auto old = shelf_->find("counts");
  ASSERT_EQ(create(counts(2, 10)), Outcome::building);
  ASSERT_TRUE(happens([&] { return serves() == 2; }));
  see("fox");
  EXPECT_EQ(rows(), R"({"n":110},{"n":200})");
  EXPECT_EQ(shelf_->upcoming("counts"), nullptr);
  const auto last_look = ask(*old, *old->compiled.query("all"), {}, {}, 100);
  ASSERT_TRUE(last_look) << "who still holds the old one can ask it";
  const auto projections = shelf_->projections().status();
  ASSERT_EQ(projections.size(), 1u);
  EXPECT_EQ(projections.front().version, 2);
  open_shelf();
  EXPECT_EQ(serves(), 2);
  EXPECT_EQ(rows(), R"({"n":110},{"n":200})");
  ASSERT_EQ(create(counts(1, 1)), Outcome::building) << "and the way back";
  ASSERT_TRUE(happens([&] { return serves() == 1; }));
  EXPECT_EQ(rows(), R"({"n":11},{"n":20})");
}

TEST_F(Versions, who_appended_through_one_version_finds_it_in_the_next) {
  const auto in_the_append = [](int version) {
    auto text = counts(version, version);
    return text.replace(text.find("\n---\n"), 1, "\nsynchronous: on\n");
  };
  see("fox");
  create(in_the_append(1));
  projection::AppendsThrough door(*store_, [&] { return shelf_->have_a_say(); });
  std::atomic<bool> enough{false};
  std::jthread switching([&] {
    for (int version = 2; version <= 4; ++version) {
      EXPECT_EQ(create(in_the_append(version)), Outcome::building);
      EXPECT_TRUE(happens([&] { return serves() == version; }));
    }
    enough = true;
  });
  while (!enough) {
    const auto appended = door.append(seen("hare"));
    ASSERT_TRUE(appended) << appended.error().to_string();
    EXPECT_GE(shelf_->find("counts")->runner->position(), appended->last);
  }
  switching.join();
  door.stop();
  ASSERT_EQ(shelf_->have_a_say().size(), 1u);
  EXPECT_EQ(shelf_->have_a_say().front(), shelf_->find("counts")->runner);
}

TEST_F(Versions, the_same_version_with_other_rules_is_refused_and_says_what_to_do) {
  see("fox");
  create(counts(1, 1));
  const auto refused = shelf_->create(counts(1, 2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::conflict);
  EXPECT_THAT(refused.error().to_string(), HasSubstr("raise `version:`"));
  EXPECT_EQ(rows(), R"({"n":1})");
}

TEST_F(Versions, other_queries_over_the_same_tables_are_asked_at_once_and_kept) {
  see("fox");
  create(counts(1, 1));
  EXPECT_EQ(create(counts(1, 1, "SELECT what FROM c")), Outcome::updated);
  EXPECT_EQ(rows(), R"({"what":"fox"})");
  EXPECT_EQ(shelf_->find("counts")->runner->status().applied, 1u) << "nothing was built";
  open_shelf();
  EXPECT_EQ(rows(), R"({"what":"fox"})");
}

TEST_F(Versions, one_that_fails_never_serves_and_another_text_takes_its_place) {
  see("fox");
  create(counts(1, 1));
  ASSERT_EQ(create(broken_counts), Outcome::building);
  ASSERT_TRUE(happens([&] {
    const auto state = shelf_->upcoming("counts")->runner->status().state;
    return state == ProjectionState::failed || state == ProjectionState::retrying;
  }));
  EXPECT_EQ(rows(), R"({"n":1})");
  open_shelf();
  EXPECT_EQ(serves(), 1);
  ASSERT_TRUE(shelf_->upcoming("counts")) << "it is built on after a restart";
  EXPECT_EQ(create(broken_counts), Outcome::building) << "the same text is the same build";
  ASSERT_EQ(create(counts(2, 7)), Outcome::building);
  ASSERT_TRUE(happens([&] { return serves() == 2; }));
  EXPECT_EQ(rows(), R"({"n":7})");
}

TEST_F(Versions, the_text_that_serves_gives_up_the_build_and_dropping_takes_every_version) {
  see("fox");
  create(counts(1, 1));
  create(broken_counts);
  EXPECT_EQ(create(counts(1, 1)), Outcome::unchanged);
  EXPECT_EQ(shelf_->upcoming("counts"), nullptr);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "models" / "counts-v2.db"));
  create(counts(3, 1));
  ASSERT_TRUE(happens([&] { return serves() == 3; }));
  create(broken_counts);
  ASSERT_TRUE(shelf_->drop("counts"));
  for (const auto* file : {"counts-v1.db", "counts-v2.db", "counts-v3.db"})
    EXPECT_FALSE(std::filesystem::exists(directory_ / "models" / file)) << file;
  open_shelf();
  EXPECT_TRUE(shelf_->all().empty());
}

}  // namespace
}  // namespace stele::declared
