// model_wait.hpp - waiting until a read model shows what the caller has written, holding no thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "server/app/core.hpp"
#include "stele/app.hpp"

namespace stele::server {

struct ModelWait {
  bool reached = false;
  std::optional<Position> wanted;  // nothing: the version does not exist yet
};

// Waits for `after_position` and `after_version` of the request, at most its patience. `done` runs exactly once,
// on any thread (before this returns, when there is nothing to wait for).
void wait_for_model(const std::shared_ptr<Core>& core, const Route& route,
                    const std::shared_ptr<const Request>& request,
                    std::move_only_function<void(ModelWait)> done);

[[nodiscard]] inline bool wants_to_wait(const Route& route, const Request& request) {
  return route.model != nullptr && (request.after_position || request.after_version);
}

}  // namespace stele::server
