// session.cpp - which format and colours a session uses.
#include "cli/session.hpp"

namespace stele::cli {
namespace {

// The order of NO_COLOR, CLICOLOR_FORCE and --color is the usual one: the flag wins, then "off".
bool use_color(const Session& session, bool is_terminal) {
  if (session.common.color != Color::automatic) return session.common.color == Color::always;
  if (setting(session, "NO_COLOR")) return false;
  if (const auto forced = setting(session, "CLICOLOR_FORCE"); forced && *forced != "0") return true;
  return is_terminal && setting(session, "TERM").value_or("dumb") != "dumb";
}

}  // namespace

std::optional<std::string> setting(const Session& session, const char* name) {
  auto value = session.environment(name);
  return value && !value->empty() ? value : std::nullopt;
}

// Tables, fields and widths are for standard output; a file of events is always the whole line.
Session for_machines(const Session& session, std::ostream& out) {
  Common common = session.common;
  common.format = Format::ndjson;
  common.choose_fields = false;
  common.fields.clear();
  return {session.in,
          out,
          session.err,
          false,
          session.err_is_terminal,
          0,
          session.environment,
          session.now,
          session.stop,
          session.stop_signal,
          session.handles_stop,
          common};
}

Format Session::format() const {
  if (common.format != Format::automatic) return common.format;
  return out_is_terminal ? Format::table : Format::ndjson;
}

bool Session::colored_out() const { return use_color(*this, out_is_terminal); }
bool Session::colored_err() const { return use_color(*this, err_is_terminal); }

}  // namespace stele::cli
