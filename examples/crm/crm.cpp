// crm.cpp - puts the crm together: models, addresses, readiness.
#include "crm/crm.hpp"

#include <optional>

#include "crm/api.hpp"
#include "crm/user.hpp"
#include "stele/evolution.hpp"

namespace crm {

struct Crm::Impl {
  explicit Impl(stele::EventStore& the_store) : store(the_store), projections(the_store) {}
  ~Impl() { projections.stop(); }
  template <class View>
  stele::result<void> start(std::optional<Model>& model, const std::filesystem::path& folder) {
    STELE_TRY(auto target, stele::SqliteTarget::open(folder, stele::sqlite_projection<View>()));
    STELE_TRY(auto* const runner, projections.add(target));
    model.emplace(std::move(target), *runner);
    return {};
  }

  stele::EventStore& store;
  std::optional<Model> users;
  std::optional<Model> memberships;
  stele::Projections projections;
};

stele::result<std::unique_ptr<Crm>> Crm::open(stele::EventStore& store, const std::filesystem::path& models) {
  auto impl = std::make_unique<Impl>(store);
  STELE_CHECK(impl->start<Users>(impl->users, models));
  STELE_CHECK(impl->start<Memberships>(impl->memberships, models));
  return std::unique_ptr<Crm>(new Crm(std::move(impl)));
}

Crm::Crm(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Crm::~Crm() = default;

stele::Projections& Crm::projections() const { return impl_->projections; }

void Crm::attach(stele::App& app) {
  app.aggregates(aggregates());
  app.type_names(
      stele::type_names<User>());  // who asks /v1 for PremiumEnded gets what it was called before as well
  add_commands(app, impl_->store);
  add_queries(app, *impl_->users, *impl_->memberships);
  stele::watch_projections(app, impl_->projections);
  app.projections(impl_->projections);
}

}  // namespace crm
