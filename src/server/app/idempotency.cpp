// idempotency.cpp - stored answers. A record is: fingerprint, status, content type, header count, headers
// (name and value alternating), each on a line; then the body as it is.
#include "server/app/idempotency.hpp"

#include <algorithm>
#include <array>

#include "base/sha.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::string_view record_space = "idempotency";
constexpr std::string_view replayed_header = "Idempotency-Replayed";
constexpr Uuid key_namespace({0x5b, 0x0e, 0x6a, 0x0c, 0x1d, 0x9b, 0x4c, 0x55, 0x9f, 0x0b, 0x6d, 0x3a, 0x27,
                              0x41, 0x8e, 0x10});

// Headers that decide what a request does, beside its media type.
constexpr std::array<std::string_view, 3> deciding_headers{"stele-event-type", "if-match", "if-none-match"};

// The whole address counts: one key used at two of them is a mistake worth a refusal.
std::string fingerprint_of(const Request& request) {
  std::string text = request.method + "\n" + request.target + "\n" + request.content_type() + "\n";
  for (const auto name : deciding_headers) {
    const auto value = request.header(name);
    text += (value ? "=" + *value : std::string()) + "\n";
  }
  return base::sha256_hex(text + request.body);
}

std::string encode_answer(const std::string& print, const Response& answer) {
  std::string out = print + "\n" + std::to_string(answer.status) + "\n" + answer.content_type + "\n" +
                    std::to_string(answer.headers.size()) + "\n";
  for (const auto& field : answer.headers) {
    auto value = field.value;
    std::replace(value.begin(), value.end(), '\n', ' ');
    out += field.name + "\n" + value + "\n";
  }
  return out + answer.body;
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return line;
}

struct StoredAnswer {
  std::string fingerprint;
  Response response;
};

// Nothing when the record is not one of ours; the caller says so.
std::optional<StoredAnswer> decode_answer(std::string_view text) {
  StoredAnswer out;
  out.fingerprint = take_line(text);
  const auto status = parse_u64(take_line(text));
  out.response.content_type = take_line(text);
  const auto count = parse_u64(take_line(text));
  if (!status || *status > 599 || !count || *count > 1000) return std::nullopt;
  out.response.status = static_cast<int>(*status);
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto name = take_line(text);
    out.response.headers.push_back({std::string(name), std::string(take_line(text))});
  }
  out.response.body = text;
  return out;
}

// An answer that was itself recognised as a repeat says so already when it is stored.
Response mark_replayed(Response answer) {
  std::erase_if(answer.headers, [](const Field& field) { return field.name == replayed_header; });
  return std::move(answer).header(std::string(replayed_header), "true");
}

// Streams cannot be stored, and a refusal that decided nothing must not bind the next try.
bool is_kept(const Response& answer) {
  const bool decided = (answer.status >= 200 && answer.status < 300) || answer.status == 422;
  return decided && !answer.source && !answer.opened;
}

Response reused_key() {
  return Response::problem(
      Problem(422, "idempotency-key-reused", "this Idempotency-Key belongs to a request with another body")
          .help("use a new key for a new request; repeat the first one unchanged to get its answer"));
}

}  // namespace

// Requests with one key go through here one at a time, whatever thread or connection they come from.
std::optional<Response> Idempotency::running_answer(const std::string& key, const std::string& print) {
  const std::lock_guard lock(mutex_);
  const auto [found, inserted] = running_.emplace(key, print);
  if (inserted) return std::nullopt;
  if (found->second != print) return reused_key();
  return Response::problem(
      Problem(409, "request-in-progress", "the first request with this Idempotency-Key is still running")
          .retry_after(std::chrono::seconds(1)));
}

void Idempotency::release(const std::string& key) {
  const std::lock_guard lock(mutex_);
  running_.erase(key);
}

// The key stays taken only when the caller is to go on.
result<std::optional<Response>> Idempotency::begin(const Request& request) {
  const auto& key = *request.idempotency_key;
  const auto print = fingerprint_of(request);
  if (auto answer = running_answer(key, print)) return answer;
  auto stored = records_.get(record_space, key);
  if (stored && !*stored) return std::optional<Response>();
  release(key);
  if (!stored) return stored.error();
  auto answer = decode_answer(**stored);
  if (!answer) return Error(errc::corrupt, "the stored answer of this Idempotency-Key cannot be read");
  if (answer->fingerprint != print) return std::optional<Response>(reused_key());
  return std::optional<Response>(mark_replayed(std::move(answer->response)));
}

result<void> Idempotency::end(const Request& request, const Response& answer) {
  const auto& key = *request.idempotency_key;
  result<void> kept;
  if (is_kept(answer)) {
    kept = records_.put(record_space, key, encode_answer(fingerprint_of(request), answer));
  }
  release(key);
  return kept;
}

result<std::uint64_t> Idempotency::forget_before(Timestamp time) {
  return records_.erase_older(record_space, time);
}

Uuid event_id_of_key(std::string_view key, std::size_t index) {
  return Uuid::from_name(key_namespace, std::string(key) + "/" + std::to_string(index));
}

}  // namespace stele::server
