// inspect.cpp - `stele inspect`: files of a store, decoded. The decoding itself is engine/log/inspect.hpp.
#include "engine/log/inspect.hpp"

#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "io/world.hpp"

namespace stele::cli {
namespace {

using engine::log::InspectForm;

// Text for people also where the output is a pipe: the lines are made for grep.
InspectForm form_of(const Session& session) {
  const auto format = session.common.format;
  return format == Format::json || format == Format::ndjson ? InspectForm::ndjson : InspectForm::text;
}

}  // namespace

result<int> execute(const InspectOptions& options, Session& session) {
  const auto format = session.common.format;
  if (format == Format::csv || format == Format::tsv || session.common.choose_fields)
    return usage_error("inspect prints text or NDJSON").help("leave -o and --fields out, or use --ndjson");
  const auto form = form_of(session);
  const auto print = [&](std::string_view line) {
    if (format != Format::none)
      session.out << (form == InspectForm::text ? one_line(line) : std::string(line)) << '\n';
  };
  STELE_TRY(const auto summary, engine::log::inspect(io::real_world().disk, options.path,
                                                     {.form = form, .records = true}, print));
  session.out.flush();
  session.err << fmt::format("{}, {}, {}, {}\n", counted(summary.files, "file"),
                             counted(summary.frames, "frame"), counted(summary.events, "event"),
                             counted(summary.problems, "problem"));
  return summary.problems == 0 ? exit_done : exit_check_failed;
}

}  // namespace stele::cli
