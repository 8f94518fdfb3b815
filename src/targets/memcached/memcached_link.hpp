// memcached_link.hpp - one connection to Memcached: values with the token that tells whether somebody changed them.
// Knows nothing of models.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "stele/targets.hpp"

struct memcached_st;

namespace stele::targets {

struct CachedItem {
  std::string bytes;
  std::uint64_t token = 0;
};

// Threading: one thread at a time. After an error of a lost connection broken() holds.
class MemcachedLink {
 public:
  static result<std::unique_ptr<MemcachedLink>> connect(const MemcachedServer& server);

  [[nodiscard]] bool broken() const { return broken_; }
  result<std::optional<CachedItem>> get(const std::string& key);
  // `token` 0: only where there is nothing yet. False: somebody else was there. `lifetime` in seconds, 0: for ever.
  result<bool> put(const std::string& key, const std::string& bytes, std::uint64_t token,
                   std::int64_t lifetime);
  // As the server was started: "item_size_max", "evictions"; empty when it knows no such setting.
  result<std::string> setting(const std::string& name);

 private:
  struct Close {
    void operator()(memcached_st* server) const;
  };
  explicit MemcachedLink(memcached_st* server) : server_(server) {}
  Error failed(int code, const std::string& key);
  std::unique_ptr<memcached_st, Close> server_;
  bool broken_ = false;
};

}  // namespace stele::targets
