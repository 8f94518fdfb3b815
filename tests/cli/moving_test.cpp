// moving_test.cpp - export and import: exact to the byte, in order, repeatable, and clear about bad lines.
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class Moving : public testing::Test {
 protected:
  std::string exported(const std::string& store) {
    const auto text = shell({"export", "--to", "jsonl", "--dir", directory.path(store)});
    EXPECT_EQ(text.code, 0) << text.err;
    return text.out;
  }
  Outcome import_text(const std::string& text, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"import", "--from", "jsonl", "-", "--dir", directory.path("copy")};
    words.insert(words.end(), more.begin(), more.end());
    return shell(words, text);
  }

  TempDirectory directory;
  Shell shell;
};

constexpr std::string_view nothing_new = R"("rejected":0})";

void fill_with_oddities(const std::string& path) {
  auto store = open(path);
  ASSERT_TRUE(store) << store.error().to_string();
  auto binary = event_numbered(1, "Blob", std::string("\0\xff\n\r\"", 5));
  binary.content_type = std::string(binary_content);
  append_at(**store, "wéird name/with \"quotes\" & 'spaces'-1", "2026-01-01T00:00:00.000001Z",
            std::move(binary));
  auto pretty = event_numbered(2, "Pretty", "{\n  \"n\": 1.10\n}");
  pretty.metadata = "{\"userId\":\"ä\"}";
  pretty.tags = {"tag one", "=2"};
  append_at(**store, "A-1", "2026-01-01T00:00:00.000002Z", std::move(pretty));
  auto large = event_numbered(3, "Large", std::string(Limits::data_bytes, '\x7f'));
  large.content_type = std::string(binary_content);
  append_at(**store, "A-1", "2026-01-01T00:00:00.000002Z", std::move(large));
  AppendRequest both;
  both.recorded_at = *parse_time("2026-01-02");
  both.writes.push_back({.stream = "A-1", .expected = {}, .events = {event_numbered(4, "Moved", "{}")}});
  both.writes.push_back({.stream = "B-1", .expected = {}, .events = {event_numbered(5, "Moved", "null")}});
  ASSERT_TRUE((*store)->append(std::move(both)));
}

TEST_F(Moving, a_copy_of_a_copy_is_exact_to_the_byte) {
  fill_with_oddities(directory.path("store"));
  const auto text = exported("store");
  const auto imported = import_text(text);
  EXPECT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(imported.out, "{\"imported\":5,\"already_there\":0,\"rejected\":0}\n");
  EXPECT_TRUE(exported("copy") == text);
}

TEST_F(Moving, a_second_import_writes_nothing) {
  fill_small_store(directory.path("store"));
  const auto text = exported("store");
  ASSERT_EQ(import_text(text).code, 0);
  const auto again = import_text(text);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out, "{\"imported\":0,\"already_there\":3,\"rejected\":0}\n");
  EXPECT_EQ(exported("copy"), text);
}

TEST_F(Moving, an_import_that_was_cut_short_goes_on) {
  fill_small_store(directory.path("store"));
  const auto text = exported("store");
  const auto first_line = text.substr(0, text.find('\n') + 1);
  ASSERT_EQ(import_text(first_line).code, 0);
  const auto rest = import_text(text);
  EXPECT_EQ(rest.out, "{\"imported\":2,\"already_there\":1,\"rejected\":0}\n");
  EXPECT_EQ(exported("copy"), text);
}

TEST_F(Moving, a_file_goes_out_and_comes_in) {
  fill_small_store(directory.path("store"));
  const auto file = directory.path("events.jsonl");
  const auto out = shell({"export", "--to", "jsonl", file, "--dir", directory.path("store")});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(out.out, "");
  EXPECT_THAT(out.err, HasSubstr("exported 3 events"));
  EXPECT_EQ(shell({"import", "--from", "jsonl", file, "--dir", directory.path("copy")}).code, 0);
  EXPECT_EQ(exported("copy"), file_text(file));
}

TEST_F(Moving, an_export_can_be_narrowed) {
  fill_small_store(directory.path("store"));
  const auto place = directory.path("store");
  EXPECT_THAT(shell({"export", "--to", "jsonl", "--dir", place, "--stream", "Account-2"}).out,
              HasSubstr("Bob"));
  EXPECT_THAT(shell({"export", "--to", "jsonl", "--dir", place, "--range", "p3.."}).out,
              testing::StartsWith("{\"global_position\":3,"));
  EXPECT_EQ(shell({"export", "--to", "jsonl", "--dir", place, "--type", "Never"}).out, "");
}

TEST_F(Moving, bad_lines_are_refused_by_number_and_kept_and_the_rest_goes_in) {
  fill_small_store(directory.path("store"));
  const auto text = exported("store");
  const auto second = text.find('\n') + 1;
  const std::string bad = "{\"stream_id\":\"A-1\"}";
  const auto rejects = directory.path("rejects.jsonl");
  const auto imported =
      import_text(text.substr(0, second) + bad + "\nnot json\n" + text.substr(second), {"--reject", rejects});
  EXPECT_EQ(imported.code, 8);
  EXPECT_EQ(imported.out, "{\"imported\":3,\"already_there\":0,\"rejected\":2}\n");
  EXPECT_THAT(imported.err, HasSubstr("line 2: "));
  EXPECT_THAT(imported.err, HasSubstr("line 3: "));
  EXPECT_EQ(file_text(rejects), bad + "\nnot json\n");
  EXPECT_EQ(exported("copy"), text);
}

TEST_F(Moving, an_id_that_is_there_with_other_content_is_refused) {
  fill_small_store(directory.path("store"));
  auto text = exported("store");
  ASSERT_EQ(import_text(text).code, 0);
  text.replace(text.find("Ada"), 3, "Eve");
  const auto changed = import_text(text);
  EXPECT_EQ(changed.code, 8);
  EXPECT_EQ(changed.out, "{\"imported\":0,\"already_there\":2,\"rejected\":1}\n");
  EXPECT_THAT(changed.err, HasSubstr("this id and other content"));
}

TEST_F(Moving, the_same_line_twice_in_one_file_is_imported_once) {
  fill_small_store(directory.path("store"));
  const auto text = exported("store");
  const auto imported = import_text(text + text);
  EXPECT_EQ(imported.code, 0) << imported.err;
  EXPECT_THAT(imported.out, HasSubstr("\"imported\":3,\"already_there\":3,"));
  EXPECT_EQ(exported("copy"), text);
}

TEST_F(Moving, times_before_the_end_of_the_log_are_refused_line_by_line) {
  fill_small_store(directory.path("store"));
  const auto text = exported("store");
  fill_with_oddities(directory.path("older"));
  ASSERT_EQ(import_text(text).code, 0);
  const auto older = import_text(exported("older"));
  EXPECT_EQ(older.code, 8);
  EXPECT_THAT(older.out, HasSubstr("\"imported\":0,"));
  EXPECT_EQ(exported("copy"), text);
}

TEST_F(Moving, many_events_in_groups_keep_their_order) {
  {
    auto store = open(directory.path("store"));
    ASSERT_TRUE(store) << store.error().to_string();
    for (int batch = 0; batch < 20; ++batch) {
      AppendRequest request;
      request.recorded_at = *parse_time("2026-01-01") + std::chrono::microseconds(batch / 3);
      for (const auto* stream : {"A-1", "B-1"}) {
        StreamWrite write{.stream = stream, .expected = {}, .events = {}};
        for (int i = 0; i < 50; ++i)
          write.events.push_back(
              {.id = Uuid::random(), .type = "T", .data = "{}", .metadata = {}, .tags = {}});
        request.writes.push_back(std::move(write));
      }
      ASSERT_TRUE((*store)->append(std::move(request)));
    }
  }
  const auto text = exported("store");
  EXPECT_THAT(import_text(text).out, HasSubstr("\"imported\":2000,"));
  EXPECT_TRUE(exported("copy") == text);
  EXPECT_THAT(import_text(text).out,
              HasSubstr(std::string("\"already_there\":2000,") + std::string(nothing_new)));
}

TEST_F(Moving, the_end_record_is_passed_over_and_an_error_record_stops) {
  fill_small_store(directory.path("store"));
  const auto text = exported("store");
  EXPECT_EQ(import_text(text + "{\"$end\":{\"next\":null}}\n").code, 0);
  const auto broken = import_text(text + "{\"$error\":{\"kind\":\"corrupt\"}}\n");
  EXPECT_EQ(broken.code, 1);
  EXPECT_THAT(broken.err, HasSubstr("line 4"));
}

TEST_F(Moving, formats_and_files_that_do_not_exist_are_named) {
  EXPECT_EQ(shell({"export", "--to", "parquet", "--dir", directory.path("store")}).code, 2);
  EXPECT_EQ(shell({"import", "--from", "parquet", "-", "--dir", directory.path("store")}).code, 2);
  const auto missing =
      shell({"import", "--from", "jsonl", directory.path("no.jsonl"), "--dir", directory.path("store")});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("no.jsonl"));
  EXPECT_FALSE(std::filesystem::exists(directory.path("store")));
}

}  // namespace
}  // namespace stele::cli::test
