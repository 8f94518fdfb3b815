// redis_link.hpp - one connection to Redis: words out, an answer in. Knows nothing of models.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stele/targets.hpp"

struct redisContext;

namespace stele::targets {

// Threading: one thread at a time. After an error of a lost connection broken() holds.
class RedisLink {
 public:
  using Words = std::vector<std::string>;

  static result<std::unique_ptr<RedisLink>> connect(const RedisServer& server);

  [[nodiscard]] bool broken() const { return broken_; }
  // An error that Redis answers is an Error, its first word the fact "redis".
  result<RedisValue> ask(std::span<const std::string> words);
  result<RedisValue> ask(std::initializer_list<std::string> words) { return ask(std::span(words)); }
  // Several commands in one round trip; the answers in their order. The first error ends it.
  result<std::vector<RedisValue>> ask_all(std::span<const Words> commands);
  // A script by its SHA, sent in full only to a server that does not know it.
  result<RedisValue> run_script(const std::string& lua, const std::string& key,
                                std::span<const std::string> arguments);

 private:
  struct Close {
    void operator()(redisContext* context) const;
  };
  explicit RedisLink(redisContext* context) : context_(context) {}
  result<void> send(std::span<const std::string> words);
  result<RedisValue> receive();
  Error lost();
  std::unique_ptr<redisContext, Close> context_;
  bool broken_ = false;
};

}  // namespace stele::targets
