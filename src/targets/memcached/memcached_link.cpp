// memcached_link.cpp - libmemcached behind MemcachedLink. The only place that sees memcached.h.
#include "targets/memcached/memcached_link.hpp"

#include <libmemcached/memcached.h>

#include <string_view>
#include <utility>

#include "base/assert.hpp"

namespace stele::targets {
namespace {

constexpr std::uint64_t memcached_connect_ms = 10'000;
constexpr std::uint64_t memcached_answer_us = 30'000'000;

struct FreeItem {
  void operator()(memcached_result_st* item) const { memcached_result_free(item); }
};

// Others come from the connection, and end it.
errc kind_of_return(memcached_return_t code) {
  switch (code) {
    case MEMCACHED_E2BIG:
      return errc::too_large;
    case MEMCACHED_SERVER_MEMORY_ALLOCATION_FAILURE:
    case MEMCACHED_SERVER_ERROR:
      return errc::disk_full;
    case MEMCACHED_BAD_KEY_PROVIDED:
    case MEMCACHED_KEY_TOO_BIG:
    case MEMCACHED_INVALID_ARGUMENTS:
    case MEMCACHED_CLIENT_ERROR:
      return errc::invalid;
    default:
      return errc::unavailable;
  }
}

struct Wanted {
  std::string_view name;
  std::string value;
};

memcached_return_t take_setting(const memcached_instance_st*, const char* key, size_t key_length,
                                const char* value, size_t length, void* context) {
  auto* const wanted = static_cast<Wanted*>(context);
  if (std::string_view(key, key_length) == wanted->name) wanted->value.assign(value, length);
  return MEMCACHED_SUCCESS;
}

}  // namespace

void MemcachedLink::Close::operator()(memcached_st* server) const { memcached_free(server); }

// The library connects with the first question, so one is asked here.
result<std::unique_ptr<MemcachedLink>> MemcachedLink::connect(const MemcachedServer& server) {
  memcached_st* const made = memcached_create(nullptr);
  STELE_ASSERT(made != nullptr, "there is memory for a connection", server.host);
  std::unique_ptr<MemcachedLink> link(new MemcachedLink(made));
  memcached_behavior_set(made, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1);
  memcached_behavior_set(made, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
  memcached_behavior_set(made, MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, memcached_connect_ms);
  memcached_behavior_set(made, MEMCACHED_BEHAVIOR_RCV_TIMEOUT, memcached_answer_us);
  memcached_behavior_set(made, MEMCACHED_BEHAVIOR_SND_TIMEOUT, memcached_answer_us);
  if (const auto added = memcached_server_add(made, server.host.c_str(), server.port);
      added != MEMCACHED_SUCCESS)
    return link->failed(added, {});
  STELE_CHECK(link->setting("item_size_max"));
  return link;
}

Error MemcachedLink::failed(int code, const std::string& key) {
  const auto known = static_cast<memcached_return_t>(code);
  const errc kind = kind_of_return(known);
  broken_ = broken_ || kind == errc::unavailable;
  Error why(kind, std::string(broken_ ? "Memcached: the connection is lost: " : "Memcached: ") +
                      memcached_strerror(server_.get(), known));
  if (kind == errc::disk_full) why = std::move(why).help("give it more memory (-m)");
  return key.empty() ? why : std::move(why).with("key", key);
}

result<std::optional<CachedItem>> MemcachedLink::get(const std::string& key) {
  const char* const keys[] = {key.data()};
  const size_t lengths[] = {key.size()};
  if (const auto sent = memcached_mget(server_.get(), keys, lengths, 1); sent != MEMCACHED_SUCCESS)
    return failed(sent, key);
  std::optional<CachedItem> found;
  while (true) {
    memcached_return_t code = MEMCACHED_SUCCESS;
    const std::unique_ptr<memcached_result_st, FreeItem> item(
        memcached_fetch_result(server_.get(), nullptr, &code));
    if (item != nullptr) {
      found = CachedItem{{memcached_result_value(item.get()), memcached_result_length(item.get())},
                         memcached_result_cas(item.get())};
    } else if (code == MEMCACHED_END || code == MEMCACHED_NOTFOUND || code == MEMCACHED_SUCCESS) {
      return found;
    } else {
      return failed(code, key);
    }
  }
}

result<bool> MemcachedLink::put(const std::string& key, const std::string& bytes, std::uint64_t token,
                                std::int64_t lifetime) {
  const auto done = token == 0 ? memcached_add(server_.get(), key.data(), key.size(), bytes.data(),
                                               bytes.size(), lifetime, 0)
                               : memcached_cas(server_.get(), key.data(), key.size(), bytes.data(),
                                               bytes.size(), lifetime, 0, token);
  if (done == MEMCACHED_SUCCESS || done == MEMCACHED_STORED) return true;
  if (done == MEMCACHED_DATA_EXISTS || done == MEMCACHED_NOTSTORED || done == MEMCACHED_NOTFOUND)
    return false;
  return failed(done, key);
}

result<std::string> MemcachedLink::setting(const std::string& name) {
  Wanted wanted{name, {}};
  const auto done = memcached_stat_execute(server_.get(), "settings", take_setting, &wanted);
  if (done != MEMCACHED_SUCCESS) return failed(done, {});
  return wanted.value;
}

}  // namespace stele::targets
