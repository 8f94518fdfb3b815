// target.hpp - where a command's events are: a directory or a server, behind the few verbs the commands need.
// Not a second store contract: it is as small as the command line allows.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "cli/session.hpp"
#include "stele/store.hpp"

namespace stele::cli {

enum class Use : std::uint8_t { reading, writing };

// Which events, in which order. The bounds are inclusive.
struct ReadPlan {
  std::string stream;                     // empty: the whole log
  QueryItem filter;                       // types, tags and categories; streams is not looked at
  std::optional<Revision> from_revision;  // with `stream` only
  std::optional<Revision> to_revision;
  std::optional<Position> from_position;
  std::optional<Position> to_position;
  Direction direction = Direction::forward;
  std::uint64_t limit = no_limit;
};

// Called for every event; the view is valid during the call. False: that is enough.
using EventSink = std::function<result<bool>(const EventView&)>;

// All calls block. One thread uses a target at a time.
class Target {
 public:
  virtual ~Target() = default;
  // Where it is, as people call it: the directory or the address.
  [[nodiscard]] virtual std::string name() const = 0;

  virtual result<AppendResult> append(AppendRequest request) = 0;
  // Starts an append; completions run in the order of the calls, on any thread, before drain() returns.
  virtual void append_async(AppendRequest request, AppendCompletion done) = 0;
  virtual void drain() = 0;

  // Errors: not_found for a stream that does not exist.
  virtual result<void> read(const ReadPlan& plan, const EventSink& sink) = 0;
  // Everything of the plan behind `after`, then live until `stop` or until the sink has had enough. `live` is
  // called whenever everything there was has been delivered. Survives a server that goes away and comes back.
  virtual result<void> follow(const ReadPlan& plan, Position after, const EventSink& sink,
                              const std::function<void()>& live, std::stop_token stop) = 0;

  virtual result<StreamInfo> stream_info(const std::string& stream) = 0;
  virtual result<std::vector<StreamInfo>> list_streams(const std::string& prefix, const std::string& after,
                                                       std::size_t limit) = 0;
  virtual result<Head> head() = 0;
  // The last position recorded at or before `time`; 0 when there is none.
  virtual result<Position> position_at(Timestamp time) = 0;
  virtual result<RecordedEvent> find_event(const Uuid& id) = 0;
  // Whether find_event() is a look-up in memory and not a journey.
  [[nodiscard]] virtual bool finds_quickly() const = 0;
};

// The place from --dir or --url, else from STELE_DIR or STELE_URL. Errors: usage when there is none, or two.
[[nodiscard]] result<Place> place_of(const Session& session);
[[nodiscard]] result<std::unique_ptr<Target>> open_target(const Session& session, Use use);

[[nodiscard]] result<std::unique_ptr<Target>> open_local_target(const std::string& directory, Use use);
[[nodiscard]] result<std::unique_ptr<Target>> open_remote_target(const Place& place);

}  // namespace stele::cli
