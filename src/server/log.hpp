// log.hpp - the server's log: one line per happening on stderr, JSON unless stderr is a terminal. Not metrics.
//
// Fields of a JSON line: ts, level, event (a stable code such as "request" or "server.started"), msg, and the
// facts. Safe from any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace stele::server {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

struct LogFact {
  LogFact(std::string_view fact, std::string_view text) : name(fact), value(text), is_number(false) {}
  LogFact(std::string_view fact, std::uint64_t number)
      : name(fact), value(std::to_string(number)), is_number(true) {}
  std::string_view name;
  std::string value;
  bool is_number;
};

void log_line(LogLevel level, std::string_view event, std::string_view message,
              std::initializer_list<LogFact> facts = {});
// Lines below it are dropped; `info` at the start.
void set_log_level(LogLevel level);
[[nodiscard]] bool log_enabled(LogLevel level);

}  // namespace stele::server
