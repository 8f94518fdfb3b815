// commands.cpp - the crm's writing side: from a request to a command, from its outcome to an answer. No read model is
// asked here.
#include "crm/api.hpp"
#include "crm/registration.hpp"

namespace crm {
namespace {

using stele::Answer;
using stele::Request;
using stele::Response;

struct RegisterBody {
  std::optional<std::string> user_id;  // none: the crm gives one
  std::string first_name;
  std::optional<std::string> last_name;
  std::string email;
};
struct EndBody {
  std::optional<std::string> reason;
};
struct UserAnswer {
  std::string user_id;
  std::uint64_t version;
  std::uint64_t position;
};

Response changed(int status, const std::string& user_id, stele::Revision version, stele::Position last) {
  const UserAnswer answer{user_id, version.value(), last.value()};
  return Response::json(status, stele::to_json(answer)).etag(version).position(last);
}

// The same id again when the request is repeated.
std::string new_user_id(const Request& request) {
  constexpr stele::Uuid space(
      {0x2f, 0x6d, 0x1a, 0x94, 0x3c, 0x57, 0x4e, 0x0b, 0x8d, 0x21, 0x75, 0x73, 0x65, 0x72, 0x2d, 0x31});
  return "user-" + to_string(request.idempotency_key ? stele::Uuid::from_name(space, *request.idempotency_key)
                                                     : stele::Uuid::random());
}

Answer post_user(stele::EventStore& store, const Request& request) {
  return stele::answer_command<RegisterBody>(request, [&](RegisterBody body) -> Answer {
    const RegisterCustomer command{body.user_id.value_or(new_user_id(request)), std::move(body.first_name),
                                   body.last_name.value_or(""), std::move(body.email)};
    if (!stele::is_id(command.user_id)) return Response::problem(stele::wrong_id("userId", command.user_id));
    STELE_TRY(const auto done,
              register_customer(store, command, stele::context_of(request), stele::options_of(request)));
    if (done.refusal) return Response::problem(stele::refusal_of(*done.refusal));
    return changed(201, command.user_id, stele::Revision(0), done.appended->last)
        .header("Location", "/api/users/" + command.user_id);
  });
}

// Nothing to do is an answer, too.
template <class C>
Answer handled(stele::EventStore& store, const Request& request, const C& command) {
  if (!stele::is_id(command.user_id)) return Response::problem(stele::wrong_id("id", command.user_id));
  STELE_TRY(const auto done,
            stele::handle<User>(store, command, stele::context_of(request), stele::options_of(request)));
  if (done.refusal) return Response::problem(stele::refusal_of(*done.refusal));
  return changed(200, command.user_id, *done.revision,
                 done.appended ? done.appended->last : store.head().position);
}

Answer post_premium(stele::EventStore& store, const Request& request) {
  return handled(store, request, StartPremium{std::string(request.param("id"))});
}

Answer post_premium_end(stele::EventStore& store, const Request& request) {
  return stele::answer_command<EndBody>(request, [&](const EndBody& body) {
    return handled(store, request,
                   EndPremium{std::string(request.param("id")), body.reason.value_or("not said")});
  });
}

Answer post_deactivate(stele::EventStore& store, const Request& request) {
  return handled(store, request, DeactivateUser{std::string(request.param("id"))});
}

}  // namespace

void add_commands(stele::App& app, stele::EventStore& store) {
  const auto add = [&](std::string pattern, Answer (*handler)(stele::EventStore&, const Request&),
                       std::string summary) {
    app.route({.method = "POST",
               .pattern = std::move(pattern),
               .handler = [&store, handler](const Request& request) { return handler(store, request); },
               .doc = {.summary = std::move(summary)}});
  };
  add("/api/users", post_user, "Register, under an e-mail address nobody else has");
  add("/api/users/{id}/premium", post_premium, "Become premium");
  add("/api/users/{id}/premium/end", post_premium_end, "Be premium no longer");
  add("/api/users/{id}/deactivate", post_deactivate, "Leave, and give the e-mail address back");
}

}  // namespace crm
