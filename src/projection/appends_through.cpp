// appends_through.cpp - the first model's turn, with the door to the others as its store.
#include "projection/appends_through.hpp"

#include <utility>

namespace stele::projection {

std::shared_ptr<AppendsThrough> AppendsThrough::behind_first(std::vector<Runner*> models) const {
  models.erase(models.begin());
  return std::make_shared<AppendsThrough>(store_, [models = std::move(models)] { return models; });
}

result<AppendResult> AppendsThrough::append(AppendRequest request) {
  const auto models = models_();
  if (models.empty()) return store_.append(std::move(request));
  const auto behind = behind_first(models);
  return models.front()->append(*behind, std::move(request));
}

void AppendsThrough::append_async(AppendRequest request, AppendCompletion done) {
  const auto models = models_();
  if (models.empty()) return store_.append_async(std::move(request), std::move(done));
  auto behind = behind_first(models);
  auto& into = *behind;
  models.front()->append_async(into, std::move(request),
                               [behind = std::move(behind), done = std::move(done)](
                                   result<AppendResult> appended) mutable { done(std::move(appended)); });
}

}  // namespace stele::projection
