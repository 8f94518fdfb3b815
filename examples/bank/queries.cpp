// queries.cpp - the bank's reading side over HTTP. Nothing here appends.
#include <algorithm>
#include <charconv>

#include "bank/bodies.hpp"
#include "bank/models.hpp"
#include "bank/refusals.hpp"
#include "bank/vigilance.hpp"

namespace bank {
namespace {

using stele::Answer;
using stele::Problem;
using stele::Request;
using stele::Response;

constexpr std::uint64_t most_rows = 1000;
constexpr std::string_view events_media_type = "text/event-stream";

Problem wrong_query(const std::string& name, std::string what, std::string help) {
  return Problem(400, "invalid-request", std::move(what)).with("parameter", name).help(std::move(help));
}

// ?limit=, from 1 to 1000.
std::expected<std::uint64_t, Problem> limit_of(const Request& request, std::uint64_t usual) {
  const auto text = request.query_value("limit");
  if (!text) return usual;
  std::uint64_t limit = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (failure == std::errc{} && end == text->data() + text->size() && limit >= 1 && limit <= most_rows)
    return limit;
  return std::unexpected(wrong_query("limit", "limit is no number from 1 to 1000", "for example limit=100"));
}

Response with_next(Response answer, const Request& request, const std::optional<std::string>& next) {
  if (!next) return answer;
  std::string link = "<" + request.path + "?cursor=" + *next;
  if (const auto limit = request.query_value("limit")) link += "&limit=" + std::string(*limit);
  return std::move(answer).header("Link", link + ">; rel=\"next\"");
}

// The model does not know the account: because there is none, or because the model has not got there yet?
Answer not_in_model(const Models& models, std::string_view account_id) {
  if (!stele::is_id(account_id) || !models.store.stream_info(stream_of(account_id)))
    return Response::problem(no_such_account(account_id));
  return Response::problem(
      Problem(404, "not-yet-visible", "the account exists, and the read model lags behind it")
          .with("accountId", account_id)
          .help("repeat with ?after_version=0: the answer waits for the model"));
}

// ---- Summary

Answer summary_in_the_past(const Models& models, const Request& request) {
  const auto account = request.param("id");
  if (!stele::is_id(account)) return Response::problem(no_such_account(account));
  const auto summary = summary_as_of(models.store, account, *request.as_of);
  if (!summary && summary.error().kind() == stele::errc::not_found &&
      !models.store.stream_info(stream_of(account)))
    return Response::problem(no_such_account(account));
  if (!summary) return summary.error();
  STELE_TRY(const auto at, stele::position_of(models.store, *request.as_of, stream_of(account)));
  auto answer = Response::json(200, stele::to_json(*summary)).etag(stele::Revision(summary->version));
  answer.read_version = stele::Revision(summary->version);
  return std::move(answer).header("Stele-As-Of", "p" + std::to_string(at.value()));
}

Answer summary_live(const Models& models, const std::string& account) {
  return Response::live([&feed = models.feed, account](std::shared_ptr<stele::EventStream> client) {
    feed.add(account, std::move(client));
  });
}

Answer get_summary(const Models& models, const Request& request) {
  const auto live = request.accepts(events_media_type);
  if (request.as_of && live)
    return Response::problem(wrong_query("as_of", "the past does not change: it is no event stream",
                                         "leave out as_of, or ask for application/json"));
  if (request.as_of) return summary_in_the_past(models, request);
  const std::string account(request.param("id"));
  STELE_TRY(auto snapshot, models.accounts.target->snapshot());
  const auto summary = summary_of(snapshot, account);
  if (!summary && summary.error().kind() == stele::errc::not_found) return not_in_model(models, account);
  if (!summary) return summary.error();
  if (live) return summary_live(models, account);
  const stele::Revision version(summary->version);
  return Response::json(200, stele::to_json(*summary)).etag(version).read(version, snapshot.position());
}

// ---- Accounts

Answer get_accounts(const Models& models, const Request& request) {
  const auto limit = limit_of(request, 100);
  if (!limit) return Response::problem(limit.error());
  const auto after = request.query_value("cursor").value_or("");
  STELE_TRY(auto snapshot, models.accounts.target->snapshot());
  AccountPage page;
  STELE_TRY(page.accounts, list_accounts(snapshot, after, *limit + 1));
  if (page.accounts.size() > *limit) {
    page.accounts.pop_back();
    page.next = page.accounts.back().account_id;
  }
  auto answer = Response::json(200, stele::to_json(page));
  answer.read_position = snapshot.position();
  return with_next(std::move(answer), request, page.next);
}

// ---- Statement

Answer get_statement(const Models& models, const Request& request) {
  const auto month = request.query_value("month");
  if (!month) return Response::problem(wrong_query("month", "which month?", "for example ?month=2026-03"));
  const auto account = request.param("id");
  STELE_TRY(auto snapshot, models.statements.target->snapshot());
  const auto statement = statement_of(snapshot, account, *month);
  if (!statement && statement.error().kind() == stele::errc::not_found) return not_in_model(models, account);
  if (!statement && statement.error().kind() == stele::errc::invalid)
    return Response::problem(wrong_query("month", statement.error().message(), "for example ?month=2026-03"));
  if (!statement) return statement.error();
  auto answer = Response::json(200, stele::to_json(*statement));
  answer.read_position = snapshot.position();
  return answer;
}

// ---- History: what, when, who, why

std::optional<std::string> text_in(const stele::result<stele::JsonDocument>& document,
                                   std::string_view name) {
  if (!document) return std::nullopt;
  const auto member = document->root().find(name);
  const auto text = member ? member->as_string() : std::nullopt;
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

AuditRow audit_row(const stele::EventView& event) {
  const auto data = stele::JsonDocument::parse(event.data);
  const auto metadata = stele::JsonDocument::parse(event.metadata);
  AuditRow row;
  row.version = event.revision.value();
  row.position = event.position.value();
  row.event_type = event.type;
  if (const auto amount = text_in(data, "amount"))
    if (const auto money = Money::parse(*amount)) row.amount = *money;
  row.description = text_in(data, "description");
  row.user_id = text_in(metadata, "userId");
  row.correlation_id = text_in(metadata, "correlationId");
  row.causation_id = text_in(metadata, "causationId");
  row.created_at = event.recorded_at;
  return row;
}

// Rows of the stream from `from` on, at most `limit`, none behind `up_to`.
stele::result<AuditPage> read_history(stele::EventStore& store, std::string_view account,
                                      stele::Revision from, std::uint64_t limit,
                                      std::optional<stele::Position> up_to) {
  AuditPage page{.account_id = std::string(account), .events = {}, .next = {}};
  STELE_TRY(const auto cursor,
            store.read_stream({.stream = stream_of(account), .from = from, .limit = limit + 1}));
  while (true) {
    STELE_TRY(const auto batch, cursor->next_batch(256));
    if (batch.empty()) return page;
    for (const auto& event : batch) {
      if (up_to && event.position > *up_to) return page;
      if (page.events.size() == limit) {
        page.next = "v" + std::to_string(event.revision.value());
        return page;
      }
      page.events.push_back(audit_row(event));
    }
  }
}

std::expected<stele::Revision, Problem> first_row(const Request& request) {
  const auto cursor = request.query_value("cursor");
  if (!cursor) return stele::Revision(0);
  const auto moment = stele::parse_moment(*cursor);
  const auto* revision = moment ? std::get_if<stele::Revision>(&moment->at) : nullptr;
  if (revision) return *revision;
  return std::unexpected(
      wrong_query("cursor", "cursor is no version", "take it from `next` of the page before"));
}

Answer get_history(const Models& models, const Request& request) {
  const auto account = request.param("id");
  const auto limit = limit_of(request, most_rows);
  if (!limit) return Response::problem(limit.error());
  const auto from = first_row(request);
  if (!from) return Response::problem(from.error());
  if (!stele::is_id(account)) return Response::problem(no_such_account(account));
  const auto info = models.store.stream_info(stream_of(account));
  if (!info && info.error().kind() == stele::errc::not_found)
    return Response::problem(no_such_account(account));
  if (!info) return info.error();
  std::optional<stele::Position> up_to;
  if (request.as_of) {
    STELE_TRY(up_to, stele::position_of(models.store, *request.as_of, stream_of(account)));
  }
  STELE_TRY(const auto page, read_history(models.store, account, *from, *limit, up_to));
  auto answer = Response::json(200, stele::to_json(page)).etag(info->last_revision);
  answer.read_version = info->last_revision;
  return with_next(std::move(answer), request, page.next);
}

// ---- Suspicions: no model, the log itself knows them by their type

Answer get_suspicions(const Models& models, const Request& request) {
  const auto limit = limit_of(request, 100);
  if (!limit) return Response::problem(limit.error());
  using Findings = stele::events<SuspiciousActivityDetected>;
  stele::QueryItem findings;
  findings.types = stele::recorded_names<SuspiciousActivityDetected>();
  findings.categories.emplace_back(Vigilance::category);
  STELE_TRY(const auto cursor, models.store.read({.query = stele::Query::of(std::move(findings)),
                                                  .from = {},
                                                  .direction = stele::Direction::backward,
                                                  .limit = *limit}));
  Suspicions found;
  while (true) {
    STELE_TRY(const auto batch, cursor->next_batch(256));
    if (batch.empty()) return Response::json(200, stele::to_json(found));
    for (const auto& event : batch)
      STELE_CHECK(stele::each_event<Findings>(event, [&](const SuspiciousActivityDetected& e) {
        found.suspicions.push_back(
            {e.account_id, e.withdrawals, e.total, e.since, e.until, event.position.value()});
      }));
  }
}

// ---- Addresses

const stele::Field as_of_field{"as_of", "the state then: v204, p90211, 2026-03-01, 2026-03-01T10:00Z, -2h"};
const std::vector<stele::Field> paging{{"limit", "rows, 1 to 1000"}, {"cursor", "`next` of the page before"}};

std::vector<stele::Field> both(std::vector<stele::Field> some, const std::vector<stele::Field>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

std::string stream_asked_for(const Request& request) { return stream_of(request.param("id")); }

}  // namespace

void add_queries(stele::App& app, const Models& models) {
  const auto with = [models](Answer (*handler)(const Models&, const Request&)) {
    return [models, handler](const Request& request) { return handler(models, request); };
  };
  app.problem(
      "not-yet-visible", "The read model has not got there yet",
      "What you ask for exists in the log, and the read model behind this address will show it soon. Repeat "
      "the request with after_version or after_position, and the answer waits for it.");
  app.route({.method = "GET",
             .pattern = "/api/accounts",
             .handler = with(get_accounts),
             .doc = {.summary = "All accounts, by id", .query = paging},
             .model = &models.accounts.position});
  app.route({.method = "GET",
             .pattern = "/api/accounts/{id}/summary",
             .handler = with(get_summary),
             .doc = {.summary = "Balance, version and the newest ten transactions",
                     .description = "With Accept: text/event-stream, the summary now and after each change.",
                     .query = {as_of_field}},
             .model = &models.accounts.position,
             .stream = stream_asked_for});
  app.route({.method = "GET",
             .pattern = "/api/accounts/{id}/statement",
             .handler = with(get_statement),
             .doc = {.summary = "One month: opening balance, movements, closing balance",
                     .query = {{"month", "2026-03"}}},
             .model = &models.statements.position,
             .stream = stream_asked_for});
  app.route({.method = "GET",
             .pattern = "/api/suspicions",
             .handler = with(get_suspicions),
             .doc = {.summary = "What the fraud rule has found, newest first",
                     .query = {{"limit", "rows, 1 to 1000"}}}});
  app.route(
      {.method = "GET",
       .pattern = "/api/accounts/{id}/history",
       .handler = with(get_history),
       .doc = {.summary = "The audit trail: what, when, who, why", .query = both(paging, {as_of_field})}});
}

}  // namespace bank
