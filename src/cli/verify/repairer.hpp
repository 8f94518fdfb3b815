// repairer.hpp - the repairs of a store that cannot lose an acknowledged event, first told and then, when asked for,
// made. Damage to acknowledged bytes is none of them: it is told with what to do instead.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stele/result.hpp"
#include "stele/types.hpp"

namespace stele::cli {

// What each repair does, and why it loses nothing:
//   cut_tail       zeros over bytes behind the log's end that were never acknowledged, as every opening does
//   mend_header    the damaged copy of a segment's header is written again from the whole one
//   remove_file    an unfinished file (*.tmp), never read
//   remake_index   an index file that is damaged goes, and comes back from the log
//   remake_mark    a watermark page that says nothing goes, and comes back at the next opening
//   remake_manifest  MANIFEST is written again from what every segment's header says
enum class RepairKind : std::uint8_t {
  cut_tail,
  mend_header,
  remove_file,
  remake_index,
  remake_mark,
  remake_manifest
};
[[nodiscard]] std::string_view name_of(RepairKind kind);

struct Repair {
  RepairKind kind{};
  std::string file;  // in the store's directory
  std::string what;
  bool done = false;
};

// Damage that no repair undoes.
struct Refusal {
  Position first;  // 0 and 0: every event can be read
  Position last;
  std::string file;
  std::string what;
  std::string help;
};

struct RepairPlan {
  std::vector<Repair> repairs;
  std::vector<Refusal> refusals;
};

// Looks, and changes nothing. Errors: not_found when there is no store, invalid when it needs a newer program.
[[nodiscard]] result<RepairPlan> plan_repairs(const std::string& directory);
// Makes what was planned, durably, in an order in which a crash leaves the store no worse; with refusals in the plan
// too, for the repairs do not touch what is damaged. Errors: busy (somebody has the store open for writing), and those
// of the disk; what was done by then is marked.
result<void> make_repairs(const std::string& directory, RepairPlan& plan);

}  // namespace stele::cli
