// log_check.hpp - what one pass over the log's files has found, for the layers that compare other things with it.
#pragma once

#include <cstdint>
#include <string>

#include "cli/verify/index_agreement.hpp"
#include "cli/verify/order_check.hpp"
#include "cli/verify/retention_check.hpp"
#include "engine/log/recovery.hpp"

namespace stele::cli {

struct LogCheck {
  Uuid store;
  engine::log::RecoveryReport report;
  OrderCheck order;
  RetentionCheck retention;
  IndexAgreement agreement;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// Every page of the index files, what they say beside what the log says, and what look-ups up to `end` answer.
[[nodiscard]] result<Layer> check_index(const std::string& directory, LogCheck& check, EventStore& store,
                                        Position end);
// The page that says how far the log is durable. `known`: what it said before the log was read.
[[nodiscard]] Layer check_watermark(const std::string& directory, const LogCheck& check);
// The keyed records.
[[nodiscard]] Layer check_records_file(const std::string& directory, std::uint64_t& bytes);

}  // namespace stele::cli
