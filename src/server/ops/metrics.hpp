// metrics.hpp - what /metrics shows. Labels are bounded: route patterns, never paths, streams or users.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stele/app.hpp"
#include "stele/store.hpp"

namespace stele::server {

enum class AppendOutcome : std::uint8_t { ok, conflict, invalid, denied, unavailable };
enum class LiveKind : std::uint8_t { http, sse };

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // Once, before requests come: one slot per route, and one more (index = size) for what matched none.
  void declare_routes(const std::vector<std::string>& patterns);

  void request_done(std::size_t route, std::string_view method, int status, std::chrono::nanoseconds took);
  // One append through the store API, whatever came of it; events and bytes count on success only.
  void append_done(AppendOutcome outcome, std::size_t events, std::size_t bytes,
                   std::chrono::nanoseconds took);
  void events_read(std::string_view kind, std::uint64_t count);
  void consistency_wait(bool reached, std::chrono::nanoseconds took);
  // +1 and -1.
  void connection(LiveKind kind, int change);
  void live_fell_behind();

  // Prometheus text. `head` and what `collectors` give are added to what was counted.
  [[nodiscard]] std::string render(const Head& head,
                                   const std::vector<std::function<std::vector<Metric>()>>& collectors) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stele::server
