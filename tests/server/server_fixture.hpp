// server_fixture.hpp - a server on a free port over a store in a temporary directory. Short words only; what a
// test is about stands in the test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/log.hpp"
#include "stele/app.hpp"
#include "support/http_client.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {

#if defined(STELE_SANITIZED)
inline constexpr bool slow_build = true;
#else
inline constexpr bool slow_build = false;
#endif

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    server::set_log_level(server::LogLevel::error);
    options_.port = 0;
    options_.workers = 4;
    options_.grace = std::chrono::milliseconds(2000);
    open_store();
  }
  ~ServerTest() override { stop(); }

  void open_store() {
    auto opened = open(directory_ / "store");
    if (!opened) throw std::runtime_error(opened.error().to_string());
    store_ = *std::move(opened);
  }
  void start(const App* app = nullptr) {
    auto started = Server::start(*store_, app, options_);
    if (!started) throw std::runtime_error(started.error().to_string());
    server_ = *std::move(started);
  }
  void stop() { server_.reset(); }
  // As after a crash of the server's process: everything in memory is gone.
  void restart(const App* app = nullptr) {
    stop();
    store_.reset();
    open_store();
    start(app);
  }

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] HttpClient client() const { return HttpClient(port()); }
  [[nodiscard]] std::uint64_t head() const { return store_->head().position.value(); }

  // One event directly into the store.
  void append(const std::string& stream, const std::string& type = "Happened",
              const std::string& data = "{}") {
    NewEvent event;
    event.type = type;
    event.data = data;
    append(stream, std::move(event));
  }
  void append(const std::string& stream, NewEvent event) {
    AppendRequest request;
    request.writes.push_back({stream, ExpectedVersion::any(), {std::move(event)}});
    const auto done = store_->append(std::move(request));
    if (!done) throw std::runtime_error(done.error().to_string());
  }

  // `count` equal events in one append.
  void append_many(const std::string& stream, std::size_t count, const std::string& data = "{}") {
    NewEvent event;
    event.type = "Happened";
    event.data = data;
    AppendRequest request;
    request.writes.push_back({stream, ExpectedVersion::any(), std::vector<NewEvent>(count, event)});
    const auto done = store_->append(std::move(request));
    if (!done) throw std::runtime_error(done.error().to_string());
  }

  TempDirectory directory_;
  ServerOptions options_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<Server> server_;
};

}  // namespace stele::test
