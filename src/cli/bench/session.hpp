// session.hpp - what the fronts of `stele bench` have in common: where to measure, how long to look at the disk
// first, what the log of the options is. Nothing is measured here.
#pragma once

#include <filesystem>
#include <string>

#include "cli/bench/log_source.hpp"
#include "cli/options.hpp"
#include "cli/output/json_object.hpp"
#include "cli/session.hpp"

namespace stele::cli::bench {

// Measurements in a directory only: --url is refused, and so are two places.
result<void> check_only_directory(const Session& session);
// At most one place; a server is fine.
result<void> check_one_place(const Session& session);

// `events_each`: in a stream, where the number of streams was left open.
[[nodiscard]] LogPlan plan_of(const BenchLogOptions& options, std::uint64_t events_each = 100);
// "1,000,000 events of 256 B in 10,000 streams, in turn"
[[nodiscard]] std::string log_text(const LogPlan& plan);
[[nodiscard]] JsonObject log_facts(const LogPlan& plan);

// Seconds per size of looking at the disk: less for measurements that are short themselves.
[[nodiscard]] double probe_seconds_for(double measured_seconds);
[[nodiscard]] double probe_seconds_for(const LogPlan& plan);

}  // namespace stele::cli::bench
