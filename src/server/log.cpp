// log.cpp - the one place that knows spdlog.
#include "server/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include "server/text.hpp"
#include "stele/types.hpp"

namespace stele::server {
namespace {

// Made at the first line; stderr is asked once what it is.
struct LogOutput {
  LogOutput() : text(::isatty(STDERR_FILENO) == 1) { logger.set_pattern("%v"); }
  spdlog::logger logger{"stele", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  bool text;
};

LogOutput& log_output() {
  static LogOutput output;
  return output;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view level_name(LogLevel level) {
  constexpr std::string_view names[] = {"debug", "info", "warn", "error"};
  return names[static_cast<std::size_t>(level)];
}

std::string now_text() {
  return to_string(std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()));
}

std::string json_line(LogLevel level, std::string_view event, std::string_view message,
                      std::initializer_list<LogFact> facts) {
  std::string out = "{\"ts\":\"" + now_text() + "\",\"level\":\"";
  out += level_name(level);
  out += "\",\"event\":" + json_quoted(event) + ",\"msg\":" + json_quoted(message);
  for (const auto& fact : facts) {
    out += ',' + json_quoted(fact.name) + ':' + (fact.is_number ? fact.value : json_quoted(fact.value));
  }
  return out + '}';
}

std::string text_line(LogLevel level, std::string_view message, std::initializer_list<LogFact> facts) {
  std::string out = now_text() + ' ';
  out += level_name(level);
  out += ' ';
  out += message;
  for (const auto& fact : facts) {
    out += ' ';
    out += fact.name;
    out += '=';
    out += fact.is_number ? fact.value : json_quoted(fact.value);
  }
  return out;
}

}  // namespace

// Formatted only if somebody will read it.
void log_line(LogLevel level, std::string_view event, std::string_view message,
              std::initializer_list<LogFact> facts) {
  if (!log_enabled(level)) return;
  auto& output = log_output();
  output.logger.log(spdlog_level(level),
                    output.text ? text_line(level, message, facts) : json_line(level, event, message, facts));
}

void set_log_level(LogLevel level) { log_output().logger.set_level(spdlog_level(level)); }
bool log_enabled(LogLevel level) { return log_output().logger.should_log(spdlog_level(level)); }

}  // namespace stele::server
