// event_json.hpp - the one JSON form of a stored event: what the server answers, `export` writes, `import`
// reads. Not a general JSON writer, and not how the log stores events.
//
//   {"global_position":7,"stream_id":"BankAccount-1","stream_position":0,"id":"01890a5d-…","event_type":"Opened",
//    "data":{"amount":10.50},"metadata":null,"tags":["a"],"content_type":"application/json",
//    "created_at":"2026-03-01T10:00:00.000000Z"}
//
// Payload bytes are never re-encoded. `data` holds the stored bytes themselves when the content is JSON and
// they are well-formed; other bytes go base64 under `data_base64` instead. The text is always ONE line, so
// NDJSON and SSE can use it as it is: JSON stored with line breaks (shown as spaces) or with blanks around
// it carries the exact bytes under `data_base64` beside `data`; no bytes at all are
// `"data":null,"data_base64":""`. The rule for readers: where `data_base64` is present, it is the truth.
// Metadata follows the same rules under `metadata` and `metadata_base64`, except that `null` alone means
// "none".
#pragma once

#include <string>
#include <string_view>

#include "stele/event.hpp"

namespace stele {

// Appends the object, without a line break behind it.
void append_event_json(std::string& out, const EventView& event);
void append_event_json(std::string& out, const RecordedEvent& event);

// Whether the content type says JSON: application/json or anything ending in "+json", parameters ignored.
[[nodiscard]] bool is_json_content(std::string_view content_type);

// The reverse, exact to the byte. Needs stream_id, id, event_type, created_at and data (or data_base64); the
// positions count as 0 and the rest as empty when missing; members it does not know are skipped.
// Errors: invalid, the message naming the member.
[[nodiscard]] result<RecordedEvent> parse_event_json(std::string_view line);

// What an append needs of a stored event: everything but the numbers the store gives.
[[nodiscard]] NewEvent to_new_event(RecordedEvent event);

}  // namespace stele
