// checking_test.cpp - verify and inspect: a healthy store is told healthy, damage is found and located.
#include <thread>

#include "cli/verify/order_check.hpp"
#include "cli/verify/retention_check.hpp"
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class Checking : public testing::Test {
 protected:
  void SetUp() override { fill_small_store(directory.path("store")); }
  Outcome verify(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"verify", "--dir", directory.path("store")};
    words.insert(words.end(), more.begin(), more.end());
    return shell(words);
  }
  [[nodiscard]] std::string segment() const { return directory.path("store/log/00000000000000000001.seg"); }

  TempDirectory directory;
  Shell shell;
};

TEST_F(Checking, a_healthy_store_passes_layer_by_layer) {
  const auto healthy = verify({"-o", "table"});
  EXPECT_EQ(healthy.code, 0) << healthy.out;
  for (const auto* layer : {"structure   ok ", "checksums   ok ", "order       ok ", "index       ok ",
                            "retention   ok ", "records     ok ", "watermark   ok "})
    EXPECT_THAT(healthy.out, HasSubstr(layer));
  EXPECT_THAT(healthy.err, HasSubstr("✓ verified"));
}

TEST_F(Checking, a_program_gets_one_record_a_layer) {
  EXPECT_EQ(verify({"--fields", "layer,ok,findings"}).out,
            "{\"layer\":\"structure\",\"ok\":true,\"findings\":[]}\n{\"layer\":\"checksums\",\"ok\":true,"
            "\"findings\":[]}\n"
            "{\"layer\":\"order\",\"ok\":true,\"findings\":[]}\n{\"layer\":\"index\",\"ok\":true,"
            "\"findings\":[]}\n"
            "{\"layer\":\"retention\",\"ok\":true,\"findings\":[]}\n{\"layer\":\"records\",\"ok\":true,"
            "\"findings\":[]}\n"
            "{\"layer\":\"watermark\",\"ok\":true,\"findings\":[]}\n");
}

TEST_F(Checking, one_flipped_payload_byte_is_found_and_located) {
  auto bytes = file_text(segment());
  const auto at = bytes.find("Bob");
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'R';
  write_file(segment(), bytes);
  const auto damaged = verify();
  EXPECT_EQ(damaged.code, 7);
  EXPECT_THAT(damaged.out, HasSubstr("\"ok\":false"));
  EXPECT_THAT(damaged.out, HasSubstr("\"first_position\":2"));
  EXPECT_THAT(damaged.out, HasSubstr("00000000000000000001.seg"));
  EXPECT_THAT(verify({"-o", "table"}).out, HasSubstr("✗ p2"));
}

TEST_F(Checking, a_missing_segment_is_found) {
  std::filesystem::remove(segment());
  const auto damaged = verify();
  EXPECT_NE(damaged.code, 0) << damaged.out;
}

TEST_F(Checking, a_store_that_is_open_for_writing_can_be_verified) {
  const auto writer = open(directory.path("store"));
  ASSERT_TRUE(writer) << writer.error().to_string();
  const auto healthy = verify();
  EXPECT_EQ(healthy.code, 0) << healthy.out << healthy.err;
}

TEST_F(Checking, verifying_changes_no_file) {
  const auto before = file_text(segment());
  ASSERT_EQ(verify().code, 0);
  EXPECT_TRUE(file_text(segment()) == before);
}

TEST_F(Checking, what_is_no_store_is_named) {
  EXPECT_EQ(shell({"verify"}).code, 2);
  EXPECT_EQ(shell({"verify", "--dir", directory.path("nowhere")}).code, 3);
}

TEST_F(Checking, inspect_decodes_a_file_and_a_directory) {
  const auto text = shell({"inspect", segment()});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("Account-2"));
  EXPECT_THAT(text.err, HasSubstr("3 frames, 3 events, 0 problems"));
  const auto lines = shell({"inspect", directory.path("store"), "--ndjson"});
  EXPECT_EQ(lines.code, 0) << lines.err;
  EXPECT_THAT(lines.out, testing::StartsWith("{"));
}

TEST_F(Checking, inspect_decodes_around_damage_and_exits_7) {
  auto bytes = file_text(segment());
  bytes[bytes.find("Bob")] = 'R';
  write_file(segment(), bytes);
  const auto damaged = shell({"inspect", segment()});
  EXPECT_EQ(damaged.code, 7);
  EXPECT_THAT(damaged.out, HasSubstr("Deposited"));
  EXPECT_EQ(shell({"inspect", directory.path("nothing")}).code, 3);
  EXPECT_EQ(shell({"inspect", segment(), "-o", "csv"}).code, 2);
}

EventView view_at(std::uint64_t position, std::uint64_t revision, std::string_view stream, int second = 0) {
  return {.position = Position(position),
          .revision = Revision(revision),
          .recorded_at = Timestamp(std::chrono::seconds(second)),
          .id = {},
          .stream = stream,
          .type = "T",
          .content_type = json_content,
          .data = "{}",
          .metadata = {},
          .tags = {}};
}

TEST(Order, gaps_in_positions_and_versions_and_steps_back_in_time_are_findings) {
  OrderCheck check;
  check.take(view_at(1, 0, "A", 5), "one");
  check.take(view_at(2, 0, "B", 5), "one");
  check.take(view_at(4, 2, "A", 4), "two");
  const auto layer = check.layer();
  ASSERT_EQ(layer.findings.size(), 3u);
  EXPECT_THAT(layer.findings[0].what, HasSubstr("follows p2"));
  EXPECT_THAT(layer.findings[1].what, HasSubstr("before the event in front of it"));
  EXPECT_THAT(layer.findings[2].what, HasSubstr("is v2, but v1 comes next"));
  EXPECT_EQ(layer.findings[2].stream, "A");
  EXPECT_EQ(layer.findings[2].first, Position(4));
  EXPECT_EQ(layer.findings[2].file, "two");
}

// The writer is in the middle of a sync, or died over it: the log's files hold what no reader may see yet.
TEST_F(Checking, a_stream_with_rules_and_an_event_that_is_not_known_to_be_durable) {
  const auto store = open(directory.path("store"));
  ASSERT_TRUE(store) << store.error().to_string();
  const auto name = std::string("Account-1");
  const auto known = (*store)->stream_info(name);
  ASSERT_TRUE(known) << known.error().to_string();
  ASSERT_TRUE(set_retention(**store, name, {.truncate_before = {}, .max_count = 9, .max_age = {}}));
  OrderCheck order;
  RetentionCheck retention;
  const auto cursor = (*store)->read({.query = Query::all(), .from = {}, .limit = no_limit});
  ASSERT_TRUE(cursor);
  const auto events = (*cursor)->next_batch(100);
  ASSERT_TRUE(events);
  for (const auto& event : *events) {
    order.take(event, "one");
    retention.take(event);
  }
  const auto head = (*store)->head().position;
  EXPECT_TRUE(retention.layer(**store, order, head).findings.empty());
  order.take(view_at(head.value() + 1, known->last_revision.value() + 1, name), "one");
  EXPECT_TRUE(retention.layer(**store, order, head).findings.empty());
  const auto wrong = retention.layer(**store, order, head.next());
  ASSERT_EQ(wrong.findings.size(), 1u) << "had it been durable";
  EXPECT_EQ(wrong.findings[0].stream, name);
}

TEST(Order, a_flood_of_findings_is_counted_and_not_kept) {
  Layer layer;
  for (int i = 0; i < 250; ++i) add_finding(layer, {});
  EXPECT_EQ(layer.findings.size(), 100u);
  EXPECT_EQ(layer.more, 150u);
}

TEST(Order, the_sum_of_ids_depends_on_their_order) {
  const auto a = *parse_uuid("00000000-0000-0000-0000-000000000001");
  const auto b = *parse_uuid("00000000-0000-0000-0000-000000000002");
  EXPECT_NE(add_id(add_id(0, a), b), add_id(add_id(0, b), a));
}

}  // namespace
}  // namespace stele::cli::test
