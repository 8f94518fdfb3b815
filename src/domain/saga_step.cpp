// saga_step.cpp - ids and metadata of a saga's records.
#include "domain/saga_step.hpp"

#include "base/json_text.hpp"

namespace stele::domain {
namespace {

// Name space of the ids of steps. Never change it: steps would be taken for new ones.
constexpr Uuid step_space({0x5a, 0x6a, 0x0e, 0x1d, 0x93, 0x27, 0x4b, 0x5e, 0x8c, 0x40, 0x73, 0x61, 0x67, 0x61,
                           0x73, 0x31});

std::string member(const JsonDocument& document, std::string_view name) {
  const auto found = document.root().find(name);
  return std::string(found ? found->as_string().value_or("") : "");
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (out.size() > 1) out += ',';
  ((out += '"') += name) += "\":";
  base::append_json_string(out, value);
}

// Metadata is the application's: whatever is no JSON object has nothing to hand on.
Trace read_trace(std::string_view metadata) {
  const auto document = JsonDocument::parse(metadata, {.allow_repeated_keys = true});
  if (!document) return {};
  return {member(*document, "correlationId"), member(*document, "causationId"),
          member(*document, "traceparent")};
}

}  // namespace

Trace trace_of(const Uuid& id, std::string_view metadata) {
  Trace trace = read_trace(metadata);
  if (trace.correlation_id.empty()) trace.correlation_id = to_string(id);
  trace.causation_id = to_string(id);
  return trace;
}

Trace trace_of(const RecordedStep& step) {
  if (step.step.because == Because::event) return read_trace(step.metadata);
  return trace_of(step.id, step.metadata);
}

std::string metadata_of(const Trace& trace, std::string_view saga) {
  std::string out = "{";
  append_member(out, "userId", "saga:" + std::string(saga));
  append_member(out, "correlationId", trace.correlation_id);
  append_member(out, "causationId", trace.causation_id);
  append_member(out, "traceparent", trace.traceparent);
  return out + "}";
}

Uuid step_id(std::string_view stream, const SagaStep& step) {
  std::string name(stream);
  for (const std::string& part : {std::string(detail::enum_name(step.because)), std::to_string(step.position),
                                  step.name, step.index ? std::to_string(*step.index) : std::string()})
    (name += '\n') += part;
  return Uuid::from_name(step_space, name);
}

std::string command_key(const Uuid& step, std::uint64_t index) {
  return "saga/" + to_string(step) + "/" + std::to_string(index);
}

}  // namespace stele::domain
