// stream.cpp - `stele stream ls` and `stele stream info`: which streams there are and how long.
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/target/target.hpp"

namespace stele::cli {
namespace {

constexpr std::uint64_t streams_on_terminal = 50;
constexpr std::uint64_t page_size = 500;

const Shape& stream_shape() {
  using enum Column::Kind;
  static const Shape shape{{"stream", "stream", text},
                           {"version", "version", number},
                           {"events", "events", number},
                           {"first_position", "first", number},
                           {"last_position", "last", number}};
  return shape;
}

// The same names as the server's GET /v1/streams/{stream}.
std::string stream_record(const StreamInfo& info) {
  return JsonObject()
      .text("stream", info.stream)
      .number("version", info.last_revision.value())
      .number("events", info.events)
      .number("first_position", info.first_position.value())
      .number("last_position", info.last_position.value())
      .take();
}

// True: there are more streams than the limit let through.
result<bool> list_pages(Target& target, const std::string& prefix, std::uint64_t limit,
                        RecordWriter& writer) {
  std::string after;
  while (true) {
    const auto wanted = std::min(page_size, limit - writer.count() + 1);
    STELE_TRY(const auto page, target.list_streams(prefix, after, wanted));
    for (const auto& info : page) {
      if (writer.count() == limit) return true;
      STELE_CHECK(writer.add(stream_record(info)));
    }
    if (page.size() < wanted) return false;
    after = page.back().stream;
  }
}

}  // namespace

result<int> execute(const StreamListOptions& options, Session& session) {
  RecordWriter writer(session, stream_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto target, open_target(session, Use::reading));
  auto limit = options.limit.value_or(session.out_is_terminal ? streams_on_terminal : 0);
  if (limit == 0) limit = no_limit - 1;
  const auto more = list_pages(*target, options.prefix, limit, writer);
  if (!more) {
    writer.finish_with(more.error());
    return more.error();
  }
  STELE_CHECK(writer.finish());
  if (*more) session.err << fmt::format("first {} streams, there are more · -n 0 for all\n", writer.count());
  return exit_done;
}

result<int> execute(const StreamInfoOptions& options, Session& session) {
  RecordWriter writer(session, stream_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto target, open_target(session, Use::reading));
  STELE_TRY(const auto info, target->stream_info(options.stream));
  STELE_CHECK(writer.add(stream_record(info)));
  STELE_CHECK(writer.finish());
  return exit_done;
}

}  // namespace stele::cli
