// about.cpp - `stele version` and the help topics that belong to no command.
#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/report.hpp"
#include "cli/suggest.hpp"

namespace stele::cli {
namespace {

constexpr std::string_view places_help = R"(Places in history, the same in every command and address:

  v204               a version inside a stream (the first is v0)
  p90211             a position in the whole log (the first is p1)
  start, head        the first and the last
  -20                the last 20
  2026-03-01         a day, UTC; also 2026-03-01T10:00Z
  -2h                an age: s m h d w

Ranges: A..B (both ends included), A.., ..B. A version or position alone is that one event.
)";

constexpr std::string_view compiler_name =
#ifdef __clang__
    "clang " __clang_version__;
#else
    "gcc " __VERSION__;
#endif

}  // namespace

result<int> execute(const VersionOptions&, Session& session) {
  if (session.format() == Format::table || session.common.format == Format::automatic) {
    session.out << "stele " STELE_VERSION "\n";
    return exit_done;
  }
  static const Shape shape{{"version", "version", Column::Kind::text},
                           {"compiler", "compiler", Column::Kind::text}};
  RecordWriter writer(session, shape);
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_CHECK(writer.add(JsonObject().text("version", STELE_VERSION).text("compiler", compiler_name).take()));
  STELE_CHECK(writer.finish());
  return exit_done;
}

result<int> execute(const TopicOptions& options, Session& session) {
  const std::vector<std::string> topics{"exit-codes", "places"};
  if (options.topic == "exit-codes") {
    session.out << exit_code_help();
    return exit_done;
  }
  if (options.topic == "places") {
    session.out << places_help;
    return exit_done;
  }
  const auto guess = nearest(options.topic, topics);
  return usage_error(fmt::format("there is no help about '{}'", options.topic))
      .help(guess ? fmt::format("did you mean 'stele help {}'?", *guess)
                  : "there are: exit-codes, places, and every command");
}

}  // namespace stele::cli
