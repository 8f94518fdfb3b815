// bank.cpp - puts the bank together: models, feed, addresses, readiness, metrics.
#include "bank/bank.hpp"

#include <optional>

#include "bank/commands.hpp"
#include "bank/models.hpp"

namespace bank {
namespace {

using stele::Metric;
using stele::ProjectionStatus;

double seconds_of(std::chrono::microseconds span) { return std::chrono::duration<double>(span).count(); }

void add_metrics(std::vector<Metric>& into, const ProjectionStatus& status) {
  const auto add = [&](std::string name, std::string help, std::string type, double value) {
    into.push_back({std::move(name), std::move(help), std::move(type), {{"projection", status.name}}, value});
  };
  add("stele_projection_position", "Everything up to here is visible in the model.", "gauge",
      static_cast<double>(status.position.value()));
  add("stele_projection_lag_events", "Events between the model and the head.", "gauge",
      static_cast<double>(status.behind_events));
  add("stele_projection_lag_seconds", "Age of the oldest event not in the model; 0 at the head.", "gauge",
      seconds_of(status.behind));
  add("stele_projection_applied_events_total", "Events applied since the start.", "counter",
      static_cast<double>(status.applied));
  add("stele_projection_errors_total", "Tries to apply an event that failed.", "counter",
      static_cast<double>(status.retries));
}

// From an event's recorded time to the moment it can be seen in the model.
void add_latency(std::vector<Metric>& into, const stele::Runner& runner) {
  const auto latency = runner.latency();
  for (const double q : {0.5, 0.99}) {
    into.push_back({"stele_projection_visibility_delay_seconds",
                    "From recorded to visible: the quantile's upper bound.",
                    "gauge",
                    {{"projection", runner.target().name()}, {"quantile", q < 0.9 ? "0.5" : "0.99"}},
                    seconds_of(latency.quantile(q))});
  }
}

stele::result<void> ready(const stele::Runner& runner) {
  const auto status = runner.status();
  if (status.state != stele::ProjectionState::failed && status.state != stele::ProjectionState::stopped)
    return {};
  return stele::Error(stele::errc::unavailable,
                      status.name + " is " + std::string(to_string(status.state)) + ": " + status.reason);
}

}  // namespace

struct Bank::Impl {
  explicit Impl(stele::EventStore& the_store) : store(the_store), projections(the_store) {}
  // Clients first, then the projections, then what they write to.
  ~Impl() {
    feed.reset();
    projections.stop();
  }

  template <class View>
  stele::result<stele::Runner*> start(std::optional<Model>& model, const std::filesystem::path& folder,
                                      const BankOptions& options) {
    STELE_TRY(auto target, stele::SqliteTarget::open(folder, stele::sqlite_projection<View>()));
    stele::RunnerOptions running;
    running.hold_back = options.hold_back;
    STELE_TRY(auto* const runner, projections.add(target, running));
    model.emplace(std::move(target), *runner);
    return runner;
  }

  stele::EventStore& store;
  std::optional<Model> accounts;
  std::optional<Model> statements;
  stele::Projections projections;
  std::optional<SummaryFeed> feed;
};

stele::result<std::unique_ptr<Bank>> Bank::open(stele::EventStore& store, const std::filesystem::path& models,
                                                BankOptions options) {
  auto impl = std::make_unique<Impl>(store);
  STELE_TRY(auto* const accounts, impl->start<Accounts>(impl->accounts, models, options));
  STELE_CHECK(impl->start<Statements>(impl->statements, models, options));
  impl->feed.emplace(*accounts, *impl->accounts->target);
  return std::unique_ptr<Bank>(new Bank(std::move(impl)));
}

Bank::Bank(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Bank::~Bank() = default;

stele::Projections& Bank::projections() const { return impl_->projections; }

void Bank::attach(stele::App& app) {
  add_commands(app, impl_->store);
  add_queries(app, {impl_->store, *impl_->accounts, *impl_->statements, *impl_->feed});
  for (auto* runner : impl_->projections.runners())
    app.check("projection " + runner->target().name(), [runner] { return ready(*runner); });
  app.metrics([this] {
    std::vector<Metric> all;
    for (const auto* runner : impl_->projections.runners()) {
      add_metrics(all, runner->status());
      add_latency(all, *runner);
    }
    return all;
  });
}

}  // namespace bank
