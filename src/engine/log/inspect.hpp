// inspect.hpp - every file a store writes, as text that people and programs can read. Read-only, and made for
// damaged files: it decodes what it can and says what is wrong at which byte.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "io/disk.hpp"
#include "stele/result.hpp"

namespace stele::engine::log {

enum class InspectForm : std::uint8_t { text, ndjson };

struct InspectOptions {
  InspectForm form = InspectForm::text;
  bool records = true;  // each event, not only each frame
};

struct InspectSummary {
  std::uint64_t files = 0;
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  std::uint64_t problems = 0;  // lines that told of damage
};

// One call per line, without the newline.
using LineSink = std::function<void(std::string_view line)>;

// A file of a store, or the directory of one. not_found, or invalid for a file of no known kind; damage
// inside a known file is not an error but a line, counted in `problems`.
result<InspectSummary> inspect(io::Disk& disk, const std::filesystem::path& path,
                               const InspectOptions& options, const LineSink& out);

}  // namespace stele::engine::log
