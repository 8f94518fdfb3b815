// watermark.cpp - publishing and reading seven words so that no mixture of two marks is ever taken for one.
#include "engine/log/watermark.hpp"

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace stele::engine::log {
namespace {

using Words = WatermarkWords;

// A publisher is between its first and its last word for nanoseconds; whoever still sees a mixture after this
// many looks reads the page of one that died there.
constexpr int patience = 1000;

void put_store(Words& words, const Uuid& store) {
  const auto* const bytes = reinterpret_cast<const char*>(store.bytes().data());
  words.values[Words::store] = base::load_le<std::uint64_t>(bytes);
  words.values[Words::store + 1] = base::load_le<std::uint64_t>(bytes + 8);
}

Words load_words(const io::SharedPage& page) {
  Words words;
  for (std::size_t i = 0; i < words.values.size(); ++i) words.values[i] = page.load(i);
  return words;
}

}  // namespace

std::uint64_t WatermarkWords::expected_check() const {
  std::array<char, 8 * check> bytes{};
  for (std::size_t i = 0; i < check; ++i) base::store_le<std::uint64_t>(bytes.data() + 8 * i, values[i]);
  const std::uint64_t crc = base::crc32c({bytes.data(), bytes.size()});
  return crc | (~crc << 32);
}

void Watermark::publish(const Mark& mark) {
  const auto before = read();
  STELE_ASSERT(!before || before->durable <= mark.durable, "what is durable stays durable",
               mark.durable.value());
  Words words;
  words.values[Words::magic] = Words::magic_value;
  put_store(words, store_);
  words.values[Words::durable] = mark.durable.value();
  words.values[Words::segment] = mark.segment.value();
  words.values[Words::offset] = mark.offset;
  words.values[Words::check] = words.expected_check();
  STELE_ASSERT(words.whole(), "what is published is a whole mark", mark.durable.value(), mark.offset);
  for (std::size_t i = 0; i < words.values.size(); ++i) page_->store(i, words.values[i]);
  page_->notify();
}

std::optional<Mark> Watermark::read() const {
  Words mine;
  put_store(mine, store_);
  for (int look = 0; look < patience; ++look) {
    const auto words = load_words(*page_);
    if (words.values[Words::magic] == 0) return std::nullopt;
    if (!words.whole()) continue;
    if (words.values[Words::store] != mine.values[Words::store] ||
        words.values[Words::store + 1] != mine.values[Words::store + 1]) {
      return std::nullopt;
    }
    return Mark{Position(words.values[Words::durable]), Position(words.values[Words::segment]),
                words.values[Words::offset]};
  }
  return std::nullopt;
}

}  // namespace stele::engine::log
