// bank.cpp - puts the bank together: models, feed, fraud rule, addresses, readiness, metrics.
#include "bank/bank.hpp"

#include <optional>

#include "bank/commands.hpp"
#include "bank/models.hpp"
#include "bank/vigilance.hpp"

namespace bank {

struct Bank::Impl {
  explicit Impl(stele::EventStore& the_store) : store(the_store), projections(the_store) {}
  // Clients first, then the projections, then what they write to.
  ~Impl() {
    fraud_watch.reset();
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

  stele::result<void> open_models(const std::filesystem::path& folder, const BankOptions& options) {
    STELE_TRY(auto* const runner, start<Accounts>(accounts, folder, options));
    STELE_CHECK(start<Statements>(statements, folder, options));
    feed.emplace(*runner, *accounts->target);
    return {};
  }

  stele::result<void> watch_for_fraud(const BankOptions& options) {
    stele::SagaOptions watching;
    STELE_TRY(watching.begin_after, store.position_at(options.watch_after));
    fraud_watch = stele::run_saga<FraudWatch>(store, watching);
    return {};
  }

  stele::EventStore& store;
  std::optional<Model> accounts;
  std::optional<Model> statements;
  stele::Projections projections;
  std::optional<SummaryFeed> feed;
  std::unique_ptr<stele::SagaRunner> fraud_watch;
};

stele::result<std::unique_ptr<Bank>> Bank::open(stele::EventStore& store, const std::filesystem::path& models,
                                                BankOptions options) {
  auto impl = std::make_unique<Impl>(store);
  if (options.side != Side::commands) STELE_CHECK(impl->open_models(models, options));
  if (options.side != Side::queries) STELE_CHECK(impl->watch_for_fraud(options));
  return std::unique_ptr<Bank>(new Bank(std::move(impl)));
}

Bank::Bank(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Bank::~Bank() = default;

stele::Projections& Bank::projections() const { return impl_->projections; }
stele::SagaRunner& Bank::fraud_watch() const { return *impl_->fraud_watch; }

void Bank::attach(stele::App& app) {
  app.aggregates(aggregates());
  if (impl_->fraud_watch) {
    add_commands(app, impl_->store);
    stele::watch_saga(app, *impl_->fraud_watch);
  }
  if (impl_->feed) {
    add_queries(app, {impl_->store, *impl_->accounts, *impl_->statements, *impl_->feed});
    stele::watch_projections(app, impl_->projections);
    app.projections(impl_->projections);
  }
}

}  // namespace bank
