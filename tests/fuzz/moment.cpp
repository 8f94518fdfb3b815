// moment.cpp - any text as a place in history, a time, a stream name or a decimal: never beyond the text, and what
// is accepted reads back from its own form.
#include <cstdint>
#include <string>
#include <string_view>

#include "stele/decimal.hpp"
#include "stele/event.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stele;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto moment = parse_moment(text)) {
    if (const auto* time = std::get_if<Timestamp>(&moment->at)) {
      const auto again = parse_moment(to_string(*time));
      if (!again || !(*again == *moment)) __builtin_trap();
    }
  } else if (moment.error().help().empty()) {
    __builtin_trap();  // a refusal says what would be right
  }
  if (const auto money = Money::parse(text)) {
    const auto again = Money::parse(to_string(*money));
    if (!again || *again != *money) __builtin_trap();
  }
  if (check_stream_name(text) && !text.starts_with(category_of(text))) __builtin_trap();
  return 0;
}
