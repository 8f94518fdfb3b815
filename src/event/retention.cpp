// retention.cpp - reading and writing $metadata, and the calls of store.hpp that are made of appends.
#include "event/retention.hpp"

#include "base/json_reader.hpp"
#include "base/json_text.hpp"

namespace stele {
namespace {

constexpr std::uint64_t longest_age = 100'000'000'000;  // seconds: beyond any time that can be recorded
constexpr int attempts = 20;                            // of a change that others kept overtaking

Error bad_retention(std::string_view name, std::string_view what) {
  return Error(errc::invalid, std::string(name) + " of a stream's metadata is not " + std::string(what))
      .with("member", std::string(name));
}

// A whole number from `least` to `most`, if the member is there.
result<std::optional<std::uint64_t>> whole_number(const JsonValue& object, std::string_view name,
                                                  std::uint64_t least, std::uint64_t most) {
  const auto member = object.find(name);
  if (!member || member->is(JsonType::null)) return std::optional<std::uint64_t>{};
  const auto value = member->as_u64();
  if (value && *value >= least && *value <= most) return value;
  return bad_retention(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

void add_member(std::string& json, std::string_view name, std::string_view value) {
  json += json.size() > 1 ? "," : "";
  base::append_json_string(json, name);
  json += ':';
  json += value;
}

bool is_ours(std::string_view member) {
  return member == "$tb" || member == "$maxCount" || member == "$maxAge";
}

result<SeenMetadata> newest_metadata(EventStore& store, const std::string& metadata_stream) {
  const auto cursor = store.read_stream(
      {.stream = metadata_stream, .from = {}, .direction = Direction::backward, .limit = 1});
  if (!cursor && cursor.error().kind() == errc::not_found)
    return SeenMetadata{"", ExpectedVersion::no_stream()};
  if (!cursor) return cursor.error();
  STELE_TRY(const auto events, (*cursor)->next_batch(1));
  if (events.empty()) return SeenMetadata{"", ExpectedVersion::no_stream()};
  return SeenMetadata{std::string(events.front().data), ExpectedVersion::exact(events.front().revision)};
}

AppendRequest one_event(std::string stream, ExpectedVersion expected, std::string_view type,
                        std::string data) {
  AppendRequest request;
  request.writes.push_back({std::move(stream), expected, {}});
  auto& event = request.writes.back().events.emplace_back();
  event.type = type;
  event.data = std::move(data);
  return request;
}

result<void> check_target(std::string_view stream) {
  STELE_CHECK(check_stream_name(stream));
  if (!is_metadata_stream(stream)) return check_stream_name(metadata_stream_of(stream));
  return Error(errc::invalid, "a metadata stream has no retention of its own")
      .help("name the stream it belongs to");
}

// Whether the caller knows the stream's state; the others leave it to us to look.
bool is_definite(ExpectedVersion expected) {
  return expected.kind() == ExpectedVersion::Kind::exact ||
         expected.kind() == ExpectedVersion::Kind::no_stream;
}

bool is_exact(ExpectedVersion seen) { return seen.kind() == ExpectedVersion::Kind::exact; }

// Whether somebody came in between, so that looking again may help.
bool overtaken(const result<AppendResult>& answer, std::string_view asked_about) {
  return !answer && answer.error().kind() == errc::conflict && answer.error().fact("stream") != asked_about;
}

}  // namespace

std::string metadata_stream_of(std::string_view stream) {
  return std::string(metadata_prefix) + std::string(stream);
}

std::string_view stream_of_metadata(std::string_view metadata_stream) {
  return metadata_stream.substr(metadata_prefix.size());
}

result<Retention> parse_retention(std::string_view json) {
  STELE_TRY(const auto document, JsonDocument::parse(json));
  const auto root = document.root();
  if (!root.is(JsonType::object)) return Error(errc::invalid, "a stream's metadata is not a JSON object");
  STELE_TRY(const auto before, whole_number(root, "$tb", 0, truncate_all.value()));
  STELE_TRY(const auto count, whole_number(root, "$maxCount", 1, truncate_all.value()));
  STELE_TRY(const auto age, whole_number(root, "$maxAge", 1, longest_age));
  Retention keep;
  if (before) keep.truncate_before = Revision(*before);
  keep.max_count = count;
  if (age) keep.max_age = std::chrono::seconds(*age);
  return keep;
}

result<std::string> with_retention(std::string_view present, const Retention& keep) {
  std::string json = "{";
  if (keep.truncate_before) add_member(json, "$tb", std::to_string(keep.truncate_before->value()));
  if (keep.max_count) add_member(json, "$maxCount", std::to_string(*keep.max_count));
  if (keep.max_age) add_member(json, "$maxAge", std::to_string(keep.max_age->count()));
  if (!present.empty()) {
    STELE_TRY(const auto document, JsonDocument::parse(present));
    for (const auto& [key, value] : document.root().members()) {
      if (!is_ours(key)) add_member(json, key, value.raw());
    }
  }
  json += '}';
  STELE_TRY(const auto understood, parse_retention(json));
  if (understood != keep) return Error(errc::invalid, "the retention has values out of range");
  return json;
}

result<void> check_store_events(const StreamWrite& write) {
  for (const auto& event : write.events) {
    if (is_metadata_stream(write.stream)) {
      if (event.type != metadata_type || event.content_type != json_content) {
        return Error(errc::invalid, "the metadata stream '" + write.stream + "' takes JSON events of type " +
                                        std::string(metadata_type) + " only");
      }
      STELE_CHECK(parse_retention(event.data));
    } else if (event.type == tombstone_type && &event != &write.events.back()) {
      return Error(errc::invalid, "nothing can follow " + std::string(tombstone_type) + " in a stream");
    }
  }
  return {};
}

result<AppendRequest> retention_request(std::string_view stream, const SeenMetadata& seen,
                                        const Retention& keep, ExpectedVersion expected) {
  STELE_CHECK(check_target(stream));
  STELE_TRY(auto data, with_retention(seen.data, keep));
  return one_event(metadata_stream_of(stream), expected, metadata_type, std::move(data));
}

result<AppendRequest> deletion_request(std::string_view stream, const SeenMetadata& seen, Revision last,
                                       ExpectedVersion expected) {
  STELE_TRY(auto keep, parse_retention(seen.data.empty() ? "{}" : seen.data));
  keep.truncate_before = last.next();
  STELE_TRY(auto request, retention_request(stream, seen, keep, seen.revision));
  request.also_expect.push_back(
      {std::string(stream), is_definite(expected) ? expected : ExpectedVersion::exact(last)});
  return request;
}

result<AppendRequest> tombstone_request(std::string_view stream, ExpectedVersion expected) {
  STELE_CHECK(check_target(stream));
  return one_event(std::string(stream), expected, tombstone_type, "{}");
}

result<Retention> retention(EventStore& store, std::string_view stream) {
  STELE_CHECK(check_target(stream));
  STELE_TRY(const auto seen, newest_metadata(store, metadata_stream_of(stream)));
  return seen.data.empty() ? Retention{} : parse_retention(seen.data);
}

result<AppendResult> set_retention(EventStore& store, std::string_view stream, const Retention& keep,
                                   ExpectedVersion expected) {
  return change_retention(
      store, stream, [&](const SeenMetadata&) -> result<Retention> { return keep; }, expected);
}

result<AppendResult> change_retention(EventStore& store, std::string_view stream,
                                      const std::function<result<Retention>(const SeenMetadata&)>& change,
                                      ExpectedVersion expected) {
  STELE_CHECK(check_target(stream));
  for (int attempt = 1;; ++attempt) {
    STELE_TRY(const auto seen, newest_metadata(store, metadata_stream_of(stream)));
    STELE_TRY(const auto keep, change(seen));
    // What was there was read at one version, so that one is expected, unless the caller knows better.
    const bool own = expected.kind() == ExpectedVersion::Kind::any ||
                     (expected.kind() == ExpectedVersion::Kind::exists && is_exact(seen.revision));
    STELE_TRY(auto request, retention_request(stream, seen, keep, own ? seen.revision : expected));
    auto answer = store.append(std::move(request));
    if (!own || attempt == attempts || answer || answer.error().kind() != errc::conflict) return answer;
  }
}

result<AppendResult> delete_stream(EventStore& store, std::string_view stream, ExpectedVersion expected) {
  STELE_CHECK(check_target(stream));
  for (int attempt = 1;; ++attempt) {
    STELE_TRY(const auto info, store.stream_info(stream));
    STELE_TRY(const auto seen, newest_metadata(store, metadata_stream_of(stream)));
    STELE_TRY(auto request, deletion_request(stream, seen, info.last_revision, expected));
    auto answer = store.append(std::move(request));
    if (attempt == attempts || !overtaken(answer, is_definite(expected) ? stream : std::string_view()))
      return answer;
  }
}

result<AppendResult> tombstone_stream(EventStore& store, std::string_view stream, ExpectedVersion expected) {
  STELE_TRY(auto request, tombstone_request(stream, expected));
  return store.append(std::move(request));
}

GoneEvents CompactedSegment::all_gone() const {
  GoneEvents all;
  for (const auto& some : gone) {
    all.events += some.events;
    all.bytes += some.bytes;
  }
  return all;
}

}  // namespace stele
