// bench_subscribe.cpp - `stele bench subscribe`: from the acknowledgement of an append to a live subscriber, in
// another thread and over HTTP, at fixed rates.
#include <fmt/format.h>

#include "cli/bench/report.hpp"
#include "cli/bench/scratch.hpp"
#include "cli/bench/session.hpp"
#include "cli/bench/subscribe_load.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/report.hpp"

namespace stele::cli {
namespace {

constexpr double wake_up_seconds = 0.1;

bench::Kind subscribe_bench() {
  using enum Column::Kind;
  const Shape shape{{"over", "over", text},
                    {"rate", "appends/s", number},
                    {"events", "events", number},
                    {"p50_us", "p50 us", text},
                    {"p99_us", "p99 us", text},
                    {"p999_us", "p99.9 us", text},
                    {"max_us", "max us", text},
                    {"whole_p50_us", "from due p50", text},
                    {"whole_p99_us", "p99", text},
                    {"limit_us", "limit us", text},
                    {"limited_by", "limited by", text}};
  return {.name = "subscribe",
          .shape = shape,
          .keys = {"over", "rate"},
          .measure = "p50_us",
          .higher_is_better = false};
}

JsonObject subscribe_line(const std::string& over, const bench::SubscribeLoad& load,
                          const bench::SubscribeMeasured& measured) {
  JsonObject line;
  line.text("over", over).number("rate", load.rate).number("events", measured.events);
  bench::add_latency(line, measured.from_acknowledged);
  line.raw("whole_p50_us", bench::microseconds(measured.from_due.percentile(0.5)));
  line.raw("whole_p99_us", bench::microseconds(measured.from_due.percentile(0.99)));
  return line;
}

result<void> check_rates(const BenchSubscribeOptions& options) {
  for (const auto rate : options.rates) {
    if (rate < 1 || rate > 1'000'000)
      return usage_error("--rate must be from 1 to 1000000").help("e.g. --rate 100,1000");
  }
  return {};
}

// Both ways at one rate.
result<void> measure_rate(EventStore& store, const bench::SubscribeLoad& load, bench::Report& report,
                          const std::stop_token& stop) {
  const auto wake = bench::probe_wake_up(std::min(wake_up_seconds, load.seconds));
  STELE_TRY(const auto inside, bench::measure_subscription(store, load, stop));
  auto line = subscribe_line("a thread", load, inside);
  line.raw("limit_us", fmt::format("{:.1f}", wake * 1e6)).text("limited_by", "waking a thread");
  STELE_CHECK(report.line(std::move(line)));
  STELE_TRY(const auto outside, bench::measure_live_stream(store, load, stop));
  auto http = subscribe_line("HTTP on loopback", load, outside);
  http.text("limited_by", "waking three threads and two socket calls");
  return report.line(std::move(http));
}

}  // namespace

result<int> execute(const BenchSubscribeOptions& options, Session& session) {
  STELE_CHECK(check_rates(options));
  STELE_CHECK(bench::check_only_directory(session));
  STELE_TRY(const auto report, bench::Report::make(session, subscribe_bench(), options));
  STELE_TRY(const bool listed, report->only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  JsonObject facts;
  facts.number("size", options.size).decimal("seconds", options.seconds).text("place", "in process");
  STELE_CHECK(
      report->begin(fmt::format("{} B JSON payload · open loop · one subscriber to everything · {} s a line",
                                options.size, options.seconds),
                    std::move(facts), scratch.path(), bench::probe_seconds_for(options.seconds)));
  STELE_TRY(const auto store, open(scratch.path() / "store"));
  for (const auto rate :
       options.rates.empty() ? std::vector<std::uint64_t>{100, 1000, 5000} : options.rates) {
    if (session.stop.stop_requested()) break;
    STELE_CHECK(measure_rate(*store, {.rate = rate, .seconds = options.seconds, .size = options.size},
                             *report, session.stop));
  }
  return report->finish();
}

}  // namespace stele::cli
