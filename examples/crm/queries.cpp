// queries.cpp - the crm's reading side: one user, and how many were premium when. Nothing here appends.
#include <chrono>

#include "crm/api.hpp"

namespace crm {
namespace {

using stele::Answer;
using stele::Request;
using stele::Response;

Answer get_user(Model& users, const Request& request) {
  STELE_TRY(auto snapshot, users.target->snapshot());
  const auto user = user_of(snapshot, request.param("id"));
  if (!user && user.error().kind() == stele::errc::not_found)
    return Response::problem(
        stele::refusal_of("NoSuchUser", stele::to_json(NoSuchUser{std::string(request.param("id"))})));
  if (!user) return user.error();
  const stele::Revision version(user->version);
  return Response::json(200, stele::to_json(*user)).etag(version).read(version, snapshot.position());
}

// The instant that was asked about; nothing when it cannot be read.
std::optional<stele::Timestamp> instant_of(const Request& request) {
  if (const auto month = request.query_value("month")) return end_of_month(*month);
  if (const auto at = request.query_value("at")) return stele::parse_time(*at);
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

Answer get_premium(Model& memberships, const Request& request) {
  const auto at = instant_of(request);
  if (!at)
    return Response::problem(stele::Problem(400, "invalid-request", "this is no month and no time")
                                 .help("for example ?month=2026-06 or ?at=2026-06-15T12:00Z"));
  STELE_TRY(auto snapshot, memberships.target->snapshot());
  STELE_TRY(const auto count, premium_at(snapshot, *at));
  auto answer = Response::json(200, stele::to_json(count));
  answer.read_position = snapshot.position();
  return answer;
}

}  // namespace

void add_queries(stele::App& app, Model& users, Model& memberships) {
  app.route({.method = "GET",
             .pattern = "/api/users/{id}",
             .handler = [&users](const Request& request) { return get_user(users, request); },
             .doc = {.summary = "A user as they are now"},
             .model = &users.position,
             .stream = [](const Request& request) { return stele::stream_of<User>(request.param("id")); }});
  app.route({.method = "GET",
             .pattern = "/api/premium",
             .handler = [&memberships](const Request& request) { return get_premium(memberships, request); },
             .doc = {.summary = "How many users were premium at an instant",
                     .query = {{"month", "2026-06: at its end, UTC"}, {"at", "an instant, RFC 3339"}}},
             .model = &memberships.position});
}

}  // namespace crm
