// history_check.cpp - the walk over a whole log, stream by stream, for the dry run and for digests of states.
#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/assert.hpp"
#include "stele/evolution.hpp"

namespace stele::detail {
namespace {

constexpr std::size_t streams_at_once = 1'000;

// Persisted in files of digests: never change it.
constexpr Uuid digest_space({0x64, 0x1f, 0x0d, 0x2b, 0x7c, 0x5e, 0x4b, 0x18, 0xa6, 0x07, 0x64, 0x69, 0x67,
                             0x65, 0x73, 0x74});

struct Digest {
  Revision revision;
  std::string digest;
};
using Digests = std::map<std::string, Digest, std::less<>>;

std::string digest_of(std::string_view state) { return to_string(Uuid::from_name(digest_space, state)); }

Error bad_digests(const std::filesystem::path& file, std::size_t line) {
  return Error(errc::invalid, file.string() + " line " + std::to_string(line) + " is no digest of a state")
      .help("write the file with write_state_digests()");
}

// revision, digest, stream on each line: the stream last, since it may hold blanks.
result<Digests> read_digests(const std::filesystem::path& file) {
  Digests all;
  if (file.empty()) return all;
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error(errc::not_found, "there is no file of digests at " + file.string());
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    std::istringstream words(line);
    std::uint64_t revision = 0;
    std::string digest;
    std::string stream;
    if (!(words >> revision >> digest) || words.get() != ' ' || !std::getline(words, stream))
      return bad_digests(file, number);
    all.insert_or_assign(stream, Digest{Revision(revision), digest});
  }
  return all;
}

const HistoryKind* kind_of(std::span<const HistoryKind> kinds, std::string_view stream) {
  const auto found = std::ranges::find(kinds, category_of(stream), &HistoryKind::category);
  return found == kinds.end() ? nullptr : &*found;
}

// Calls `each` for every stream that is not the store's own, by name.
result<void> each_stream(EventStore& store, const std::function<result<void>(const StreamInfo&)>& each) {
  std::string after;
  while (true) {
    STELE_TRY(const auto streams, store.list_streams("", after, streams_at_once));
    if (streams.empty()) return {};
    STELE_ASSERT(streams.back().stream > after, "streams come by name", after);
    for (const StreamInfo& info : streams)
      if (!info.stream.starts_with('$')) STELE_CHECK(each(info));
    after = streams.back().stream;
  }
}

// One dry run.
class HistoryCheck {
 public:
  HistoryCheck(EventStore& store, std::span<const HistoryKind> kinds, const HistoryOptions& options,
               Digests digests)
      : store_(store), kinds_(kinds), options_(options), digests_(std::move(digests)) {}

  result<HistoryReport> run() {
    STELE_CHECK(each_stream(store_, [&](const StreamInfo& info) { return stream(info); }));
    for (const auto& [name, digest] : digests_)
      note({name, digest.revision, {}, {}, "the old program knew it, and it is not in this log"});
    return std::move(report_);
  }

 private:
  result<void> stream(const StreamInfo& info) {
    const HistoryKind* kind = kind_of(kinds_, info.stream);
    if (!kind) {
      ++report_.unowned[std::string(category_of(info.stream))];
      return {};
    }
    ++report_.streams;
    const auto fold = kind->begin();
    const auto then = digests_.find(info.stream);
    const auto take = [&](const EventView& event) -> result<void> {
      ++report_.events;
      if (const auto taken = fold->take(event); !taken) note_event(event, taken.error());
      if (then != digests_.end() && event.revision == then->second.revision && fold->whole())
        compare(event, *fold, then->second);
      return {};
    };
    STELE_CHECK(walk_stream(store_, info.stream, {}, take));
    if (then != digests_.end()) {
      if (info.last_revision < then->second.revision) note_short(info, then->second);
      digests_.erase(then);
    }
    return {};
  }

  void compare(const EventView& event, const HistoryFold& fold, const Digest& old) {
    ++report_.compared;
    const auto state = fold.state();
    if (!state)
      note_event(event, state.error());
    else if (digest_of(*state) != old.digest)
      note({std::string(event.stream), event.revision, event.position, std::string(event.type),
            "the state after this event is not what the old program made of it; it is " +
                state->substr(0, 500)});
  }

  void note_event(const EventView& event, const Error& why) {
    note({std::string(event.stream), event.revision, event.position, std::string(event.type), why.message()});
  }
  void note_short(const StreamInfo& info, const Digest& old) {
    note({info.stream,
          info.last_revision,
          info.last_position,
          {},
          "the old program knew it up to revision " + std::to_string(old.revision.value())});
  }
  void note(HistoryProblem problem) {
    ++report_.found;
    if (report_.problems.size() < options_.list) report_.problems.push_back(std::move(problem));
    STELE_ASSERT(report_.problems.size() <= report_.found, "what is listed was found", report_.found);
  }

  EventStore& store_;
  std::span<const HistoryKind> kinds_;
  const HistoryOptions& options_;
  Digests digests_;  // those not met yet
  HistoryReport report_;
};

}  // namespace

result<HistoryReport> check_history(EventStore& store, std::span<const HistoryKind> kinds,
                                    const HistoryOptions& options) {
  STELE_TRY(auto digests, read_digests(options.digests));
  return HistoryCheck(store, kinds, options, std::move(digests)).run();
}

result<std::uint64_t> write_state_digests(EventStore& store, std::span<const HistoryKind> kinds,
                                          const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  std::uint64_t written = 0;
  const auto stream = [&](const StreamInfo& info) -> result<void> {
    const HistoryKind* kind = kind_of(kinds, info.stream);
    if (!kind) return {};
    const auto fold = kind->begin();
    std::optional<Revision> last;
    const auto take = [&](const EventView& event) -> result<void> {
      last = event.revision;
      return fold->take(event);
    };
    STELE_CHECK(walk_stream(store, info.stream, {}, take));
    STELE_TRY(const std::string state, fold->state());
    if (!last) return {};
    out << last->value() << ' ' << digest_of(state) << ' ' << info.stream << '\n';
    ++written;
    return {};
  };
  STELE_CHECK(each_stream(store, stream));
  if (!out.flush()) return Error(errc::unavailable, "cannot write " + file.string());
  return written;
}

void add_older_names(Query& query, const std::vector<std::string>& names) {
  if (!query.items || names.empty()) return;
  for (QueryItem& item : *query.items) {
    if (std::ranges::find(item.types, names.front()) == item.types.end()) continue;
    for (const std::string& name : names)
      if (std::ranges::find(item.types, name) == item.types.end()) item.types.push_back(name);
  }
}

}  // namespace stele::detail
