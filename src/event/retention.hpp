// retention.hpp - the events by which a stream's retention is told: their names, their form, their rules. What
// they mean for readers is the store's business.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stele/store.hpp"

namespace stele {

inline constexpr std::string_view metadata_type = "$metadata";
inline constexpr std::string_view tombstone_type = "$tombstone";
inline constexpr std::string_view metadata_prefix = "$$";

// As a value of $tb: everything that the stream had when this was written (what KurrentDB's clients write to
// delete a stream).
inline constexpr Revision truncate_all{0x7FFF'FFFF'FFFF'FFFF};

[[nodiscard]] inline bool is_metadata_stream(std::string_view name) {
  return name.starts_with(metadata_prefix);
}
// "order-1" of "$$order-1".
[[nodiscard]] std::string_view stream_of_metadata(std::string_view metadata_stream);

// From the data of a $metadata event. invalid: not a JSON object, or a value that makes no sense.
[[nodiscard]] result<Retention> parse_retention(std::string_view json);
// `present` (the data of the event before, or empty) with its three members replaced; the others keep their bytes.
[[nodiscard]] result<std::string> with_retention(std::string_view present, const Retention& keep);

// What an append must keep to besides check_stream_name() and check_event(): only $metadata in a metadata stream,
// and $tombstone only at the very end of another one. Errors: invalid.
[[nodiscard]] result<void> check_store_events(const StreamWrite& write);

}  // namespace stele
