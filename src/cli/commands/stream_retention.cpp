// stream_retention.cpp - `stele stream set`, `rm` and `tombstone`: what a stream keeps. The same appends as in
// store.hpp, made by hand, so that they work on a server as on a directory.
#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/expectation.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/range.hpp"
#include "cli/report.hpp"
#include "cli/target/target.hpp"
#include "event/retention.hpp"

namespace stele::cli {
namespace {

const Shape& retention_shape() {
  using enum Column::Kind;
  static const Shape shape{{"stream", "stream", text},
                           {"truncate_before", "before", number},
                           {"max_count", "count", number},
                           {"max_age", "seconds", number},
                           {"metadata_version", "version", number}};
  return shape;
}

const Shape& ended_shape() {
  using enum Column::Kind;
  static const Shape shape{
      {"stream", "stream", text}, {"outcome", "outcome", text}, {"position", "position", number}};
  return shape;
}

std::string retention_record(const std::string& stream, const Retention& keep,
                             std::optional<Revision> version) {
  const auto number = [](bool there, std::uint64_t value) {
    return there ? std::to_string(value) : std::string("null");
  };
  const auto before = keep.truncate_before.value_or(Revision{}).value();
  const auto age = static_cast<std::uint64_t>(keep.max_age.value_or(std::chrono::seconds{}).count());
  return JsonObject()
      .text("stream", stream)
      .raw("truncate_before", number(keep.truncate_before.has_value(), before))
      .raw("max_count", number(keep.max_count.has_value(), keep.max_count.value_or(0)))
      .raw("max_age", number(keep.max_age.has_value(), age))
      .raw("metadata_version", number(version.has_value(), version.value_or(Revision{}).value()))
      .take();
}

result<SeenMetadata> seen_metadata(Target& target, const std::string& stream) {
  SeenMetadata seen{"", ExpectedVersion::no_stream()};
  ReadPlan plan;
  plan.stream = metadata_stream_of(stream);
  plan.direction = Direction::backward;
  plan.limit = 1;
  const auto read = target.read(plan, [&seen](const EventView& event) -> result<bool> {
    seen = {std::string(event.data), ExpectedVersion::exact(event.revision)};
    return false;
  });
  if (!read && read.error().kind() != errc::not_found) return read.error();
  return seen;
}

result<Revision> revision_of(const std::string& text) {
  const auto moment = parse_moment(text);
  const auto* const revision = moment ? std::get_if<Revision>(&moment->at) : nullptr;
  if (revision != nullptr) return *revision;
  return usage_error("'" + text + "' is not a version").help("write v204");
}

result<Retention> changed(Retention keep, const StreamSetOptions& options) {
  if (options.clear) keep = {};
  if (options.max_count) keep.max_count = options.max_count;
  if (!options.max_age.empty()) {
    STELE_TRY(keep.max_age, parse_span(options.max_age));
  }
  if (!options.truncate_before.empty()) {
    STELE_TRY(keep.truncate_before, revision_of(options.truncate_before));
  }
  return keep;
}

bool changes_something(const StreamSetOptions& options) {
  return options.clear || options.max_count || !options.max_age.empty() || !options.truncate_before.empty();
}

result<int> tell_ended(RecordWriter& writer, const std::string& stream, std::string_view outcome,
                       const AppendResult& done) {
  STELE_CHECK(writer.add(JsonObject()
                             .text("stream", stream)
                             .text("outcome", outcome)
                             .number("position", done.last.value())
                             .take()));
  STELE_CHECK(writer.finish());
  return exit_done;
}

}  // namespace

result<int> execute(const StreamSetOptions& options, Session& session) {
  RecordWriter writer(session, retention_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  const bool changing = changes_something(options);
  STELE_TRY(const auto target, open_target(session, changing ? Use::writing : Use::reading));
  STELE_TRY(const auto seen, seen_metadata(*target, options.stream));
  STELE_TRY(auto keep, parse_retention(seen.data.empty() ? "{}" : seen.data));
  std::optional<Revision> version;
  if (!seen.data.empty()) version = seen.revision.revision();
  if (changing) {
    STELE_TRY(keep, changed(keep, options));
    STELE_TRY(auto request, retention_request(options.stream, seen, keep, seen.revision));
    STELE_TRY(const auto done, target->append(std::move(request)));
    version = done.revisions.front().revision;
  }
  STELE_CHECK(writer.add(retention_record(options.stream, keep, version)));
  STELE_CHECK(writer.finish());
  return exit_done;
}

result<int> execute(const StreamRemoveOptions& options, Session& session) {
  RecordWriter writer(session, ended_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  if (!options.yes) {
    return usage_error("this deletes every event of '" + options.stream + "'").help("add --yes to do it");
  }
  STELE_TRY(const auto expected, parse_expected(options.expect));
  STELE_TRY(const auto target, open_target(session, Use::writing));
  STELE_TRY(const auto info, target->stream_info(options.stream));
  STELE_TRY(const auto seen, seen_metadata(*target, options.stream));
  STELE_TRY(auto request, deletion_request(options.stream, seen, info.last_revision, expected));
  STELE_TRY(const auto done, target->append(std::move(request)));
  return tell_ended(writer, options.stream, "deleted", done);
}

result<int> execute(const StreamTombstoneOptions& options, Session& session) {
  RecordWriter writer(session, ended_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  if (options.confirm != options.stream) {
    return usage_error("this ends '" + options.stream + "' for ever, it can never be written again")
        .help("add --confirm " + options.stream + " to do it");
  }
  STELE_TRY(const auto expected, parse_expected(options.expect));
  STELE_TRY(const auto target, open_target(session, Use::writing));
  STELE_TRY(auto request, tombstone_request(options.stream, expected));
  STELE_TRY(const auto done, target->append(std::move(request)));
  return tell_ended(writer, options.stream, "tombstoned", done);
}

}  // namespace stele::cli
