// append_load.hpp - one line of `bench append`: so many writers on streams of their own, so many events per
// append, for so long; every append checks its expected version and is durable when it is counted.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "cli/bench/histogram.hpp"
#include "stele/store.hpp"

namespace stele::cli::bench {

struct AppendLoad {
  std::uint64_t writers = 1;
  std::uint64_t batch = 1;
  std::uint64_t size = 256;
  double seconds = 2;
  std::uint64_t rate = 0;  // appends per second in all; 0: as fast as answers come back
  bool completions = false;
  std::string run;  // part of the stream names: no two loads share a stream
  // Adds what the load is about - a condition, tags - to a request that is otherwise ready. `seen`: the last
  // position this writer knows of.
  std::function<void(AppendRequest& request, std::uint64_t writer, Position seen)> prepare{};
};

struct AppendMeasured {
  std::uint64_t appends = 0;  // acknowledged within the measured time
  std::uint64_t conflicts = 0;
  std::uint64_t errors = 0;
  std::optional<Error> first_error{};
  double seconds = 0;
  // From the call (or, at a given rate, from when the call was due) to the acknowledgement.
  Histogram latency;
};

// One writer's way to the store; called from that writer's thread only.
using AppendCall = std::function<result<AppendResult>(AppendRequest)>;
// Makes one for a writer. A server gives each writer a connection, a directory shares the store.
using AppendCallMaker = std::function<result<AppendCall>()>;

[[nodiscard]] result<AppendMeasured> run_blocking(const AppendCallMaker& make, const AppendLoad& load,
                                                  std::stop_token stop);
// `writers` appends are in flight at any time; one thread submits them.
[[nodiscard]] result<AppendMeasured> run_completions(EventStore& store, const AppendLoad& load,
                                                     std::stop_token stop);

// What one append of the load looks like: JSON payloads of the asked size, with a type and an id. The load must
// outlive it.
class AppendSource {
 public:
  AppendSource(const AppendLoad& load, std::uint64_t writer);
  [[nodiscard]] AppendRequest next();
  // So that the next one expects the stream where this one left it.
  void acknowledged(const AppendResult& appended) {
    expected_ = ExpectedVersion::exact(appended.revisions.front().revision);
    seen_ = appended.last;
  }

 private:
  const AppendLoad* load_;
  std::uint64_t writer_;
  std::string stream_;
  std::string payload_;
  std::uint64_t made_ = 0;
  std::uint64_t id_space_;
  ExpectedVersion expected_ = ExpectedVersion::no_stream();
  Position seen_;
};

}  // namespace stele::cli::bench
