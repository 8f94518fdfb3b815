// sse.cpp - writes server-sent events.
#include "server/live/sse.hpp"

namespace stele::server {
namespace {

// A line break would end the field, and with it let data become fields.
void append_sse_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) out += c == '\n' || c == '\r' || c == '\0' ? ' ' : c;
  out += '\n';
}

}  // namespace

void append_sse(std::string& out, const LiveMessage& message) {
  if (!message.id.empty()) append_sse_field(out, "id", message.id);
  if (!message.event.empty()) append_sse_field(out, "event", message.event);
  std::string_view rest = message.data;
  for (;;) {
    const auto end = rest.find('\n');
    append_sse_field(out, "data", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest = rest.substr(end + 1);
  }
  out += '\n';
}

}  // namespace stele::server
