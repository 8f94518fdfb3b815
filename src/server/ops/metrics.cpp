// metrics.cpp - the one place that knows prometheus-cpp.
#include "server/ops/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <atomic>

#include "server/ops/process_metrics.hpp"

namespace stele::server {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Histogram;

const Histogram::BucketBoundaries latency_ladder{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                 0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
constexpr std::array<std::string_view, 5> outcome_names{"ok", "conflict", "invalid", "denied", "unavailable"};
constexpr std::size_t status_slots = 600;

double seconds(std::chrono::nanoseconds took) { return std::chrono::duration<double>(took).count(); }

// One route's histograms by status, created at first use and then found without a lock.
struct RouteSeries {
  std::string pattern;
  std::array<std::atomic<Histogram*>, status_slots> by_status{};
};

// Anything but a counter is a gauge: applications have no histograms of their own yet.
prometheus::MetricFamily to_family(const Metric& metric) {
  prometheus::MetricFamily family;
  family.name = metric.name;
  family.help = metric.help;
  const bool counter = metric.type == "counter";
  family.type = counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
  return family;
}

void add_sample(prometheus::MetricFamily& family, const Metric& metric) {
  prometheus::ClientMetric sample;
  for (const auto& label : metric.labels) sample.label.push_back({label.name, label.value});
  sample.gauge.value = metric.value;
  sample.counter.value = metric.value;
  family.metric.push_back(std::move(sample));
}

// Families must be written once each, however the collectors mix their samples.
void append_metrics(std::vector<prometheus::MetricFamily>& families, const std::vector<Metric>& metrics) {
  for (const auto& metric : metrics) {
    const auto found = std::find_if(families.begin(), families.end(),
                                    [&](const auto& family) { return family.name == metric.name; });
    add_sample(found == families.end() ? families.emplace_back(to_family(metric)) : *found, metric);
  }
}

std::vector<Metric> head_metrics(const Head& head) {
  return {{.name = "stele_log_head_position",
           .help = "Position of the last visible event",
           .type = "gauge",
           .value = static_cast<double>(head.position.value())},
          {.name = "stele_log_durable_position",
           .help = "Position of the last durable event",
           .type = "gauge",
           .value = static_cast<double>(head.durable.value())},
          {.name = "stele_log_events",
           .help = "Events that can be read",
           .type = "gauge",
           .value = static_cast<double>(head.events)}};
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<Histogram>& requests = BuildHistogram()
                                                .Name("stele_http_request_duration_seconds")
                                                .Help("Time from a complete request to its answer")
                                                .Register(registry);
  prometheus::Family<prometheus::Counter>& appends = BuildCounter()
                                                         .Name("stele_append_requests_total")
                                                         .Help("Appends through the store API")
                                                         .Register(registry);
  prometheus::Counter& appended_events = BuildCounter()
                                             .Name("stele_appended_events_total")
                                             .Help("Events appended through the store API")
                                             .Register(registry)
                                             .Add({});
  prometheus::Counter& appended_bytes = BuildCounter()
                                            .Name("stele_appended_bytes_total")
                                            .Help("Payload bytes appended through the store API")
                                            .Register(registry)
                                            .Add({});
  Histogram& append_time = BuildHistogram()
                               .Name("stele_append_duration_seconds")
                               .Help("Time from an accepted append to its durable outcome")
                               .Register(registry)
                               .Add({}, latency_ladder);
  prometheus::Family<prometheus::Counter>& reads = BuildCounter()
                                                       .Name("stele_read_events_total")
                                                       .Help("Events read through the store API")
                                                       .Register(registry);
  prometheus::Family<Histogram>& waits = BuildHistogram()
                                             .Name("stele_consistency_wait_seconds")
                                             .Help("Time queries waited for their read model")
                                             .Register(registry);
  prometheus::Family<prometheus::Gauge>& live =
      BuildGauge().Name("stele_live_connections").Help("Open connections").Register(registry);
  prometheus::Counter& fell_behind = BuildCounter()
                                         .Name("stele_live_fell_behind_total")
                                         .Help("Times a slow event stream went back to reading the log")
                                         .Register(registry)
                                         .Add({});
  std::array<prometheus::Counter*, outcome_names.size()> outcomes{};
  std::array<prometheus::Gauge*, 2> connections{};
  std::array<Histogram*, 2> wait_results{};
  std::vector<std::unique_ptr<RouteSeries>> routes;

  Impl() {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      outcomes[i] = &appends.Add({{"result", std::string(outcome_names[i])}});
    }
    connections = {&live.Add({{"protocol", "http"}}), &live.Add({{"protocol", "sse"}})};
    wait_results = {&waits.Add({{"result", "late"}}, latency_ladder),
                    &waits.Add({{"result", "reached"}}, latency_ladder)};
    BuildGauge()
        .Name("stele_build_info")
        .Help("Always 1")
        .Register(registry)
        .Add({{"version", STELE_VERSION}})
        .Set(1);
  }

  Histogram& series(RouteSeries& route, std::string_view method, std::size_t status) {
    auto& slot = route.by_status[status];
    auto* found = slot.load(std::memory_order_acquire);
    if (found == nullptr) {
      found = &requests.Add(
          {{"route", route.pattern}, {"method", std::string(method)}, {"code", std::to_string(status)}},
          latency_ladder);
      slot.store(found, std::memory_order_release);
    }
    return *found;
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

// Known beforehand, so that counting needs no look-up by name.
void Metrics::declare_routes(const std::vector<std::string>& patterns) {
  for (const auto& pattern : patterns) {
    impl_->routes.push_back(std::make_unique<RouteSeries>());
    impl_->routes.back()->pattern = pattern;
  }
  impl_->routes.push_back(std::make_unique<RouteSeries>());
  impl_->routes.back()->pattern = "(none)";
}

void Metrics::request_done(std::size_t route, std::string_view method, int status,
                           std::chrono::nanoseconds took) {
  auto& series = *impl_->routes[std::min(route, impl_->routes.size() - 1)];
  // What matched no route may have any method: that must not become a label.
  const bool matched = route + 1 < impl_->routes.size();
  impl_->series(series, matched ? method : "-", static_cast<std::size_t>(status)).Observe(seconds(took));
}

void Metrics::append_done(AppendOutcome outcome, std::size_t events, std::size_t bytes,
                          std::chrono::nanoseconds took) {
  impl_->outcomes[static_cast<std::size_t>(outcome)]->Increment();
  impl_->append_time.Observe(seconds(took));
  if (outcome != AppendOutcome::ok) return;
  impl_->appended_events.Increment(static_cast<double>(events));
  impl_->appended_bytes.Increment(static_cast<double>(bytes));
}

void Metrics::events_read(std::string_view kind, std::uint64_t count) {
  impl_->reads.Add({{"kind", std::string(kind)}}).Increment(static_cast<double>(count));
}

void Metrics::consistency_wait(bool reached, std::chrono::nanoseconds took) {
  impl_->wait_results[reached ? 1 : 0]->Observe(seconds(took));
}

void Metrics::connection(LiveKind kind, int change) {
  impl_->connections[static_cast<std::size_t>(kind)]->Increment(change);
}

void Metrics::live_fell_behind() { impl_->fell_behind.Increment(); }

std::string Metrics::render(const Head& head,
                            const std::vector<std::function<std::vector<Metric>()>>& collectors) const {
  auto families = impl_->registry.Collect();
  append_metrics(families, head_metrics(head));
  append_metrics(families, process_metrics());
  for (const auto& collect : collectors) append_metrics(families, collect());
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace stele::server
