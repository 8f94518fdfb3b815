// importer.cpp - grouping, pipelining and the second look at groups that were refused.
#include "cli/import/importer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "event/event_json.hpp"

namespace stele::cli {
namespace {

constexpr std::size_t events_in_group = 500;
constexpr std::size_t bytes_in_group = 1u << 20;
constexpr std::size_t bytes_in_flight = 64u << 20;

// What one line can be blamed for; everything else ends the import.
bool is_about_the_line(const Error& error) {
  return error.kind() == errc::invalid || error.kind() == errc::conflict || error.kind() == errc::too_large;
}

// Position, revision and time are the store's own and may differ.
bool same_content(const RecordedEvent& left, const RecordedEvent& right) {
  return left.stream == right.stream && left.type == right.type && left.data == right.data &&
         left.metadata == right.metadata && left.tags == right.tags &&
         left.content_type == right.content_type;
}

Error at_line(Error error, std::uint64_t number) {
  return std::move(error).at(fmt::format("line {}", number)).with("line", number);
}

// Repeating an import is always safe; people should not have to guess that.
Error run_again(Error error) {
  const auto help = error.help();
  return std::move(error).help((help.empty() ? "" : help + "; ") +
                               "then run the same import again: it goes on where it stopped");
}

// Consecutive events of a stream become one write, so that positions keep the order of the lines.
template <class Lines>
AppendRequest request_of(const Lines& lines) {
  AppendRequest request;
  request.recorded_at = lines.front().event.recorded_at;
  for (const auto& line : lines) {
    if (request.writes.empty() || request.writes.back().stream != line.event.stream)
      request.writes.push_back(
          {.stream = line.event.stream, .expected = ExpectedVersion::any(), .events = {}});
    request.writes.back().events.push_back(to_new_event(line.event));
  }
  return request;
}

}  // namespace

Importer::~Importer() { target_.drain(); }

// Holds mutex_, like everything that touches the counts.
void Importer::reject(const Line& line, const Error& why) {
  ++counts_.rejected;
  reject_(line.number, line.text, why);
}

// False: the line is dealt with already.
result<bool> Importer::passes(Line& line) {
  auto parsed = parse_event_json(line.text);
  result<void> valid;
  if (parsed) {
    line.event = *std::move(parsed);
    valid = check_stream_name(line.event.stream);
    if (valid) valid = check_event(to_new_event(line.event));
    if (valid && line.event.id.is_nil()) valid = Error(errc::invalid, "id must not be all zeros");
  } else {
    valid = parsed.error();
  }
  if (!valid) {
    const std::lock_guard lock(mutex_);
    reject(line, valid.error());
    return false;
  }
  if (!target_.finds_quickly()) return true;
  const auto there = target_.find_event(line.event.id);
  if (!there) return there.error().kind() == errc::not_found ? result<bool>(true) : there.error();
  const std::lock_guard lock(mutex_);
  if (same_content(*there, line.event)) {
    ++counts_.already_there;
  } else {
    reject(line, Error(errc::conflict, "the store has an event with this id and other content")
                     .with("position", there->position.value()));
  }
  return false;
}

// One append records one time and names a stream once; what would change either begins a new group.
bool Importer::joins(const Line& line) const {
  if (group_.empty()) return true;
  if (group_.size() >= events_in_group || group_bytes_ + line.text.size() > bytes_in_group) return false;
  if (group_.front().event.recorded_at != line.event.recorded_at) return false;
  if (group_.back().event.stream == line.event.stream) return true;
  return std::ranges::none_of(group_,
                              [&](const Line& other) { return other.event.stream == line.event.stream; });
}

result<void> Importer::take(std::uint64_t number, std::string text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (text.empty() || text.starts_with("{\"$end\"")) return {};
  if (text.starts_with("{\"$error\""))
    return Error(errc::invalid,
                 fmt::format("line {}: the export that wrote this ended with an error", number))
        .with("record", text.substr(0, 500))
        .help("what came before it is imported; make the export again and import the whole file");
  Line line{.number = number, .text = std::move(text), .event = {}};
  const auto wanted = passes(line);
  if (!wanted) return run_again(at_line(wanted.error(), number));
  if (!*wanted) return {};
  if (!joins(line)) STELE_CHECK(send());
  group_bytes_ += line.text.size();
  group_.push_back(std::move(line));
  return {};
}

// A failure is settled before the next append starts, so that lines of a refused group keep their place.
result<void> Importer::send() {
  if (group_.empty()) return {};
  bytes_since_drain_ += group_bytes_;
  group_bytes_ = 0;
  auto request = request_of(group_);
  auto done = [this, group = std::exchange(group_, {})](result<AppendResult> outcome) mutable {
    completed(std::move(group), std::move(outcome));
  };
  target_.append_async(std::move(request), std::move(done));
  bool settle_now = bytes_since_drain_ > bytes_in_flight;
  {
    const std::lock_guard lock(mutex_);
    settle_now = settle_now || !failures_.empty();
  }
  return settle_now ? settle() : result<void>();
}

// On a thread of the target.
void Importer::completed(Group group, result<AppendResult> outcome) {
  const std::lock_guard lock(mutex_);
  if (!outcome) {
    failures_.push_back({std::move(group), outcome.error()});
    return;
  }
  (outcome->was_duplicate ? counts_.already_there : counts_.imported) += group.size();
}

// Waits for what is on its way and gives every line of a refused group its own chance.
result<void> Importer::settle() {
  target_.drain();
  bytes_since_drain_ = 0;
  const std::lock_guard lock(mutex_);
  for (; !failures_.empty(); failures_.pop_front()) {
    const auto& [group, why] = failures_.front();
    if (!is_about_the_line(why)) return run_again(at_line(why, group.front().number));
    for (const auto& line : group) STELE_CHECK(append_alone(line));
  }
  return {};
}

// Synchronous, and nothing else is in flight.
result<void> Importer::append_alone(const Line& line) {
  const auto outcome = target_.append(request_of(std::span(&line, 1)));
  if (outcome) {
    ++(outcome->was_duplicate ? counts_.already_there : counts_.imported);
    return {};
  }
  if (!is_about_the_line(outcome.error())) return run_again(at_line(outcome.error(), line.number));
  reject(line, outcome.error());
  return {};
}

result<ImportCounts> Importer::finish() {
  STELE_CHECK(send());
  STELE_CHECK(settle());
  return counts_;
}

}  // namespace stele::cli
