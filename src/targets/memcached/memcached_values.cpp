// memcached_values.cpp - reading and writing values with their marks, and changing them once for each event.
#include "targets/memcached/memcached_values.hpp"

#include <charconv>

#include "base/assert.hpp"

namespace stele {
namespace targets {
namespace {

constexpr std::size_t longest_key = 180;

std::string text_of_mark(const MarkedValue::Mark& mark) {
  return std::to_string(mark.first) + '.' + std::to_string(mark.second);
}

// Where it ends; null when there is none.
const char* read_mark(const char* begin, const char* end, MarkedValue::Mark& mark) {
  const auto [dot, no_position] = std::from_chars(begin, end, mark.first);
  if (no_position != std::errc{} || dot == end || *dot != '.') return nullptr;
  const auto [behind, no_change] = std::from_chars(dot + 1, end, mark.second);
  return no_change == std::errc{} ? behind : nullptr;
}

}  // namespace

std::string text_of(const MarkedValue& marked) {
  std::string text = text_of_mark(marked.mark);
  for (const auto& mark : marked.late) text += '~' + text_of_mark(mark);
  return text + (marked.value ? '+' : '-') + marked.value.value_or(std::string{});
}

result<MarkedValue> marked_in(std::string_view text, std::string_view key) {
  MarkedValue marked;
  const char* const end = text.data() + text.size();
  const char* at = read_mark(text.data(), end, marked.mark);
  while (at && at != end && *at == '~') at = read_mark(at + 1, end, marked.late.emplace_back());
  if (at && at != end && (*at == '+' || *at == '-')) {
    if (*at == '+') marked.value.emplace(at + 1, end);
    return marked;
  }
  return Error(errc::corrupt, "Memcached: the value of this key was not written by a projection")
      .with("key", std::string(key));
}

result<void> check_cache_key(std::string_view key) {
  const auto fits = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f'; };
  if (!key.empty() && key.size() <= longest_key && std::ranges::all_of(key, fits)) return {};
  return Error(errc::invalid, "Memcached: a key has 1 to 180 bytes, without blanks and control characters")
      .with("key", std::string(key));
}

result<MemcachedBatch::Entry*> MemcachedBatch::entry(std::string_view key) {
  if (const auto found = entries.find(key); found != entries.end()) return &found->second;
  STELE_TRY(const auto item, link->get(prefix + std::string(key)));
  Entry made;
  if (item) {
    made.token = item->token;
    STELE_TRY(made.now, marked_in(item->bytes, key));
  }
  return &entries.emplace(std::string(key), std::move(made)).first->second;
}

// Late ones that are not parked any more are through, and need not be known by the value any longer.
void MemcachedBatch::note_change(MarkedValue& value, const MarkedValue::Mark& by) const {
  value.mark = std::max(value.mark, by);
  std::erase_if(value.late, [&](const MarkedValue::Mark& one) {
    return !parked.contains(Position(one.first)) || (is_late() && one.first == by.first);
  });
  if (is_late()) value.late.push_back(by);
}

}  // namespace targets

// An event that is delivered again does nothing to the values it had reached, and the rest to the others.
result<void> MemcachedModel::update(std::string_view key, const Change& change) {
  STELE_CHECK(targets::check_cache_key(key));
  STELE_TRY(auto* entry, batch_->entry(key));
  STELE_ASSERT(batch_->position > 0, "values are changed by events", key);
  const targets::MarkedValue::Mark step{batch_->position, ++batch_->change};
  targets::MarkedValue& now = entry->now;
  if (now.has_seen(step, batch_->is_late())) return {};
  auto becomes = change(now.value ? std::optional<std::string_view>(*now.value) : std::nullopt);
  const std::uint64_t size =
      batch_->prefix.size() + key.size() + (becomes ? becomes->size() : 0) + targets::item_overhead;
  if (size > batch_->largest)
    return Error(errc::too_large, "Memcached: the value is larger than this server takes")
        .with("key", std::string(key))
        .with("size", size)
        .with("limit", batch_->largest)
        .help("start memcached with a larger -I, or keep less");
  now.value = std::move(becomes);
  batch_->note_change(now, step);
  entry->changed = true;
  return {};
}

void MemcachedModel::changed(std::string_view key) {
  if (batch_->keys.empty() || batch_->keys.back() != key) batch_->keys.emplace_back(key);
}

}  // namespace stele
