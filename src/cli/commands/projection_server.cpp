// projection_server.cpp - one connection, kept for all questions of a command.
#include "cli/commands/projection_server.hpp"

#include <utility>

#include "cli/report.hpp"
#include "cli/target/target.hpp"
#include "cli/target/wire.hpp"

namespace stele::cli {

result<ProjectionServer> ProjectionServer::of(const Session& session) {
  STELE_TRY(const auto place, place_of(session));
  if (place.url.empty())
    return usage_error("projections run in a server, not in a directory").help("give --url http://HOST:PORT");
  STELE_TRY(auto client, HttpClient::make(place.url, place.token));
  return ProjectionServer(std::move(client));
}

result<std::string> ProjectionServer::post(const std::string& path, std::string body) {
  return ask({.method = "POST",
              .target = path,
              .headers = {"Content-Type: application/json"},
              .body = std::move(body)});
}

result<std::string> ProjectionServer::ask(const HttpRequest& request) {
  STELE_TRY(auto reply, client_.send(request));
  if (reply.status < 200 || reply.status > 299) return error_of_problem(reply.status, reply.body);
  return std::move(reply.body);
}

std::string projection_path(const std::string& name) { return "/v1/projections/" + percent_encoded(name); }

}  // namespace stele::cli
