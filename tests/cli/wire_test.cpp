// What the client writes for a server: payload bytes as they are, whatever they look like.
#include "cli/target/wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stele::cli::test {
namespace {

std::string body_with(std::string data) {
  AppendRequest request;
  NewEvent event;
  event.type = "Noted";
  event.data = std::move(data);
  request.writes.push_back({.stream = "s", .expected = {}, .events = {std::move(event)}});
  return append_body(request);
}

TEST(ClientWire, json_goes_as_json_and_anything_that_would_lose_a_byte_as_base64) {
  EXPECT_THAT(body_with(R"({"a": 1})"), testing::HasSubstr(R"("data":{"a": 1})"));
  for (const auto* spaced : {" true", "true\n", "\t{}", "[] "})
    EXPECT_THAT(body_with(spaced), testing::HasSubstr("\"data_base64\"")) << spaced;
  EXPECT_THAT(body_with("no json"), testing::HasSubstr("\"data_base64\""));
  EXPECT_THAT(body_with(""), testing::HasSubstr("\"data_base64\""));
}

}  // namespace
}  // namespace stele::cli::test
