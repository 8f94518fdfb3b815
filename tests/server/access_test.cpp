// Access tokens: who is let in, to what, and what those hear who are not.
#include <fstream>

#include "base/sha.hpp"
#include "server_fixture.hpp"

namespace stele::test {
namespace {

AccessToken token_of(std::string name, std::string_view secret, std::vector<Scope> scopes) {
  return {.name = std::move(name), .sha256 = base::sha256_hex(secret), .scopes = std::move(scopes)};
}

Headers with(const std::string& secret) { return {{"Authorization", "Bearer " + secret}}; }

class Access : public ServerTest {
 protected:
  Access() {
    options_.tokens = {token_of("reports", "r", {Scope::query}), token_of("shop", "s", {Scope::command}),
                       token_of("anna", "a", {Scope::query, Scope::command, Scope::admin})};
    append("Account-1");
  }
  static Reply append_with(HttpClient& http, Headers headers) {
    headers.emplace_back("Content-Type", "application/json");
    return http.post("/v1/streams/Account-1/events", R"({"type":"Happened","data":{}})", headers);
  }
};

TEST_F(Access, a_query_token_reads_and_is_refused_commands) {
  start();
  auto http = client();
  EXPECT_EQ(http.get("/v1/streams/Account-1/events", with("r")).status, 200);
  const auto before = head();
  const auto refused = append_with(http, with("r"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.at("/type"), "/problems/denied");
  EXPECT_EQ(refused.at("/needed"), "command");
  EXPECT_EQ(refused.at("/token"), "reports");
  EXPECT_EQ(head(), before);
}

TEST_F(Access, a_command_token_writes_and_is_refused_reads) {
  start();
  auto http = client();
  EXPECT_EQ(append_with(http, with("s")).status, 201);
  EXPECT_EQ(http.get("/v1/streams/Account-1/events", with("s")).status, 403);
  EXPECT_EQ(http.send("DELETE", "/v1/streams/Account-1", "", with("s")).at("/needed"), "admin");
  EXPECT_EQ(http.send("DELETE", "/v1/streams/Account-1", "", with("a")).status, 200);
}

TEST_F(Access, strangers_learn_nothing_but_that_the_server_lives) {
  start();
  auto http = client();
  for (const auto& headers :
       {Headers{}, with("guessed"), with(""), Headers{{"Authorization", "Basic cjpy"}}}) {
    for (const auto* path : {"/v1/events", "/nowhere", "/metrics", "/openapi.json"}) {
      const auto refused = http.get(path, headers);
      EXPECT_EQ(refused.status, 401) << path;
      EXPECT_EQ(refused.header("www-authenticate"), "Bearer realm=\"stele\"");
    }
    EXPECT_EQ(append_with(http, headers).status, 401);
  }
  EXPECT_EQ(head(), 1u);
  EXPECT_EQ(http.get("/livez").status, 200);
  EXPECT_EQ(http.get("/readyz").status, 200);
  EXPECT_EQ(http.get("/problems/unauthenticated").status, 200);
}

TEST_F(Access, an_expired_token_is_unknown) {
  options_.tokens[0].expires = parse_time("2020-01-01T00:00:00Z");
  options_.tokens[2].expires = parse_time("2999-01-01T00:00:00Z");
  start();
  EXPECT_EQ(client().get("/v1/events", with("r")).status, 401);
  EXPECT_EQ(client().get("/v1/events", with("a")).status, 200);
}

TEST_F(Access, without_tokens_none_is_wanted) {
  options_.tokens.clear();
  start();
  EXPECT_EQ(client().get("/v1/events").status, 200);
}

TEST_F(Access, an_applications_route_may_say_what_it_wants_and_sees_who_came) {
  App app("counter", "1");
  const auto say_who = [](const Request& request) -> Answer { return Response::text(200, request.token); };
  app.route({.method = "POST", .pattern = "/ask", .handler = say_who, .scope = Scope::query});
  app.route({.method = "POST", .pattern = "/tell", .handler = say_who});
  start(&app);
  auto http = client();
  EXPECT_EQ(http.post("/ask", "", with("r")).body, "reports");
  EXPECT_EQ(http.post("/ask", "", with("s")).status, 403);
  EXPECT_EQ(http.post("/tell", "", with("s")).body, "shop");
}

class TokenFile : public testing::Test {
 protected:
  result<std::vector<AccessToken>> read(const std::string& text) {
    std::ofstream(file_) << text;
    return read_tokens(file_);
  }
  TempDirectory directory_;
  std::filesystem::path file_ = directory_ / "tokens";
  const std::string hash_ = std::string(64, 'a');
};

TEST_F(TokenFile, lines_comments_and_ends) {
  const auto tokens = read("# the shop's\n\nshop command,query " + hash_ + "\r\nanna\tadmin " + hash_ +
                           "  2027-01-31T00:00:00Z\n");
  ASSERT_TRUE(tokens) << tokens.error().to_string();
  ASSERT_EQ(tokens->size(), 2u);
  EXPECT_EQ((*tokens)[0].name, "shop");
  EXPECT_EQ((*tokens)[0].scopes, (std::vector{Scope::command, Scope::query}));
  EXPECT_FALSE((*tokens)[0].expires);
  EXPECT_EQ((*tokens)[1].expires, parse_time("2027-01-31T00:00:00Z"));
}

TEST_F(TokenFile, what_is_wrong_is_said_with_its_line) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"x", "NAME SCOPE"},
      {"x query", "NAME SCOPE"},
      {"x writer " + hash_, "no scope `writer`"},
      {"x query " + hash_.substr(1), "NAME SCOPE"},
      {"x query " + hash_ + " tomorrow", "`tomorrow`"},
      {"x query " + hash_ + " 2027-01-31T00:00:00Z more", "2027"},
      {"y query " + hash_ + "\nx query " + hash_ + "\nx query " + hash_, "two tokens `x`"}};
  for (const auto& [line, what] : cases) {
    const auto tokens = read("\n" + line + "\n");
    ASSERT_FALSE(tokens) << line;
    const auto text = tokens.error().to_string();
    EXPECT_NE(text.find(what), std::string::npos) << text;
    EXPECT_NE(text.find(line.starts_with("y") ? "line 4" : "line 2"), std::string::npos) << text;
  }
  EXPECT_EQ(read_tokens(directory_ / "none").error().kind(), errc::not_found);
}

}  // namespace
}  // namespace stele::test
