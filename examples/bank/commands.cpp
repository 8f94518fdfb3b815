// commands.cpp - from a request to a command, from its outcome to an answer.
#include "bank/commands.hpp"

#include "bank/bodies.hpp"
#include "bank/refusals.hpp"
#include "bank/transfer.hpp"
#include "stele/handler.hpp"

namespace bank {
namespace {

using stele::Answer;
using stele::Request;
using stele::Response;

// A command to one account, answered with what became of it.
template <class C>
Answer book(stele::EventStore& store, const Request& request, const C& command, int status) {
  STELE_TRY(const auto done,
            stele::handle<Account>(store, command, stele::context_of(request), stele::options_of(request)));
  if (done.refusal) return Response::problem(problem_of(*done.refusal));
  const Booked booked{done.revision->value(), done.appended->last.value(), command.account_id,
                      balance_of(done.state)};
  return Response::json(status, stele::to_json(booked))
      .header("Stele-Events-Read", std::to_string(done.events_read))
      .etag(*done.revision)
      .position(done.appended->last);
}

// An id nobody has; the same one again when the request is repeated.
std::string new_account_id(const Request& request) {
  constexpr stele::Uuid space(
      {0x0d, 0x6b, 0x9c, 0x55, 0x43, 0x0b, 0x4d, 0x1c, 0x8f, 0x3e, 0x61, 0x63, 0x63, 0x74, 0x2d, 0x31});
  const auto id = request.idempotency_key ? stele::Uuid::from_name(space, *request.idempotency_key)
                                          : stele::Uuid::random();
  return "acct-" + to_string(id);
}

Answer open_account(stele::EventStore& store, const Request& request) {
  auto body = stele::body_as<OpenBody>(request);
  if (!body) return Response::problem(body.error());
  Violations wrong;
  if (body->account_id) check_account_id(wrong, "/accountId", *body->account_id);
  check_text(wrong, "/owner", body->owner, true);
  if (!wrong.empty()) return Response::problem(malformed(std::move(wrong)));
  const OpenAccount command{body->account_id ? *body->account_id : new_account_id(request), body->owner};
  STELE_TRY(auto answer, book(store, request, command, 201));
  if (answer.refusal) return answer;
  return std::move(answer).header("Location", "/api/accounts/" + command.account_id + "/summary");
}

template <class C>
Answer move_money(stele::EventStore& store, const Request& request) {
  auto body = stele::body_as<AmountBody>(request);
  if (!body) return Response::problem(body.error());
  auto description = body->description.value_or("");
  Violations wrong;
  check_text(wrong, "/description", description);
  if (!wrong.empty()) return Response::problem(malformed(std::move(wrong)));
  const std::string account(request.param("id"));
  if (!stele::is_id(account)) return Response::problem(no_such_account(account));
  return book(store, request, C{account, body->amount, std::move(description)}, 200);
}

Answer close_account(stele::EventStore& store, const Request& request) {
  const std::string account(request.param("id"));
  if (!stele::is_id(account)) return Response::problem(no_such_account(account));
  return book(store, request, CloseAccount{account}, 200);
}

Answer transfer_money(stele::EventStore& store, const Request& request) {
  auto body = stele::body_as<TransferBody>(request);
  if (!body) return Response::problem(body.error());
  const TransferMoney command{body->from_account_id, body->to_account_id, body->amount,
                              body->description.value_or("")};
  Violations wrong;
  check_account_id(wrong, "/fromAccountId", command.from_account_id);
  check_account_id(wrong, "/toAccountId", command.to_account_id);
  check_text(wrong, "/description", command.description);
  if (!wrong.empty()) return Response::problem(malformed(std::move(wrong)));
  STELE_TRY(const auto done,
            transfer(store, command, stele::context_of(request), stele::options_of(request)));
  if (done.outcome.refusal) return Response::problem(problem_of(*done.outcome.refusal));
  const auto last = done.outcome.appended->last;
  const BookedTransfer booked{last.value(),
                              {command.from_account_id, done.from.revision->value(), done.from.balance},
                              {command.to_account_id, done.to.revision->value(), done.to.balance}};
  return Response::json(201, stele::to_json(booked)).position(last);
}

constexpr std::string_view amount_schema =
    R"({"type":"object","required":["amount"],"properties":{"amount":{"description":"at most two decimals",)"
    R"("oneOf":[{"type":"string"},{"type":"number"}]},"description":{"type":"string"}}})";
constexpr std::string_view open_schema =
    R"({"type":"object","required":["owner"],"properties":{"accountId":{"type":"string"},)"
    R"("owner":{"type":"string"}}})";
constexpr std::string_view transfer_schema =
    R"({"type":"object","required":["fromAccountId","toAccountId","amount"],"properties":{"fromAccountId":)"
    R"({"type":"string"},"toAccountId":{"type":"string"},"amount":{"oneOf":[{"type":"string"},)"
    R"({"type":"number"}]},"description":{"type":"string"}}})";

void add_command(stele::App& app, stele::EventStore& store, std::string pattern,
                 Answer (*handler)(stele::EventStore&, const Request&), std::string summary,
                 std::string_view schema) {
  app.route({.method = "POST",
             .pattern = std::move(pattern),
             .handler = [&store, handler](const Request& request) { return handler(store, request); },
             .doc = {.summary = std::move(summary), .request_schema = std::string(schema)}});
}

}  // namespace

void add_commands(stele::App& app, stele::EventStore& store) {
  add_command(app, store, "/api/accounts", open_account, "Open an account", open_schema);
  add_command(app, store, "/api/accounts/{id}/deposit", move_money<DepositMoney>, "Deposit money",
              amount_schema);
  add_command(app, store, "/api/accounts/{id}/withdraw", move_money<WithdrawMoney>, "Withdraw money",
              amount_schema);
  add_command(app, store, "/api/accounts/{id}/close", close_account, "Close an empty account", "");
  add_command(app, store, "/api/transfers", transfer_money,
              "Move money from one account to another, or not at all", transfer_schema);
}

}  // namespace bank
