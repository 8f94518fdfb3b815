// retention.hpp - the events by which a stream's retention is told: their names, their form, their rules. What
// they mean for readers is the store's business.
#pragma once

#include <functional>
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

// The newest metadata event of a stream, as whoever is about to replace it has read it.
struct SeenMetadata {
  std::string data;          // empty: there is none
  ExpectedVersion revision;  // what to expect of the metadata stream so that nobody comes in between
};

// Writes what `change` makes of the newest metadata, and makes it anew when somebody came in between: nobody's change
// is lost. An `expected` that the caller knows holds for the first try, which is the only one. Errors: those of
// `change` and of set_retention().
[[nodiscard]] result<AppendResult> change_retention(
    EventStore& store, std::string_view stream,
    const std::function<result<Retention>(const SeenMetadata&)>& change, ExpectedVersion expected = {});

// The appends that set_retention(), delete_stream() and tombstone_stream() are made of. Deleting is about a stream
// that ends at `last`; unless `expected` says more, it fails when the stream has grown beyond.
[[nodiscard]] result<AppendRequest> retention_request(std::string_view stream, const SeenMetadata& seen,
                                                      const Retention& keep, ExpectedVersion expected);
[[nodiscard]] result<AppendRequest> deletion_request(std::string_view stream, const SeenMetadata& seen,
                                                     Revision last, ExpectedVersion expected);
[[nodiscard]] result<AppendRequest> tombstone_request(std::string_view stream, ExpectedVersion expected);

// What an append must keep to besides check_stream_name() and check_event(): only $metadata in a metadata stream,
// and $tombstone only at the very end of another one. Errors: invalid.
[[nodiscard]] result<void> check_store_events(const StreamWrite& write);

}  // namespace stele
