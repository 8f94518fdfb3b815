// store_api.hpp - the event store over HTTP: /v1. The handlers translate and decide nothing.
#pragma once

#include <memory>
#include <vector>

#include "server/app/core.hpp"
#include "server/http/router.hpp"

namespace stele::server {

// The handlers hold the core weakly: it owns the router that owns them.
[[nodiscard]] std::vector<ServedRoute> append_routes(const std::shared_ptr<Core>& core);
[[nodiscard]] std::vector<ServedRoute> read_routes(const std::shared_ptr<Core>& core);
[[nodiscard]] std::vector<ServedRoute> stream_routes(const std::shared_ptr<Core>& core);
[[nodiscard]] std::vector<ServedRoute> retention_routes(const std::shared_ptr<Core>& core);
[[nodiscard]] std::vector<ServedRoute> saga_routes(const std::shared_ptr<Core>& core);
[[nodiscard]] std::vector<ServedRoute> history_routes(const std::shared_ptr<Core>& core);
[[nodiscard]] std::vector<ServedRoute> projection_routes(const std::shared_ptr<Core>& core);
[[nodiscard]] std::vector<ServedRoute> sql_routes(const std::shared_ptr<Core>& core);
[[nodiscard]] std::vector<ServedRoute> query_routes(const std::shared_ptr<Core>& core);

}  // namespace stele::server
