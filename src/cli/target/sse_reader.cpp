// sse_reader.cpp - the field grammar: name, colon, one optional space, value; a blank line dispatches.
#include "cli/target/sse_reader.hpp"

namespace stele::cli {

bool SseReader::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    if (line_.ends_with('\r')) line_.pop_back();
    const bool more = take_line(line_);
    line_.clear();
    if (!more) return false;
  }
  return true;
}

bool SseReader::take_line(std::string_view line) {
  if (line.empty()) return dispatch();
  const auto colon = line.find(':');
  if (colon == 0) return true;  // a comment: the heartbeat
  const auto name = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "id") message_.id = value;
  if (name == "event") message_.event = value;
  if (name != "data") return true;
  if (has_data_) message_.data += '\n';
  has_data_ = true;
  message_.data += value;
  return true;
}

// A blank line without data says nothing, unless an event was named (our control events may have no data).
bool SseReader::dispatch() {
  bool more = true;
  if (has_data_ || message_.event != "message") more = sink_(message_);
  message_.event = "message";
  message_.data.clear();
  has_data_ = false;
  return more;
}

}  // namespace stele::cli
