// conventions_test.cpp - headers and parameters that mean the same at every address; problem documents.
#include <gmock/gmock.h>

#include "server/app/preconditions.hpp"
#include "server/app/problems.hpp"
#include "stele/wire.hpp"

namespace stele::server {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

Request request_with(std::string method, std::vector<Field> headers, std::vector<Field> query = {}) {
  Request out;
  out.method = std::move(method);
  out.headers = std::move(headers);
  out.query = std::move(query);
  return out;
}

TEST(Conventions, conditions_become_expected_versions_on_writes_only) {
  const auto expected = [](std::string method, std::string name, std::string value) {
    auto request = request_with(std::move(method), {{std::move(name), std::move(value)}});
    EXPECT_FALSE(read_conventions(request));
    return to_string(request.expected);
  };
  EXPECT_EQ(expected("POST", "if-match", "\"203\""), "203");
  EXPECT_EQ(expected("PUT", "if-match", "*"), "exists");
  EXPECT_EQ(expected("DELETE", "if-none-match", "*"), "no_stream");
  EXPECT_EQ(expected("POST", "x-other", "*"), "any");
  EXPECT_EQ(expected("GET", "if-match", "nonsense"), "any");
}

TEST(Conventions, preferences_are_taken_where_understood_and_capped) {
  const auto prefer = [](std::string value) {
    auto request = request_with("GET", {{"prefer", std::move(value)}});
    EXPECT_FALSE(read_conventions(request));
    return request.prefer;
  };
  EXPECT_EQ(prefer("").wait, 5s);
  EXPECT_EQ(prefer("respond-async, wait=7").wait, 7s);
  EXPECT_EQ(prefer("wait=100000").wait, 60s);
  EXPECT_EQ(prefer("wait=99999999999999999999999").wait, 5s);
  EXPECT_TRUE(prefer("wait=1, handling=lenient").lenient);
  EXPECT_FALSE(prefer("handling=strict").lenient);
}

TEST(Conventions, a_trace_context_is_taken_only_in_its_form) {
  const auto trace = [](std::string value) {
    auto request = request_with("GET", {{"traceparent", std::move(value)}});
    EXPECT_FALSE(read_conventions(request));
    return request.traceparent;
  };
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(trace(good), good);
  EXPECT_EQ(trace("00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), "");
  EXPECT_EQ(trace("\"}, injected"), "");
  EXPECT_EQ(trace(good + "\",\"admin\":\"yes"), "") << "what follows would be stored as metadata";
  EXPECT_EQ(trace(good + "-more"), "");
  EXPECT_EQ(trace(good.substr(0, 54)), "");
  EXPECT_EQ(trace("01" + good.substr(2)), "");
  EXPECT_EQ(trace("00-4bf92f3577b34da6-3ce929d0e0e4736-00f067aa0ba902b7-01"), "") << "a dash is no digit";
  EXPECT_EQ(trace("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), "");
  EXPECT_EQ(trace("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"), "");
}

TEST(Conventions, positions_and_versions_have_a_bare_and_a_marked_form) {
  EXPECT_EQ(parse_revision("v7"), Revision(7));
  EXPECT_EQ(parse_revision("7"), Revision(7));
  EXPECT_EQ(parse_position("p7"), Position(7));
  EXPECT_FALSE(parse_revision("p7"));
  EXPECT_FALSE(parse_position("18446744073709551616"));
  EXPECT_FALSE(parse_position(""));
}

TEST(Conventions, etags_are_compared_weakly_in_lists) {
  const auto listed = [](std::string value) {
    return etag_listed(request_with("GET", {{"if-none-match", std::move(value)}}), "\"7\"");
  };
  EXPECT_TRUE(listed("\"7\""));
  EXPECT_TRUE(listed("\"6\", W/\"7\""));
  EXPECT_TRUE(listed("*"));
  EXPECT_FALSE(listed("\"77\""));
  EXPECT_FALSE(listed("7"));
}

TEST(Problems, a_document_is_json_whatever_the_texts_hold) {
  const ProblemTable table;
  const auto problem = Problem(400, "invalid-request", "a \"quote\"\nand a line")
                           .with("odd \"name\"", "\x01\xff")
                           .with("number", std::uint64_t{18446744073709551615U})
                           .at("/a~1b", "is \"wrong\"")
                           .help("do\tthis");
  const auto text = table.render(problem, "/x?\"\xfe", "id-1");
  const auto document = JsonDocument::parse(text);
  ASSERT_TRUE(document) << document.error().to_string() << text;
  EXPECT_EQ(document->root().find("detail")->as_string(), "a \"quote\"\nand a line");
  EXPECT_EQ(document->root().find("number")->as_u64(), 18446744073709551615U);
}

TEST(Problems, a_title_comes_from_the_table_and_only_from_there) {
  ProblemTable table;
  EXPECT_TRUE(table.declare({"frozen", "It is frozen", "Wait."}));
  EXPECT_FALSE(table.declare({"frozen", "Other", "Other."}));
  EXPECT_FALSE(table.declare({"not-found", "Other", "Other."}));
  EXPECT_THAT(table.render(Problem(422, "frozen", "d"), "/", ""), HasSubstr(R"("title":"It is frozen")"));
  EXPECT_THAT(table.render(Problem(422, "unheard-of", "d"), "/", ""),
              HasSubstr(R"("title":"Unprocessable Content")"));
}

TEST(Problems, facts_that_count_are_numbers_and_names_never_are) {
  const auto problem = problem_of(
      Error(errc::conflict, "m").with("stream", "42").with("actual", "7").with("expected", "no_stream"),
      true);
  const auto text = ProblemTable().render(problem, "/", "");
  EXPECT_EQ(problem.status(), 412);
  EXPECT_THAT(text, HasSubstr(R"("stream":"42")"));
  EXPECT_THAT(text, HasSubstr(R"("actual":7)"));
  EXPECT_THAT(text, HasSubstr(R"("expected":"no_stream")"));
  EXPECT_EQ(problem_of(Error(errc::conflict, "m"), false).status(), 409);
  const auto refused = Error(errc::invalid, "m").with("rule", "seats");
  EXPECT_EQ(problem_of(refused, false).status(), 400);
  const auto by_model = problem_of(Error(refused).with("projection", "seats"), false);
  EXPECT_EQ(by_model.status(), 422) << "also where an application hands it on";
  EXPECT_EQ(by_model.slug(), "business-rule");
}

TEST(Problems, an_event_that_is_not_understood_is_not_called_damaged_bytes) {
  const ProblemTable table;
  const auto text =
      table.render(problem_of(Error(errc::corrupt, "no number").with("type", "Paid"), false), "/", "");
  EXPECT_THAT(text, HasSubstr(R"("type":"/problems/corrupt")"));
  EXPECT_THAT(text, HasSubstr(R"("event_type":"Paid")"));
  EXPECT_THAT(text, HasSubstr("the content of the event, not its checksum"));
  EXPECT_EQ(text.find(R"("type":)", text.find(R"("type":)") + 1), std::string::npos)
      << "one member of a name";
  const auto damaged = table.render(problem_of(Error(errc::corrupt, "bad frame"), false), "/", "");
  EXPECT_THAT(damaged, HasSubstr(R"("detail":"bad frame")"));
}

TEST(Problems, every_page_says_what_to_do) {
  const ProblemTable table;
  for (const auto& [slug, page] : table.all()) {
    EXPECT_GE(page.status, 400) << slug;
    EXPECT_FALSE(page.title.empty()) << slug;
    EXPECT_TRUE(page.meaning.ends_with('.')) << slug;
  }
}

}  // namespace
}  // namespace stele::server
