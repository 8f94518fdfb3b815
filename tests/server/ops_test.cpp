// ops_test.cpp - health, metrics, limits, the generated description, problem pages, starting and stopping.
#include <gmock/gmock.h>

#include <thread>

#include "raw_socket.hpp"
#include "server_fixture.hpp"
#include "stele/wire.hpp"
#include "support/openapi_check.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class OpsTest : public ServerTest {
 protected:
  Reply get(const std::string& where, const Headers& headers = {}) {
    auto http = client();
    return http.get(where, headers);
  }
};

TEST_F(OpsTest, health_says_alive_and_ready) {
  App app("x", "1");
  bool healthy = true;
  app.check("projector", [&]() -> result<void> {
    if (!healthy) return Error(errc::unavailable, "stopped by an error");
    return {};
  });
  start(&app);
  EXPECT_EQ(get("/livez").body, "ok\n");
  EXPECT_EQ(get("/readyz").body, "ready\n");
  EXPECT_THAT(get("/readyz?verbose").body, HasSubstr("[+]projector ok\n"));
  healthy = false;
  const auto reply = get("/readyz");
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.body, HasSubstr("[-]projector unavailable: stopped by an error"));
  stop();
}

TEST_F(OpsTest, metrics_count_what_happened_by_route_and_never_by_stream) {
  App app("x", "1");
  app.metrics([] {
    return std::vector<Metric>{{.name = "stele_projection_lag_events",
                                .help = "Events not yet applied",
                                .type = "gauge",
                                .labels = {{"projection", "accounts"}},
                                .value = 7}};
  });
  start(&app);
  auto http = client();
  http.post("/v1/streams/secret-stream/events", R"({"type":"T","data":1})");
  http.post("/v1/streams/secret-stream/events", "{");
  http.get("/secret-path");
  const auto text = get("/metrics").body;
  EXPECT_THAT(text, HasSubstr(R"(stele_append_requests_total{result="ok"} 1)"));
  EXPECT_THAT(text, HasSubstr("stele_appended_events_total 1\n"));
  EXPECT_THAT(text, HasSubstr("stele_log_head_position 1\n"));
  EXPECT_THAT(text, HasSubstr(R"(code="400",method="POST",route="/v1/streams/{stream}/events")"));
  EXPECT_THAT(text, HasSubstr(R"x(code="404",method="-",route="(none)")x"));
  EXPECT_THAT(text, HasSubstr(R"(stele_projection_lag_events{projection="accounts"} 7)"));
  EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes"));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  stop();
}

TEST_F(OpsTest, the_description_lists_every_route) {
  App app("My app", "3.1");
  app.route({.method = "POST",
             .pattern = "/api/things/{id}",
             .handler = [](const Request&) -> Answer { return Response::json(200, "{}"); },
             .doc = {.summary = "Do \"it\"",
                     .request_schema = R"({"type":"object"})",
                     .query = {{"dry", "no effect"}}}});
  start(&app);
  const auto reply = get("/openapi.json");
  const auto document = JsonDocument::parse(reply.body);
  ASSERT_TRUE(document) << document.error().to_string();
  EXPECT_EQ(reply.at("/openapi"), "3.1.0");
  EXPECT_EQ(reply.at("/info/title"), "My app");
  const auto paths = *document->root().find("paths");
  for (const auto* path : {"/v1/streams", "/v1/streams/{stream}", "/v1/streams/{stream}/events",
                           "/v1/streams/{stream}/events/{version}", "/v1/events", "/v1/events/{id}",
                           "/v1/append", "/v1/log/head", "/livez", "/readyz", "/metrics", "/version",
                           "/v1/limits", "/openapi.json", "/problems/{slug}", "/api/things/{id}"}) {
    EXPECT_TRUE(paths.find(path)) << path;
  }
  const auto post = paths.find("/api/things/{id}")->find("post");
  ASSERT_TRUE(post);
  EXPECT_EQ(post->find("summary")->as_string(), "Do \"it\"");
  EXPECT_THAT(std::string(post->find("parameters")->raw()), HasSubstr(R"("name":"dry","in":"query")"));
  stop();
}

TEST_F(OpsTest, the_description_names_each_parameter_of_an_operation_once) {
  class Model final : public ReadModel {
   public:
    [[nodiscard]] Position position() const override { return Position(0); }
    std::uint64_t notify_at(Position, std::function<void()>) override { return 0; }
    void cancel(std::uint64_t) override {}
  } model;
  App app("x", "1");
  app.route({.method = "GET",
             .pattern = "/api/things/{id}",
             .handler = [](const Request&) -> Answer { return Response::json(200, "{}"); },
             .doc = {.summary = "A thing", .query = {{"after_position", "its own words"}}},
             .model = &model,
             .stream = [](const Request&) { return std::string("thing-1"); }});
  start(&app);
  const auto body = get("/openapi.json").body;
  EXPECT_THAT(parameters_twice(body), testing::IsEmpty());
  EXPECT_THAT(body, HasSubstr("its own words"));
  stop();
}

TEST_F(OpsTest, the_description_lists_the_media_types_of_events) {
  start();
  const auto document = JsonDocument::parse(get("/openapi.json").body);
  ASSERT_TRUE(document);
  const auto paths = *document->root().find("paths");
  const auto stream = *paths.find("/v1/streams/{stream}/events");
  const auto taken = *stream.find("post")->find("requestBody")->find("content");
  for (const auto* type : {"application/json", "application/x-ndjson", "application/octet-stream"})
    EXPECT_TRUE(taken.find(type)) << type;
  for (const auto& read : {*stream.find("get"), *paths.find("/v1/events")->find("get")}) {
    const auto given = *read.find("responses")->find("2XX")->find("content");
    for (const auto* type : {"application/json", "application/x-ndjson", "text/event-stream"})
      EXPECT_TRUE(given.find(type)) << type;
  }
}

TEST_F(OpsTest, limits_and_version_are_shown) {
  options_.connections = 77;
  start();
  const auto limits = get("/v1/limits");
  EXPECT_EQ(limits.at("/body_bytes"), std::to_string(options_.body_bytes));
  EXPECT_EQ(limits.at("/stream_name_bytes"), "512");
  EXPECT_EQ(limits.at("/connections"), "77");
  EXPECT_EQ(get("/version").at("/name"), "stele");
}

TEST_F(OpsTest, every_problem_type_has_a_page) {
  start();
  const auto missing = get("/v1/nothing");
  const auto page = get(missing.at("/type"), {{"Accept", "application/json"}});
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.at("/title"), missing.at("/title"));
  EXPECT_THAT(get(missing.at("/type")).body, HasSubstr("<h1>" + missing.at("/title") + "</h1>"));
  EXPECT_EQ(get("/problems/none").status, 404);
}

TEST_F(OpsTest, a_public_address_is_refused_unless_allowed) {
  options_.address = "0.0.0.0";
  const auto refused = Server::start(*store_, nullptr, options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::denied);
  EXPECT_THAT(refused.error().help(), HasSubstr("--allow-insecure"));
  options_.allow_insecure = true;
  start();
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(OpsTest, addresses_that_cannot_be_used_are_named) {
  options_.address = "no-such-host";
  EXPECT_EQ(Server::start(*store_, nullptr, options_).error().kind(), errc::invalid);
  options_.address = "127.0.0.1";
  start();
  options_.port = port();
  EXPECT_EQ(Server::start(*store_, nullptr, options_).error().kind(), errc::busy);
}

TEST_F(OpsTest, stopping_lets_running_requests_end) {
  std::atomic<bool> entered{false};
  std::atomic<bool> go_on{false};
  App app("x", "1");
  app.route({.method = "GET", .pattern = "/slow", .handler = [&](const Request&) -> Answer {
               entered = true;
               while (!go_on) std::this_thread::yield();
               return Response::text(200, "done");
             }});
  start(&app);
  Reply reply;
  std::thread asking([&] { reply = get("/slow"); });
  while (!entered) std::this_thread::yield();
  RawSocket idle(port());
  ASSERT_TRUE(idle.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_THAT(idle.receive_until("ok\n"), HasSubstr("200"));
  std::thread stopping([&] { server_->stop(); });
  EXPECT_EQ(idle.receive_all(), "");  // the idle connection is closed while the slow request still runs
  go_on = true;
  asking.join();
  stopping.join();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "done");
  EXPECT_EQ(reply.header("connection"), "close");
  stop();
}

TEST_F(OpsTest, a_stopped_server_may_start_again_on_its_store) {
  start();
  const auto first = port();
  auto http = client();
  http.post("/v1/streams/a/events", R"({"type":"T","data":1})");
  stop();
  EXPECT_FALSE(RawSocket(first).connected());
  start();
  EXPECT_EQ(get("/v1/log/head").at("/position"), "1");
}

}  // namespace
}  // namespace stele::test
