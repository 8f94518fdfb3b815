// web.cpp - requests read, refusals worded, projections watched. What becomes of it is each application's own.
#include "stele/web.hpp"

#include <algorithm>
#include <array>

namespace stele {
namespace {

// Aggregates that many people ask for at once get a second chance more often than the toolkit's default.
constexpr unsigned web_tries = 50;
constexpr std::size_t longest_id = 64;

bool fits_id(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

std::string in_words(std::string_view rule) {
  std::string text;
  for (const char c : rule) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !text.empty()) text += ' ';
    text += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

result<void> projection_ready(const Runner& runner) {
  const auto status = runner.status();
  if (status.state != ProjectionState::failed && status.state != ProjectionState::stopped) return {};
  return Error(errc::unavailable,
               status.name + " is " + std::string(to_string(status.state)) + ": " + status.reason);
}

double in_seconds(std::chrono::microseconds span) { return std::chrono::duration<double>(span).count(); }

void add_status_metrics(std::vector<Metric>& into, const ProjectionStatus& status) {
  const auto add = [&](std::string name, std::string help, std::string type, double value) {
    into.push_back({std::move(name), std::move(help), std::move(type), {{"projection", status.name}}, value});
  };
  add("stele_projection_position", "Everything up to here is visible in the model.", "gauge",
      static_cast<double>(status.position.value()));
  add("stele_projection_lag_events", "Events between the model and the head.", "gauge",
      static_cast<double>(status.behind_events));
  add("stele_projection_lag_seconds", "Age of the oldest event not in the model; 0 at the head.", "gauge",
      in_seconds(status.behind));
  add("stele_projection_applied_events_total", "Events applied since the start.", "counter",
      static_cast<double>(status.applied));
  add("stele_projection_parked_events", "Events that are not in the model and wait for somebody.", "gauge",
      static_cast<double>(status.parked));
  add("stele_projection_errors_total", "Tries to apply an event that failed.", "counter",
      static_cast<double>(status.retries));
}

// From an event's recorded time to the moment it can be seen in the model.
void add_delay_metrics(std::vector<Metric>& into, const Runner& runner) {
  const auto latency = runner.latency();
  for (const double q : {0.5, 0.99}) {
    into.push_back({"stele_projection_visibility_delay_seconds",
                    "From recorded to visible: the quantile's upper bound.",
                    "gauge",
                    {{"projection", runner.target().name()}, {"quantile", q < 0.9 ? "0.5" : "0.99"}},
                    in_seconds(latency.quantile(q))});
  }
}

}  // namespace

std::optional<Problem> wrong_media_type(const Request& request) {
  constexpr std::array<std::string_view, 3> taken{"", "application/json",
                                                  "application/x-www-form-urlencoded"};
  if (std::ranges::find(taken, request.content_type()) != taken.end()) return std::nullopt;
  return Problem(415, "unsupported-media-type", "the body must be JSON")
      .with_json("offered", "[\"application/json\"]");
}

// Reading the wire form notes each problem as a pair of facts; a text that is no JSON has no pairs.
Problem malformed_body(const Error& why) {
  std::vector<Problem::Violation> violations;
  for (const auto& fact : why.facts()) {
    if (fact.name == "pointer") violations.push_back({fact.value, why.message()});
    if (fact.name == "problem" && !violations.empty()) violations.back().message = fact.value;
  }
  if (violations.empty()) violations.push_back({"", why.message()});
  return invalid_command("the body is not this command", std::move(violations));
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= longest_id && std::ranges::all_of(text, fits_id);
}

Problem wrong_id(std::string_view member, std::string_view text) {
  return invalid_command("this cannot be an id",
                         {{"/" + std::string(member), "1 to 64 letters, digits, '.', '_' or '-', not '" +
                                                          std::string(text.substr(0, 80)) + "'"}});
}

Context context_of(const Request& request) {
  return {.user = request.header("x-user-id").value_or(""),
          .correlation_id = request.header("x-correlation-id").value_or(""),
          .causation_id = request.header("x-causation-id").value_or(""),
          .traceparent = request.traceparent,
          .idempotency_key = request.idempotency_key.value_or("")};
}

HandleOptions options_of(const Request& request) {
  HandleOptions options;
  options.max_tries = web_tries;
  options.expected = request.expected;
  return options;
}

Problem refusal_of(std::string_view rule, const std::string& facts, std::string sentence) {
  if (sentence.empty()) sentence = in_words(rule);
  Problem problem = rule.starts_with("NoSuch") ? not_found(std::move(sentence)).with("rule", rule)
                                               : business_rule(rule, std::move(sentence));
  const auto document = JsonDocument::parse(facts);
  if (!document) return problem;
  for (const auto [name, value] : document->root().members())
    problem = std::move(problem).with_json(std::string(name), std::string(value.raw()));
  return problem;
}

Position RunnerModel::position() const { return runner_.position(); }
std::uint64_t RunnerModel::notify_at(Position wanted, std::function<void()> reached) {
  return runner_.notify_at(wanted, [reached = std::move(reached)](result<Position> at) {
    if (at) reached();
  });
}
void RunnerModel::cancel(std::uint64_t ticket) { runner_.cancel(ticket); }

void watch_projections(App& app, const Projections& projections) {
  for (const auto* runner : projections.runners())
    app.check("projection " + runner->target().name(), [runner] { return projection_ready(*runner); });
  app.metrics([&projections] {
    std::vector<Metric> all;
    for (const auto* runner : projections.runners()) {
      add_status_metrics(all, runner->status());
      add_delay_metrics(all, *runner);
    }
    return all;
  });
}

void watch_saga(App& app, const SagaRunner& saga) {
  app.metrics([&saga] {
    const SagaStatus status = saga.status();
    const auto metric = [&](std::string name, std::string help, std::string type, std::uint64_t value) {
      return Metric{std::move(name),
                    std::move(help),
                    std::move(type),
                    {{"saga", status.name}},
                    static_cast<double>(value)};
    };
    return std::vector{
        metric("stele_saga_position", "Everything up to here was handled.", "gauge", status.position.value()),
        metric("stele_saga_timers", "Timers that are pending.", "gauge", status.timers),
        metric("stele_saga_stuck", "Instances that wait for somebody.", "gauge", status.stuck),
        metric("stele_saga_commands_total", "Commands sent since the start.", "counter", status.sent)};
  });
}

}  // namespace stele
