// projection_server.hpp - asking a server about its projections. Not a target: there is nothing to ask of a directory.
#pragma once

#include <string>

#include "cli/session.hpp"
#include "cli/target/http_client.hpp"
#include "stele/result.hpp"

namespace stele::cli {

class ProjectionServer {
 public:
  // Errors: usage, when no server was named.
  static result<ProjectionServer> of(const Session& session);
  // The body of an answer that is a success; anything else is the error it was on the server.
  result<std::string> get(const std::string& path) { return ask({.target = path}); }
  result<std::string> post(const std::string& path, std::string body);
  result<std::string> remove(const std::string& path) { return ask({.method = "DELETE", .target = path}); }

 private:
  explicit ProjectionServer(HttpClient client) : client_(std::move(client)) {}
  result<std::string> ask(const HttpRequest& request);
  HttpClient client_;
};

// "/v1/projections/NAME"
[[nodiscard]] std::string projection_path(const std::string& name);

}  // namespace stele::cli
