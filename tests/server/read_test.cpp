// read_test.cpp - reading over HTTP: pages and their links, NDJSON and its end record, moments, filters, streams.
#include <gmock/gmock.h>

#include "server_fixture.hpp"
#include "stele/wire.hpp"

namespace stele::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReadTest : public ServerTest {
 protected:
  ReadTest() { start(); }
  Reply get(const std::string& target, const Headers& headers = {}) {
    auto http = client();
    return http.get(target, headers);
  }
  // The positions of the events of a page.
  static std::vector<std::uint64_t> positions(const Reply& reply) {
    std::vector<std::uint64_t> out;
    const auto document = JsonDocument::parse(reply.body);
    if (!document || !document->root().find("events")) return out;
    for (const JsonValue event : document->root().find("events")->elements()) {
      out.push_back(event.find("global_position")->as_u64().value_or(0));
    }
    return out;
  }
  // ten events: odd positions in a-1 (revisions 0..4), even ones in b-1; types T0, T1, T2 in turn
  void ten() {
    for (int i = 0; i < 10; ++i) append(i % 2 == 0 ? "a-1" : "b-1", "T" + std::to_string(i % 3));
  }
};

TEST_F(ReadTest, an_empty_log_is_a_success) {
  const auto reply = get("/v1/events");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"events":[],"next":null,"head":0})");
  EXPECT_EQ(get("/v1/streams").body, R"({"streams":[],"next":null})");
  EXPECT_EQ(get("/v1/log/head").body, R"({"position":0,"events":0,"durable":0})");
}

TEST_F(ReadTest, following_the_links_gives_every_event_once) {
  ten();
  for (const std::string base : {"/v1/events?limit=3", "/v1/events?limit=3&dir=backward"}) {
    std::vector<std::uint64_t> seen;
    std::string target = base;
    while (!target.empty()) {
      const auto page = get(target);
      ASSERT_EQ(page.status, 200) << target << page.body;
      for (const auto position : positions(page)) seen.push_back(position);
      const auto link = page.header("link");
      EXPECT_EQ(link.empty(), page.at("/next") == "null");
      target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
      ASSERT_LE(seen.size(), 10U);
    }
    ASSERT_EQ(seen.size(), 10U) << base;
    EXPECT_EQ(seen.front(), base.ends_with("backward") ? 10U : 1U);
    EXPECT_EQ(seen.back(), base.ends_with("backward") ? 1U : 10U);
  }
}

TEST_F(ReadTest, following_the_links_of_a_stream_gives_every_version_once) {
  ten();
  std::vector<std::uint64_t> seen;
  std::string target = "/v1/streams/b-1/events?limit=2";
  while (!target.empty()) {
    const auto page = get(target);
    for (const auto position : positions(page)) seen.push_back(position);
    const auto link = page.header("link");
    target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
    ASSERT_LE(seen.size(), 5U);
  }
  EXPECT_THAT(seen, ElementsAre(2, 4, 6, 8, 10));
}

TEST_F(ReadTest, from_understands_every_kind_of_moment) {
  ten();
  EXPECT_THAT(positions(get("/v1/events?from=p9")), ElementsAre(9, 10));
  EXPECT_THAT(positions(get("/v1/events?from=9")), ElementsAre(9, 10));
  EXPECT_THAT(positions(get("/v1/events?from=-2")), ElementsAre(9, 10));
  EXPECT_THAT(positions(get("/v1/events?from=head")), ElementsAre());
  EXPECT_THAT(positions(get("/v1/events?from=2000-01-01&limit=1")), ElementsAre(1));
  EXPECT_THAT(positions(get("/v1/events?from=2999-01-01")), ElementsAre());
  EXPECT_THAT(positions(get("/v1/events?from=-1h&limit=1")), ElementsAre(1));
  EXPECT_THAT(positions(get("/v1/events?from=p3&dir=backward")), ElementsAre(3, 2, 1));
  EXPECT_THAT(positions(get("/v1/events?from=start&dir=backward")), ElementsAre());
  EXPECT_THAT(positions(get("/v1/streams/a-1/events?from=v3")), ElementsAre(7, 9));
  EXPECT_THAT(positions(get("/v1/streams/a-1/events?from=3")), ElementsAre(7, 9));
  EXPECT_THAT(positions(get("/v1/streams/a-1/events?from=-2")), ElementsAre(7, 9));
  EXPECT_THAT(positions(get("/v1/streams/a-1/events?from=p7")), ElementsAre(7, 9));
  EXPECT_THAT(positions(get("/v1/streams/a-1/events?from=v1&dir=backward")), ElementsAre(3, 1));
  EXPECT_THAT(positions(get("/v1/streams/a-1/events?from=v99")), ElementsAre());
}

TEST_F(ReadTest, as_of_hides_what_came_later) {
  ten();
  EXPECT_THAT(positions(get("/v1/events?as_of=p2")), ElementsAre(1, 2));
  EXPECT_EQ(get("/v1/events?as_of=p2").at("/next"), "null");
  EXPECT_THAT(positions(get("/v1/events?as_of=p3&dir=backward")), ElementsAre(3, 2, 1));
  EXPECT_THAT(positions(get("/v1/streams/a-1/events?as_of=v1")), ElementsAre(1, 3));
  EXPECT_THAT(positions(get("/v1/streams/a-1/events?as_of=p4")), ElementsAre(1, 3));
  EXPECT_THAT(positions(get("/v1/events?as_of=2000-01-01")), ElementsAre());
  EXPECT_THAT(get("/v1/events?as_of=p2", {{"Accept", "application/x-ndjson"}}).body,
              HasSubstr(R"({"$end":{"next":"p3","events":2,)"));
}

TEST_F(ReadTest, filters_narrow_what_is_read) {
  ten();
  NewEvent tagged;
  tagged.type = "T9";
  tagged.data = "{}";
  tagged.tags = {"red", "big"};
  append("c-1", tagged);
  EXPECT_THAT(positions(get("/v1/events?type=T0")), ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(positions(get("/v1/events?type=T0&stream=a-1")), ElementsAre(1, 7));
  EXPECT_THAT(positions(get("/v1/events?type=T0&type=T9&from=p9")), ElementsAre(10, 11));
  EXPECT_THAT(positions(get("/v1/events?tag=red&tag=big")), ElementsAre(11));
  EXPECT_THAT(positions(get("/v1/events?tag=red&tag=small")), ElementsAre());
  EXPECT_THAT(positions(get("/v1/events?category=b&limit=2")), ElementsAre(2, 4));
  EXPECT_THAT(positions(get("/v1/streams/a-1/events?type=T2&from=v1")), ElementsAre(3, 9));
}

TEST_F(ReadTest, ndjson_ends_with_an_end_record) {
  ten();
  const Headers lines{{"Accept", "application/x-ndjson"}};
  const auto all = get("/v1/events", lines);
  EXPECT_EQ(all.header("content-type"), "application/x-ndjson");
  EXPECT_EQ(std::count(all.body.begin(), all.body.end(), '\n'), 11);
  EXPECT_TRUE(all.body.ends_with("{\"$end\":{\"next\":\"p11\",\"events\":10,\"head\":10}}\n")) << all.body;
  EXPECT_TRUE(get("/v1/events?limit=3", lines)
                  .body.ends_with("{\"$end\":{\"next\":\"p4\",\"events\":3,\"head\":10}}\n"));
  EXPECT_TRUE(get("/v1/events?dir=backward", lines)
                  .body.ends_with("{\"$end\":{\"next\":null,\"events\":10,\"head\":10}}\n"));
  EXPECT_TRUE(get("/v1/streams/a-1/events?limit=2", lines)
                  .body.ends_with("{\"$end\":{\"next\":\"v2\",\"events\":2,\"head\":10}}\n"));
  EXPECT_TRUE(get("/v1/events?from=p11", lines)
                  .body.ends_with("{\"$end\":{\"next\":\"p11\",\"events\":0,\"head\":10}}\n"));
}

TEST_F(ReadTest, ndjson_of_many_events_is_streamed_whole) {
  const int events = slow_build ? 300 : 3000;
  for (int i = 0; i < events / 100; ++i) append_many("a-1", 100, "\"" + std::string(500, 'x') + "\"");
  const auto all = get("/v1/events", {{"Accept", "application/x-ndjson"}});
  EXPECT_EQ(std::count(all.body.begin(), all.body.end(), '\n'), events + 1);
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(ReadTest, single_events_are_found_by_version_and_id_and_never_change) {
  ten();
  const auto event = get("/v1/streams/a-1/events/2");
  EXPECT_EQ(event.at("/global_position"), "5");
  EXPECT_EQ(get("/v1/streams/a-1/events/v2").body, event.body);
  EXPECT_EQ(get("/v1/events/" + event.at("/id")).body, event.body);
  EXPECT_THAT(event.header("cache-control"), HasSubstr("immutable"));
  EXPECT_EQ(get("/v1/streams/a-1/events/5").status, 404);
  EXPECT_EQ(get("/v1/streams/a-1/events/x").status, 400);
  EXPECT_EQ(get("/v1/events/01890a5d-ac96-774b-bcce-b302099a8057").status, 404);
  EXPECT_EQ(get("/v1/events/7").status, 400);
}

TEST_F(ReadTest, a_stream_tells_its_version) {
  ten();
  const auto info = get("/v1/streams/a-1");
  EXPECT_EQ(info.body, R"({"stream":"a-1","version":4,"events":5,"first_position":1,"last_position":9})");
  EXPECT_EQ(info.header("etag"), "\"4\"");
  EXPECT_EQ(info.header("stele-read-version"), "4");
  EXPECT_EQ(get("/v1/streams/a-1", {{"If-None-Match", "\"4\""}}).status, 304);
  EXPECT_EQ(get("/v1/streams/a-1", {{"If-None-Match", "\"3\""}}).status, 200);
  auto http = client();
  const auto probe = http.send("HEAD", "/v1/streams/a-1", "", {});
  EXPECT_EQ(probe.status, 200);
  EXPECT_EQ(probe.header("content-length"), std::to_string(info.body.size()));
  EXPECT_EQ(http.get("/livez").status, 200) << "a HEAD answer must have no body";
  EXPECT_EQ(get("/v1/streams/none-1").status, 404);
  EXPECT_EQ(get("/v1/streams/none-1/events").status, 404);
  EXPECT_EQ(get("/v1/streams/a-1/events").header("etag"), "\"4\"");
}

TEST_F(ReadTest, streams_are_listed_in_pages) {
  for (const auto* name : {"b-2", "a-1", "b-1", "c/d", "b-3"}) append(name);
  EXPECT_THAT(get("/v1/streams?prefix=b-").body, HasSubstr("\"b-1\""));
  std::string names;
  std::string target = "/v1/streams?limit=2";
  while (!target.empty()) {
    const auto page = get(target);
    ASSERT_EQ(page.status, 200);
    for (const auto* at : {"/streams/0/stream", "/streams/1/stream"}) names += page.at(at) + " ";
    const auto link = page.header("link");
    target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
    ASSERT_LT(names.size(), 100U);
  }
  EXPECT_EQ(names, "a-1 b-1 b-2 b-3 c/d  ");
}

TEST_F(ReadTest, wrong_parameters_are_named) {
  ten();
  for (const auto* target :
       {"/v1/events?frm=p1", "/v1/events?from=yesterday-ish", "/v1/events?from=v3", "/v1/events?limit=0",
        "/v1/events?limit=1001", "/v1/events?limit=x", "/v1/events?dir=up", "/v1/events?as_of=x",
        "/v1/streams?limit=0", "/v1/events?from=%zz", "/v1/streams/a-1/events?stream=b-1", "/livez?x=1"}) {
    const auto reply = get(target);
    EXPECT_EQ(reply.status, 400) << target;
    EXPECT_EQ(reply.at("/type"), "/problems/invalid-request") << target;
    EXPECT_FALSE(reply.at("/detail").empty());
  }
}

TEST_F(ReadTest, a_media_type_nobody_offers_is_not_acceptable) {
  EXPECT_EQ(get("/v1/events", {{"Accept", "image/png"}}).status, 406);
  EXPECT_EQ(get("/v1/events", {{"Accept", "text/html, */*;q=0.1"}}).status, 200);
  EXPECT_EQ(get("/v1/events", {{"Accept", "application/*"}}).status, 200);
}

TEST_F(ReadTest, reading_changes_nothing) {
  ten();
  for (const auto* target :
       {"/v1/events", "/v1/streams", "/v1/streams/a-1/events", "/v1/events?type=none", "/nope"}) {
    (void)get(target);
  }
  EXPECT_EQ(head(), 10U);
}

}  // namespace
}  // namespace stele::test
