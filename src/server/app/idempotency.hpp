// idempotency.hpp - Idempotency-Key: one effect and one answer per key, also after a restart. Remembers answers;
// that a repeat after a crash has no second effect is the business of the event ids derived from the key.
//
// Only the outcome of a decision is kept: 2xx and 422. Everything else had no effect, so a repeat is tried anew.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "stele/app.hpp"
#include "stele/store.hpp"

namespace stele::server {

class Idempotency {
 public:
  explicit Idempotency(Records& records) : records_(records) {}

  // Nothing: go on, and call end() when there is an answer. Otherwise the answer to give: the stored one, or a
  // problem (another request under this key, one that still runs). Blocks.
  [[nodiscard]] result<std::optional<Response>> begin(const Request& request);
  // Keeps the answer if it is one to keep, durably, and lets the next request with the key in. Blocks.
  result<void> end(const Request& request, const Response& answer);
  // Forgets answers recorded before `time`. Blocks.
  result<std::uint64_t> forget_before(Timestamp time);

 private:
  // Nothing: the key was free and is taken now.
  [[nodiscard]] std::optional<Response> running_answer(const std::string& key, const std::string& print);
  // Lets the next request with the key in.
  void release(const std::string& key);

  Records& records_;
  std::mutex mutex_;
  std::map<std::string, std::string> running_;  // key -> fingerprint of its request
};

// The id of the n-th event of an append under a key.
[[nodiscard]] Uuid event_id_of_key(std::string_view key, std::size_t index);

}  // namespace stele::server
