// backup_list.cpp - any text as a backup's list, its checksum made right first: what is accepted is written and read
// back unchanged, and names no file outside the backup. And any text as a range of history.
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/crc32c.hpp"
#include "cli/range.hpp"
#include "engine/backup/backup_list.hpp"

namespace {

void look(std::string_view text) {
  const auto list = stele::engine::parse_backup_list(text);
  if (!list) {
    if (list.error().help().empty()) __builtin_trap();
    return;
  }
  const auto again = stele::engine::parse_backup_list(stele::engine::encode_backup_list(*list));
  if (!again || !(*again == *list)) __builtin_trap();
  if (list->records && list->records->file.find('/') != std::string::npos) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  (void)stele::cli::parse_range(text);
  look(text);
  text = "stele backup\nformat 1.0\n" + text;
  char sum[24];
  std::snprintf(sum, sizeof sum, "crc32c %08x\n", stele::base::crc32c(text));
  look(text + sum);
  return 0;
}
