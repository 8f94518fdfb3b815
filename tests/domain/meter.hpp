// meter.hpp - a decider with snapshots for the tests of them: a meter that is read, and what it has counted so
// far. Its state has two alternatives, one with a list; a second decider over the same streams has another shape.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "stele/handler.hpp"

namespace metering {

struct MeterRead {
  std::string meter;
  int used;
};
STELE_EVENT(MeterRead, 1, meter, used);

struct MeterSealed {
  std::string meter;
};
STELE_EVENT(MeterSealed, 1, meter);

struct ReadMeter {
  std::string meter;
  int used;
  int times = 1;
};
STELE_COMMAND(ReadMeter, meter, used, times);

struct SealMeter {
  std::string meter;
};
STELE_COMMAND(SealMeter, meter);

struct MeterIsSealed {
  std::string meter;
};
STELE_REFUSAL(MeterIsSealed, meter);

// The rules, whatever the state is made of.
template <class Self, class Running, class Sealed>
struct MeterRules {
  static constexpr std::string_view category = "Meter";
  static const std::string& id(const auto& command) { return command.meter; }
  using Commands = stele::commands<ReadMeter, SealMeter>;
  using Events = stele::events<MeterRead, MeterSealed>;
  using Refusals = stele::refusals<MeterIsSealed>;
  using Decision = stele::decision<Events, Refusals>;
  using State = std::variant<Running, Sealed>;

  static Decision decide(const ReadMeter& c, const Running&) {
    std::vector<typename Events::any> read(static_cast<std::size_t>(c.times), MeterRead{c.meter, c.used});
    return Decision(std::move(read));
  }
  static Decision decide(const SealMeter& c, const Running&) { return stele::happened(MeterSealed{c.meter}); }
  static Decision decide(const auto& c, const Sealed&) { return stele::refuse(MeterIsSealed{c.meter}); }
};

struct Running {
  long total = 0;
  std::vector<int> latest{};  // the last three
};
struct Sealed {
  long total = 0;
};

// [policy]
struct Meter : MeterRules<Meter, Running, Sealed> {
  static constexpr stele::SnapshotPolicy snapshots{};  // one after every 100 events
  // [/policy]
  static State evolve(Running meter, const MeterRead& e) {
    meter.total += e.used;
    meter.latest.push_back(e.used);
    if (meter.latest.size() > 3) meter.latest.erase(meter.latest.begin());
    return meter;
  }
  static State evolve(const Running& meter, const MeterSealed&) { return Sealed{meter.total}; }
};
static_assert(stele::decider<Meter>);

}  // namespace metering
