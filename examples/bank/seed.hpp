// seed.hpp - the past of the demo's bank: half a year of bookings, the same on every machine for the same
// seed. Not random at run time and not a load generator (that is traffic.hpp).
//
// Whatever the seed, three accounts stand where the documentation says:
//   acct-42   203 events, balance 5320.50
//   acct-99    87 events, balance 12000.00
//   acct-13   204 events: 200.00, then 3400.00 (v201), 2900.00 (v202), -100.00 (v203). Two withdrawals were
//             both decided on v201 and written without a check of the version: the race that a correct program
//             cannot have, planted for tools that find such things.
// Everything lies between first_day and base_date, so "as of 2026-03-01" is in the middle.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stele/store.hpp"

namespace bank {

inline constexpr stele::Timestamp first_day{std::chrono::sys_days{std::chrono::year{2025} / 11 / 3}};
inline constexpr stele::Timestamp base_date{std::chrono::sys_days{std::chrono::year{2026} / 5 / 1}};

// One event of the past, with the place it takes.
struct PastEvent {
  std::string stream;
  std::uint64_t revision = 0;
  stele::Timestamp at;
  stele::NewEvent event;
};

// All of it, in the order of the log.
[[nodiscard]] std::vector<PastEvent> past(std::uint64_t seed);

// Appends the past to an empty store, or what is missing of it to a store whose seeding was interrupted; any
// other store is left alone. Answers how many events were written. Ids follow from the seed, so doing it
// twice is harmless.
stele::result<std::uint64_t> seed(stele::EventStore& store, std::uint64_t seed);

}  // namespace bank
