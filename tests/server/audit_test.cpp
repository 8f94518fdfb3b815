// Administrative requests leave an event that says who, when and what; nothing else does.
#include <gmock/gmock.h>

#include "base/sha.hpp"
#include "server/ops/audit.hpp"
#include "server_fixture.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;

class AuditTest : public ServerTest {
 protected:
  AuditTest() {
    options_.tokens = {{.name = "anna",
                        .sha256 = base::sha256_hex("a"),
                        .scopes = {Scope::query, Scope::command, Scope::admin}},
                       {.name = "shop", .sha256 = base::sha256_hex("s"), .scopes = {Scope::command}}};
    append("Account-1");
    start();
  }
  Reply call(const std::string& method, const std::string& target, const std::string& secret,
             const std::string& body = "", const std::string& key = "") {
    auto http = client();
    Headers headers{{"Authorization", "Bearer " + secret}, {"Content-Type", "application/json"}};
    if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
    return http.send(method, target, body, headers);
  }
  std::vector<std::string> actions() {
    std::vector<std::string> out;
    auto cursor = store_->read_stream({.stream = std::string(server::audit_stream), .from = {}});
    if (!cursor) return out;
    const auto batch = (*cursor)->next_batch(100);
    for (const auto& event : *batch) out.push_back(std::string(event.data) + std::string(event.metadata));
    return out;
  }
};

TEST_F(AuditTest, what_administrators_change_is_recorded_before_they_are_answered) {
  EXPECT_EQ(call("PATCH", "/v1/streams/Account-1", "a", R"({"max_count":5})").status / 100, 2);
  EXPECT_EQ(call("DELETE", "/v1/streams/Nobody-1", "a").status, 404);
  const auto all = actions();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0],
              HasSubstr(R"({"token":"anna","method":"PATCH","path":"/v1/streams/Account-1","status":2)"));
  EXPECT_THAT(all[0], HasSubstr(R"("body":{"max_count":5}})"));
  EXPECT_THAT(all[0], HasSubstr(R"({"userId":"anna","requestId":")"));
  EXPECT_THAT(all[1], HasSubstr(R"("path":"/v1/streams/Nobody-1","status":404})")) << "a refusal as well";
}

TEST_F(AuditTest, reads_commands_and_those_who_may_not_leave_nothing) {
  EXPECT_EQ(call("GET", "/v1/streams/Account-1", "a").status, 200);
  EXPECT_EQ(call("POST", "/v1/streams/Account-1/events", "s", R"({"type":"Happened","data":{}})").status,
            201);
  EXPECT_EQ(call("DELETE", "/v1/streams/Account-1", "s").status, 403);
  EXPECT_EQ(call("DELETE", "/v1/streams/Account-1", "guessed").status, 401);
  EXPECT_TRUE(actions().empty());
}

TEST_F(AuditTest, a_server_without_tokens_has_nobody_to_name) {
  options_.tokens.clear();
  restart();
  EXPECT_EQ(call("DELETE", "/v1/streams/Account-1", "").status, 200);
  EXPECT_TRUE(actions().empty());
}

}  // namespace
}  // namespace stele::test
