// folder_test.cpp - a file that was changed while the server was down: what it was goes on answering until what it is
// has caught up, whatever was changed in it, and over restarts in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "declared/shelf.hpp"
#include "support/temp_directory.hpp"

namespace stele::declared {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// How often each thing was seen, times `factor`.
std::string seen(int version, int factor, const std::string& query = "SELECT n FROM c ORDER BY what") {
  return "---\nname: seen\nversion: " + std::to_string(version) +
         "\n---\nCREATE TABLE c(what TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;\n"
         "@on Seen\nINSERT INTO c VALUES(:data.what, " +
         std::to_string(factor) + ") ON CONFLICT DO UPDATE SET n = n + " + std::to_string(factor) +
         ";\n@query all\n" + query + ";\n";
}
// Fails at every event, so it never takes over.
std::string stuck(int version) {
  return "---\nname: seen\nversion: " + std::to_string(version) +
         "\n---\nCREATE TABLE c(n INTEGER NOT NULL) STRICT;\n"
         "@on Seen\nINSERT INTO c VALUES(:data.what);\n@query all\nSELECT n FROM c;\n";
}

class ChangedFile : public testing::Test {
 protected:
  ChangedFile() {
    store_ = *open(directory_ / "store");
    std::filesystem::create_directory(directory_ / "projections");
    see("fox");
    see("hare");
    see("hare");
  }
  ~ChangedFile() override { shelf_.reset(); }

  // What a restart of the server with this in the file is.
  void start_with(const std::string& text) {
    shelf_.reset();
    std::ofstream(directory_ / "projections" / "seen.sql") << text;
    auto opened =
        Shelf::open(*store_, {.models = directory_ / "models", .folder = directory_ / "projections"});
    if (!opened) throw std::runtime_error(opened.error().to_string());
    shelf_ = *std::move(opened);
  }
  void see(const std::string& what) {
    AppendRequest request;
    request.writes.push_back(
        {"Eye-1",
         {},
         {{.id = {}, .type = "Seen", .data = "{\"what\":\"" + what + "\"}", .metadata = {}, .tags = {}}}});
    ASSERT_TRUE(store_->append(std::move(request)));
  }
  std::string rows() {
    const auto placed = shelf_->find("seen");
    EXPECT_TRUE(placed->runner->wait(store_->head().position, 60s)) << placed->runner->status().reason;
    const auto asked = ask(*placed, *placed->compiled.query("all"), {}, {}, 100);
    return asked ? asked->rows.json : asked.error().to_string();
  }
  bool is_through() {
    for (int i = 0; i < 60'000 && shelf_->upcoming("seen"); ++i) std::this_thread::sleep_for(1ms);
    return !shelf_->upcoming("seen");
  }
  std::uint64_t applied() { return shelf_->find("seen")->runner->status().applied; }

  test::TempDirectory directory_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<Shelf> shelf_;
};

TEST_F(ChangedFile, with_other_rules_under_the_same_version_is_built_beside_what_it_was) {
  start_with(seen(1, 1));
  EXPECT_EQ(rows(), R"({"n":1},{"n":2})");
  start_with(stuck(1));
  ASSERT_TRUE(shelf_->upcoming("seen"));
  EXPECT_EQ(rows(), R"({"n":1},{"n":2})") << "what it was answers";
  see("fox");
  EXPECT_EQ(rows(), R"({"n":2},{"n":2})") << "and is kept up to date";
  start_with(stuck(1));
  EXPECT_EQ(rows(), R"({"n":2},{"n":2})") << "over any number of restarts";
  EXPECT_EQ(applied(), 0u) << "from the model that is there";
  start_with(seen(1, 10));
  ASSERT_TRUE(is_through());
  EXPECT_EQ(rows(), R"({"n":20},{"n":20})");
  start_with(seen(1, 10));
  EXPECT_FALSE(shelf_->upcoming("seen"));
  EXPECT_EQ(rows(), R"({"n":20},{"n":20})");
  EXPECT_EQ(applied(), 0u) << "where the new model is was remembered";
  start_with(seen(1, 100));
  ASSERT_TRUE(is_through());
  EXPECT_EQ(rows(), R"({"n":200},{"n":200})") << "and it changes again, to the first place";
  start_with(seen(1, 100));
  EXPECT_EQ(applied(), 0u);
}

TEST_F(ChangedFile, of_another_version_takes_over_when_it_has_caught_up_and_so_does_the_way_back) {
  start_with(seen(1, 1));
  EXPECT_EQ(rows(), R"({"n":1},{"n":2})");
  start_with(stuck(2));
  EXPECT_EQ(shelf_->find("seen")->compiled.projection.version, 1);
  EXPECT_EQ(rows(), R"({"n":1},{"n":2})");
  start_with(seen(2, 10));
  ASSERT_TRUE(is_through());
  EXPECT_EQ(shelf_->find("seen")->compiled.projection.version, 2);
  EXPECT_EQ(rows(), R"({"n":10},{"n":20})");
  see("fox");
  start_with(seen(1, 1));
  ASSERT_TRUE(is_through());
  EXPECT_EQ(shelf_->find("seen")->compiled.projection.version, 1);
  EXPECT_EQ(rows(), R"({"n":2},{"n":2})");
  EXPECT_LE(applied(), 1u) << "the old model was still there";
}

TEST_F(ChangedFile, that_is_changed_back_meanwhile_is_what_it_was) {
  start_with(seen(1, 1));
  EXPECT_EQ(rows(), R"({"n":1},{"n":2})");
  start_with(stuck(1));
  start_with(seen(1, 1));
  EXPECT_FALSE(shelf_->upcoming("seen"));
  EXPECT_EQ(rows(), R"({"n":1},{"n":2})");
  EXPECT_EQ(applied(), 0u);
}

TEST_F(ChangedFile, with_other_queries_only_is_asked_them_at_once) {
  start_with(seen(1, 1));
  EXPECT_EQ(rows(), R"({"n":1},{"n":2})");
  start_with(seen(1, 1, "SELECT what FROM c ORDER BY what"));
  EXPECT_FALSE(shelf_->upcoming("seen"));
  EXPECT_EQ(rows(), R"({"what":"fox"},{"what":"hare"})");
  EXPECT_EQ(applied(), 0u) << "nothing was built";
}

TEST_F(ChangedFile, of_which_nobody_knows_what_it_was_is_built_in_place) {
  start_with(seen(1, 1));
  EXPECT_EQ(rows(), R"({"n":1},{"n":2})");
  shelf_.reset();
  ASSERT_TRUE(store_->records().put("declared", "files", "[1"));
  start_with(seen(1, 10));
  EXPECT_FALSE(shelf_->upcoming("seen"));
  EXPECT_EQ(rows(), R"({"n":10},{"n":20})");
  ASSERT_TRUE(
      store_->records().put("declared", "files", R"({"seen":{"text":"no projection","beside":false}})"));
  start_with(seen(1, 1));
  EXPECT_EQ(rows(), R"({"n":1},{"n":2})");
}

TEST_F(ChangedFile, cannot_be_changed_or_taken_over_from_outside) {
  start_with(seen(1, 1));
  start_with(stuck(2));
  const auto same = shelf_->create(seen(1, 1));
  ASSERT_TRUE(same);
  EXPECT_EQ(same->outcome, Shelf::Creation::Outcome::unchanged);
  EXPECT_TRUE(shelf_->upcoming("seen")) << "the file is still what is to come";
  const auto other = shelf_->create(seen(3, 1));
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().to_string(), HasSubstr("seen.sql"));
  shelf_.reset();
  std::filesystem::remove(directory_ / "projections" / "seen.sql");
  auto without =
      Shelf::open(*store_, {.models = directory_ / "models", .folder = directory_ / "projections"});
  ASSERT_TRUE(without);
  EXPECT_TRUE((*without)->all().empty());
  ASSERT_TRUE((*without)->create(seen(1, 1)));
  without->reset();
  std::ofstream(directory_ / "projections" / "seen.sql") << seen(1, 1);
  const auto twice =
      Shelf::open(*store_, {.models = directory_ / "models", .folder = directory_ / "projections"});
  ASSERT_FALSE(twice) << "one name, a file and a text that was given";
  EXPECT_EQ(twice.error().kind(), errc::conflict);
}

}  // namespace
}  // namespace stele::declared
