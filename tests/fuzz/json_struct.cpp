// json_struct.cpp - any text as the JSON of a struct with everything in it that records, snapshots and commands are
// made of: refused with a place, or written again and read back the same.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/decimal.hpp"
#include "stele/wire.hpp"

namespace {

struct Leaf {
  std::string name;
  std::optional<std::int64_t> count;
  bool operator==(const Leaf&) const = default;
};

struct Whole {
  stele::Uuid id;
  stele::Timestamp at;
  stele::Money amount;
  std::uint64_t position = 0;
  bool done = false;
  std::vector<Leaf> leaves;
  std::map<std::string, std::int64_t> by_name;
  bool operator==(const Whole&) const = default;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = stele::from_json<Whole>(text);
  if (!value) {
    if (value.error().message().empty()) __builtin_trap();
    return 0;
  }
  const auto again = stele::from_json<Whole>(std::string_view(stele::to_json(*value)));
  if (!again || !(*again == *value)) __builtin_trap();
  return 0;
}
