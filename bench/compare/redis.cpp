// redis.cpp - Redis Streams: a Lua script checks the length of the stream's own Redis stream and adds to it and to the
// stream of everything; appendonly with appendfsync always. Pipelined commands share one sync per round of its loop.
#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include "rival.hpp"

namespace stele::compare {
namespace {

// KEYS: the stream, everything. ARGV: expected length, name, type, then id and payload of each event.
constexpr auto script = R"(
  if redis.call('XLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return redis.error_reply('conflict') end
  for i = 4, #ARGV, 2 do
    local at = redis.call('XADD', KEYS[2], '*', 's', ARGV[2], 't', ARGV[3], 'i', ARGV[i], 'd', ARGV[i + 1])
    redis.call('XADD', KEYS[1], '*', 'at', at, 't', ARGV[3], 'i', ARGV[i], 'd', ARGV[i + 1])
  end
  return 1)";
constexpr std::string_view everything = "all";
constexpr std::size_t replay_page = 1000;
constexpr std::size_t fill_in_flight = 2000;

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

std::string_view view_of(const redisReply* reply) { return {reply->str, reply->len}; }

// One connection with the script loaded. Words are sent and answers read separately, so that a pipeline is the same
// thing with more words in between.
class RedisLink {
 public:
  result<void> open(int port) {
    context_.reset(redisConnect("127.0.0.1", port));
    if (!context_ || context_->err != 0) return failed();
    STELE_CHECK(send({"SCRIPT", "LOAD", script}));
    STELE_TRY(const auto loaded, receive());
    script_id_ = view_of(loaded.get());
    return {};
  }

  result<void> send(const std::vector<std::string_view>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const auto word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    const int sent =
        redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data());
    return sent == REDIS_OK ? result<void>() : failed();
  }
  result<void> send(const Append& append) {
    const auto expected = fmt::format("{}", append.expected);
    std::vector<std::string> ids;
    for (std::uint64_t i = 0; i < append.count; ++i) ids.push_back(id_text(fresh_id()));
    std::vector<std::string_view> words{"EVALSHA",  script_id_, "2",           append.stream,
                                        everything, expected,   append.stream, event_type};
    for (const auto& id : ids) {
      words.push_back(id);
      words.push_back(payload());
    }
    return send(words);
  }
  result<Reply> receive() {
    void* raw = nullptr;
    if (redisGetReply(context_.get(), &raw) != REDIS_OK) return failed();
    Reply reply(static_cast<redisReply*>(raw));
    if (reply->type == REDIS_REPLY_ERROR)
      return Error(errc::unavailable, fmt::format("Redis: {}", view_of(reply.get())));
    return reply;
  }

 private:
  Error failed() {
    return {errc::unavailable, fmt::format("Redis: {}", context_ ? context_->errstr : "out of memory")};
  }
  std::unique_ptr<redisContext, FreeContext> context_;
  std::string script_id_;
};

class RedisConnection final : public Connection {
 public:
  explicit RedisConnection(RedisLink link) : link_(std::move(link)) {}
  result<void> append(const Append& append) override {
    STELE_CHECK(link_.send(append));
    STELE_CHECK(link_.receive());
    return {};
  }

 private:
  RedisLink link_;
};

// Answers come in the order of the commands. Everything sent is awaited, as it shares a sync.
class RedisPipeline final : public Pipeline {
 public:
  explicit RedisPipeline(RedisLink link) : link_(std::move(link)) {}
  result<void> send(const Append& append, std::uint32_t slot) override {
    sent_.push_back(slot);
    return link_.send(append);
  }
  result<void> receive(std::vector<std::uint32_t>& slots) override {
    for (std::size_t i = 0; i < sent_.size(); ++i) STELE_CHECK(link_.receive());
    slots.clear();
    slots.swap(sent_);
    return {};
  }

 private:
  RedisLink link_;
  std::vector<std::uint32_t> sent_;
};

class Redis final : public Rival {
 public:
  explicit Redis(int port) : port_(port) {}
  result<void> open() { return link_.open(port_); }

  [[nodiscard]] std::string durability() const override { return "appendonly, appendfsync always"; }
  result<std::unique_ptr<Connection>> connect() override {
    RedisLink link;
    STELE_CHECK(link.open(port_));
    return std::make_unique<RedisConnection>(std::move(link));
  }
  result<std::unique_ptr<Pipeline>> pipeline() override {
    RedisLink link;
    STELE_CHECK(link.open(port_));
    return std::make_unique<RedisPipeline>(std::move(link));
  }
  result<void> append_all(std::span<const Append> appends) override {
    for (; !appends.empty(); appends = appends.subspan(std::min(appends.size(), fill_in_flight))) {
      const auto part = appends.first(std::min(appends.size(), fill_in_flight));
      for (const auto& append : part) STELE_CHECK(link_.send(append));
      for (std::size_t i = 0; i < part.size(); ++i) STELE_CHECK(link_.receive());
    }
    return {};
  }

  result<std::uint64_t> replay(const OnEvent& event) override {
    std::string from = "-";
    const auto count = fmt::format("{}", replay_page);
    std::uint64_t events = 0;
    while (true) {
      STELE_CHECK(link_.send({"XRANGE", everything, from, "+", "COUNT", count}));
      STELE_TRY(const auto page, link_.receive());
      if (page->elements == 0) return events;
      for (std::size_t i = 0; i < page->elements; ++i) {
        const auto* const fields = page->element[i]->element[1];
        event(view_of(fields->element[1]), view_of(fields->element[7]));
      }
      events += page->elements;
      from = "(" + std::string(view_of(page->element[page->elements - 1]->element[0]));
    }
  }
  result<std::uint64_t> load(const std::string& stream) override {
    STELE_CHECK(link_.send({"XRANGE", stream, "-", "+"}));
    STELE_TRY(const auto page, link_.receive());
    return page->elements;
  }

 private:
  int port_;
  RedisLink link_;
};

}  // namespace

result<std::unique_ptr<Rival>> open_rival(const Place& place) {
  auto rival = std::make_unique<Redis>(place.port);
  STELE_CHECK(rival->open());
  return rival;
}

}  // namespace stele::compare
