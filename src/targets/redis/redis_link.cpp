// redis_link.cpp - hiredis behind RedisLink. The only place that sees hiredis.h.
#include "targets/redis/redis_link.hpp"

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <optional>

#include "base/assert.hpp"
#include "base/sha.hpp"
#include "targets/shared/standing.hpp"

namespace stele {

std::int64_t RedisValue::integer() const { return text ? targets::integer_in(*text).value_or(0) : 0; }

namespace targets {
namespace {

constexpr timeval redis_connect_time{10, 0};
constexpr timeval redis_answer_time{60, 0};  // a batch is one script, and others may be before it

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

// An error may stand among the answers of a MULTI.
const redisReply* error_in(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_ERROR) return &reply;
  if (reply.type == REDIS_REPLY_ARRAY)
    for (std::size_t i = 0; i < reply.elements; ++i)
      if (reply.element[i]->type == REDIS_REPLY_ERROR) return reply.element[i];
  return nullptr;
}

RedisValue value_of(const redisReply& reply) {
  RedisValue value;
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      value.text = std::to_string(reply.integer);
      break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      value.text.emplace(reply.str, static_cast<std::size_t>(reply.len));
      break;
    case REDIS_REPLY_ARRAY:
      for (std::size_t i = 0; i < reply.elements; ++i) value.list.push_back(value_of(*reply.element[i]));
      break;
    default:
      break;  // nothing
  }
  return value;
}

// The first word of an error says what it is.
errc kind_of_reply(std::string_view word) {
  if (word == "OOM") return errc::disk_full;
  if (word == "LOADING" || word == "MASTERDOWN") return errc::unavailable;
  if (word == "BUSY" || word == "TRYAGAIN") return errc::busy;
  if (word == "READONLY") return errc::read_only;
  if (word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM") return errc::denied;
  return errc::invalid;
}

Error refused(std::string_view said) {
  const std::string_view word = said.substr(0, said.find(' '));
  return Error(kind_of_reply(word), "Redis: " + std::string(said)).with("redis", std::string(word));
}

std::string hex_of(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace

void RedisLink::Close::operator()(redisContext* context) const { redisFree(context); }

result<std::unique_ptr<RedisLink>> RedisLink::connect(const RedisServer& server) {
  redisContext* const context = redisConnectWithTimeout(server.host.c_str(), server.port, redis_connect_time);
  STELE_ASSERT(context != nullptr, "there is memory for a connection", server.host, server.port);
  std::unique_ptr<RedisLink> link(new RedisLink(context));
  if (context->err != 0) return link->lost().help("is the server running, and is the address right?");
  if (redisSetTimeout(context, redis_answer_time) != REDIS_OK) return link->lost();
  if (!server.password.empty()) {
    Words words{"AUTH"};
    if (!server.user.empty()) words.push_back(server.user);
    words.push_back(server.password);
    STELE_CHECK(link->ask(words));
  }
  if (server.database != 0) STELE_CHECK(link->ask({"SELECT", std::to_string(server.database)}));
  return link;
}

Error RedisLink::lost() {
  broken_ = true;
  return Error(errc::unavailable, std::string("Redis: the connection is lost: ") + context_->errstr);
}

result<void> RedisLink::send(std::span<const std::string> words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  const int sent =
      redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data());
  return sent == REDIS_OK ? result<void>() : lost();
}

result<RedisValue> RedisLink::receive() {
  void* raw = nullptr;
  if (redisGetReply(context_.get(), &raw) != REDIS_OK) return lost();
  const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(raw));
  if (const redisReply* no = error_in(*reply)) return refused({no->str, static_cast<std::size_t>(no->len)});
  return value_of(*reply);
}

result<RedisValue> RedisLink::ask(std::span<const std::string> words) {
  STELE_CHECK(send(words));
  return receive();
}

// All answers are taken, whatever the first ones say: the next question must not find them.
result<std::vector<RedisValue>> RedisLink::ask_all(std::span<const Words> commands) {
  for (const Words& words : commands) STELE_CHECK(send(words));
  std::vector<RedisValue> answers;
  std::optional<Error> first;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    auto answer = receive();
    if (answer)
      answers.push_back(*std::move(answer));
    else if (broken_)
      return answer.error();
    else if (!first)
      first = answer.error();
  }
  if (first) return *first;
  return answers;
}

result<RedisValue> RedisLink::run_script(const std::string& lua, const std::string& key,
                                         std::span<const std::string> arguments) {
  Words words{"EVALSHA", hex_of(base::sha1(lua)), "1", key};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto answer = ask(words);
  if (answer || answer.error().fact("redis") != "NOSCRIPT") return answer;
  words[0] = "EVAL";
  words[1] = lua;
  return ask(words);
}

}  // namespace targets
}  // namespace stele
