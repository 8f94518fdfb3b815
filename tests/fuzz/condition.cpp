// condition.cpp - any text as a condition, and as a declared fold: read or refused with a place, and asked of an event
// without looking beyond it. What the condition sees is the rest of the input.
#include <cstdint>
#include <string>
#include <string_view>

#include "history/expression.hpp"
#include "history/folds.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stele;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto text = all.substr(0, all.find('\0'));
  const auto rest = all.substr(std::min(all.size(), text.size() + 1));
  const std::string json(rest.empty() ? std::string_view(R"({"a":[1,"2",{"b":null}],"c":-1.5e2})") : rest);
  EventView event{.position = Position(1),
                  .revision = Revision(0),
                  .recorded_at = {},
                  .id = {},
                  .stream = "A-1",
                  .type = "Happened",
                  .content_type = json_content,
                  .data = json,
                  .metadata = json,
                  .tags = {}};
  if (const auto condition = history::Expression::parse(text)) {
    const history::Seen seen{&event, json, json};
    const bool first = condition->holds(seen);
    if (first != condition->holds(seen)) __builtin_trap();                         // it only looks
    if (!history::Expression::parse("not (" + condition->text() + ")")) return 0;  // one level too deep
    if (history::Expression::parse("not (" + condition->text() + ")")->holds(seen) == first) __builtin_trap();
  } else if (text.size() <= history::Expression::longest && condition.error().message().empty()) {
    __builtin_trap();
  }
  if (const auto folds = history::declared_folds(text, "f")) {
    for (const auto& fold : *folds) {
      const auto one = fold.begin();
      (void)one->take(event);
      if (!one->state()) __builtin_trap();
    }
  }
  return 0;
}
