// system_error.hpp - errno as one of stele's errors. The one place that decides which kind a failed call is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "stele/result.hpp"

namespace stele::io {

// What was being done decides between the kinds that an errno alone leaves open: a device that cannot read
// what it holds is `corrupt`, one that cannot write is `unavailable`.
enum class Doing : std::uint8_t { reading, writing };

// "cannot sync data/log/x.seg: Input/output error". Facts: path, errno (the number).
[[nodiscard]] Error system_error(std::string_view verb, const std::filesystem::path& path, int number,
                                 Doing doing = Doing::writing);

}  // namespace stele::io
