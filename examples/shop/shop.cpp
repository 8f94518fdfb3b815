// shop.cpp - puts the shop together: models, saga, addresses, readiness.
#include "shop/shop.hpp"

#include <optional>

#include "shop/api.hpp"
#include "shop/fulfilment.hpp"
#include "shop/views.hpp"

namespace shop {

struct Shop::Impl {
  explicit Impl(stele::EventStore& the_store) : store(the_store), projections(the_store) {}
  ~Impl() {
    fulfilment.reset();
    projections.stop();
  }
  template <class View>
  stele::result<void> start(std::optional<Model>& model, const std::filesystem::path& folder) {
    STELE_TRY(auto target, stele::SqliteTarget::open(folder, stele::sqlite_projection<View>()));
    STELE_TRY(auto* const runner, projections.add(target));
    model.emplace(std::move(target), *runner);
    return {};
  }

  stele::EventStore& store;
  std::optional<Model> orders;
  std::optional<Model> carts;
  stele::Projections projections;
  std::unique_ptr<stele::SagaRunner> fulfilment;
};

stele::result<std::unique_ptr<Shop>> Shop::open(stele::EventStore& store, const std::filesystem::path& models,
                                                stele::SagaOptions options) {
  auto impl = std::make_unique<Impl>(store);
  STELE_CHECK(impl->start<Orders>(impl->orders, models));
  STELE_CHECK(impl->start<Carts>(impl->carts, models));
  impl->fulfilment = stele::run_saga<Fulfilment>(store, options);
  return std::unique_ptr<Shop>(new Shop(std::move(impl)));
}

Shop::Shop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Shop::~Shop() = default;

stele::Projections& Shop::projections() const { return impl_->projections; }
stele::SagaRunner& Shop::fulfilment() const { return *impl_->fulfilment; }

void Shop::attach(stele::App& app) {
  app.aggregates(aggregates());
  add_commands(app, impl_->store);
  add_queries(app, *impl_->orders, *impl_->carts);
  stele::watch_projections(app, impl_->projections);
  app.projections(impl_->projections);
  app.saga(*impl_->fulfilment);
  stele::watch_saga(app, *impl_->fulfilment);
}

}  // namespace shop
