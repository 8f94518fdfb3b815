// bank_fixture.hpp - the whole bank in the test's own process: store, read models, server on a free port.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "bank/bank.hpp"
#include "bank/seed.hpp"
#include "support/http_client.hpp"
#include "support/temp_directory.hpp"

namespace bank::test {

using stele::test::Headers;
using stele::test::HttpClient;
using stele::test::Reply;
using stele::test::SseClient;

class BankTest : public testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override { stop(); }

  void start() {
    auto opened = stele::open(dir_ / "store");
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = *std::move(opened);
    ASSERT_TRUE(seed(*store_, 42));
    auto bank = Bank::open(*store_, dir_ / "models", {.watch_after = base_date});
    ASSERT_TRUE(bank) << bank.error().to_string();
    bank_ = *std::move(bank);
    app_ = std::make_unique<stele::App>("bank", "1");
    bank_->attach(*app_);
    stele::ServerOptions options;
    options.port = 0;
    options.body_bytes = 64u << 10;
    options.log_requests = false;
    auto server = stele::Server::start(*store_, app_.get(), options);
    ASSERT_TRUE(server) << server.error().to_string();
    server_ = *std::move(server);
    http_ = std::make_unique<HttpClient>(server_->port());
    for (auto* runner : bank_->projections().runners())
      ASSERT_TRUE(runner->wait(store_->head().position, std::chrono::seconds(60)));
  }
  void stop() {
    http_.reset();
    server_.reset();
    app_.reset();
    bank_.reset();
    store_.reset();
  }
  void restart() {
    stop();
    start();
  }

  Reply get(const std::string& target, const Headers& headers = {}) { return http_->get(target, headers); }
  Reply post(const std::string& target, std::string_view body, const Headers& headers = {}) {
    return http_->post(target, body, headers);
  }
  std::uint64_t head() { return store_->head().position.value(); }
  void hold_back(std::chrono::milliseconds pause) {
    for (auto* runner : bank_->projections().runners()) runner->hold_back(pause);
  }

  stele::test::TempDirectory dir_;
  std::unique_ptr<stele::EventStore> store_;
  std::unique_ptr<Bank> bank_;
  std::unique_ptr<stele::App> app_;
  std::unique_ptr<stele::Server> server_;
  std::unique_ptr<HttpClient> http_;
};

}  // namespace bank::test
