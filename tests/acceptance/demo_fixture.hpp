// demo_fixture.hpp - `stele demo` without traffic as a process of its own, with somebody in front of it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/http_client.hpp"
#include "support/process.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {

class Demo : public testing::Test {
 protected:
  [[nodiscard]] std::string dir() const { return (dir_ / "demo").string(); }
  ServerProcess& start(std::vector<std::string> more = {}) {
    more.emplace_back("--no-traffic");
    server_.emplace("demo", dir(), std::move(more));
    http_.emplace(server_->port());
    return *server_;
  }
  HttpClient& http() { return *http_; }
  std::string head() { return http().get("/v1/log/head").at("/position"); }

  TempDirectory dir_;
  std::optional<ServerProcess> server_;
  std::optional<HttpClient> http_;
};

}  // namespace stele::test
