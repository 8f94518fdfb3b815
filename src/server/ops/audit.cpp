// audit.cpp - one administrative request as an event.
#include "server/ops/audit.hpp"

#include "server/log.hpp"
#include "server/text.hpp"
#include "stele/detail/json.hpp"

namespace stele::server {
namespace {

constexpr std::size_t most_of_body = 4'096;

// What was asked, as far as it is short and JSON: rules of retention and the like.
std::string body_member(const Request& request) {
  if (request.body.empty() || request.body.size() > most_of_body || !JsonDocument::parse(request.body))
    return "";
  return ",\"body\":" + request.body;
}

NewEvent administrative_action(const Request& request, int status) {
  NewEvent event;
  event.type = "AdministrativeAction";
  event.data = "{\"token\":" + json_quoted(request.token) + ",\"method\":" + json_quoted(request.method) +
               ",\"path\":" + json_quoted(request.path) + ",\"status\":" + std::to_string(status) +
               body_member(request) + "}";
  event.metadata =
      "{\"userId\":" + json_quoted(request.token) + ",\"requestId\":" + json_quoted(request.id) + "}";
  return event;
}

}  // namespace

bool is_audited(const Request& request, Scope scope) {
  return !request.token.empty() && scope == Scope::admin && request.method != "GET" &&
         request.method != "HEAD";
}

void audit(EventStore& store, const Request& request, int status, std::function<void()> done) {
  AppendRequest append;
  append.writes.push_back(
      {std::string(audit_stream), ExpectedVersion::any(), {administrative_action(request, status)}});
  store.append_async(
      std::move(append), [id = request.id, done = std::move(done)](const result<AppendResult>& kept) {
        if (!kept) {
          log_line(LogLevel::error, "audit.not_kept", "an administrative action could not be recorded",
                   {{"request_id", id}, {"error", kept.error().to_string()}});
        }
        done();
      });
}

}  // namespace stele::server
