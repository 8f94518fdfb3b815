// location.hpp - the place of one event's record on disk. Where that place is kept, column or file, is not told here.
#pragma once

#include <cstdint>

namespace stele::engine {

// Which segment (its ordinal in the store) and the byte where the record begins. Offset 0 is inside a segment's
// header, so it stands for "nowhere".
struct Location {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  bool operator==(const Location&) const = default;
};

}  // namespace stele::engine
