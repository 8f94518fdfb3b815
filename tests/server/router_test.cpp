// router_test.cpp - patterns, parameters, what is allowed where.
#include "server/http/router.hpp"

#include <gtest/gtest.h>

namespace stele::server {
namespace {

ServedRoute route_of(std::string method, std::string pattern) {
  ServedRoute out;
  out.route.method = std::move(method);
  out.route.pattern = std::move(pattern);
  out.route.handler = [](const Request&) -> Answer { return Response::json(200, "{}"); };
  return out;
}

Router router_of(std::vector<std::pair<std::string, std::string>> routes) {
  std::vector<ServedRoute> served;
  for (auto& [method, pattern] : routes) served.push_back(route_of(method, pattern));
  auto router = Router::build(std::move(served));
  EXPECT_TRUE(router) << router.error().to_string();
  return *std::move(router);
}

std::string found(const Router& router, std::string_view method, std::string_view path) {
  const auto match = router.find(method, path);
  if (match.route == nullptr) return match.broken_escape ? "broken" : "none:" + match.allow;
  std::string out = match.route->route.pattern;
  for (const auto& [name, value] : match.params) out += " " + name + "=" + value;
  return out;
}

TEST(Router, parameters_are_whole_segments_and_decoded) {
  const auto router = router_of({{"GET", "/s/{stream}/events/{version}"}});
  EXPECT_EQ(found(router, "GET", "/s/a%2Fb%20c/events/7"),
            "/s/{stream}/events/{version} stream=a/b c version=7");
  EXPECT_EQ(found(router, "GET", "/s//events/7"), "none:");
  EXPECT_EQ(found(router, "GET", "/s/a/events"), "none:");
  EXPECT_EQ(found(router, "GET", "/s/a/events/7/"), "none:");
  EXPECT_EQ(found(router, "GET", "/s/%zz/events/7"), "broken");
}

TEST(Router, a_literal_wins_over_a_parameter_whatever_the_order) {
  for (const auto& routes : std::vector<std::vector<std::pair<std::string, std::string>>>{
           {{"GET", "/a/{x}"}, {"GET", "/a/b"}}, {{"GET", "/a/b"}, {"GET", "/a/{x}"}}}) {
    const auto router = router_of(routes);
    EXPECT_EQ(found(router, "GET", "/a/b"), "/a/b");
    EXPECT_EQ(found(router, "GET", "/a/c"), "/a/{x} x=c");
  }
}

TEST(Router, a_get_route_answers_head_and_a_wrong_method_names_the_right_ones) {
  const auto router = router_of({{"GET", "/a"}, {"POST", "/a"}, {"GET", "/b"}});
  EXPECT_EQ(found(router, "HEAD", "/a"), "/a");
  EXPECT_EQ(found(router, "PUT", "/a"), "none:GET, HEAD, POST");
  EXPECT_EQ(found(router, "POST", "/b"), "none:GET, HEAD");
  EXPECT_EQ(found(router, "GET", "/c"), "none:");
}

TEST(Router, routes_that_would_match_the_same_are_refused) {
  std::vector<ServedRoute> twice;
  twice.push_back(route_of("GET", "/a/{x}"));
  twice.push_back(route_of("GET", "/a/{y}"));
  const auto router = Router::build(std::move(twice));
  ASSERT_FALSE(router);
  EXPECT_NE(router.error().message().find("GET /a/{y}"), std::string::npos);
}

TEST(Router, a_route_needs_exactly_one_handler) {
  auto both = route_of("GET", "/a");
  both.route.async = [](std::shared_ptr<const Request>, Responder) {};
  std::vector<ServedRoute> routes;
  routes.push_back(std::move(both));
  EXPECT_FALSE(Router::build(std::move(routes)));
}

}  // namespace
}  // namespace stele::server
