// run.cpp - from words to an exit code: parse, carry out, report.
#include <exception>
#include <new>
#include <ostream>

#include "cli/command_line.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"

namespace stele::cli {
namespace {

int reply_with(Session& session, const Reply& reply) {
  if (reply.wrong) return report_usage(session, reply.text, reply.hint);
  session.out << reply.text << std::flush;
  return exit_done;
}

// STELE_OUTPUT is the format where no flag names one.
result<void> apply_environment(Session& session) {
  const auto wanted = setting(session, "STELE_OUTPUT");
  if (!wanted || session.common.format != Format::automatic) return {};
  const auto parsed = parse_command_line({"version", "-o", *wanted});
  if (const auto* invocation = std::get_if<Invocation>(&parsed)) {
    session.common.format = invocation->common.format;
    return {};
  }
  return usage_error("STELE_OUTPUT is '" + *wanted + "'")
      .help("set it to auto, table, json, ndjson, tsv, csv or none");
}

result<int> carry_out(Session& session, const Invocation& invocation) {
  session.common = invocation.common;
  STELE_CHECK(apply_environment(session));
  return std::visit([&](const auto& options) { return execute(options, session); }, invocation.command);
}

}  // namespace

// The last line of defence: a defect must not look like success, nor leave a core dump as the only message.
int run(const std::vector<std::string>& arguments, Session& session) {
  try {
    const auto parsed = parse_command_line(arguments);
    if (const auto* reply = std::get_if<Reply>(&parsed)) return reply_with(session, *reply);
    const auto outcome = carry_out(session, std::get<Invocation>(parsed));
    if (!outcome) return report(session, outcome.error());
    session.out.flush();
    return *outcome;
  } catch (const std::bad_alloc&) {
    return report(session, Error(errc::too_large, "out of memory").help("read fewer events at a time"));
  } catch (const std::exception& unexpected) {
    return report(session, Error(errc::unavailable, std::string("unexpected: ") + unexpected.what()));
  }
}

}  // namespace stele::cli
