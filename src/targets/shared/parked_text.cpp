// parked_text.cpp - a parked event as eight texts, each after its length.
#include "targets/shared/parked_text.hpp"

#include <array>
#include <charconv>

#include "base/utf8.hpp"
#include "targets/shared/standing.hpp"

namespace stele::targets {
namespace {

constexpr std::size_t longest_reason = 4'000;
constexpr std::size_t parked_fields = 8;

// "<length>:<bytes>," and the rest of `text`.
std::optional<std::string_view> take_field(std::string_view& text) {
  std::size_t length = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (failed != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.size() < 2 || text.size() - 2 < length || text[0] != ':' || text[length + 1] != ',')
    return std::nullopt;
  const std::string_view field = text.substr(1, length);
  text.remove_prefix(length + 2);
  return field;
}

std::optional<ParkedEvent> take_event(std::string_view& text) {
  std::array<std::string_view, parked_fields> fields;
  for (auto& field : fields) {
    const auto taken = take_field(text);
    if (!taken) return std::nullopt;
    field = *taken;
  }
  const auto position = integer_in(fields[0]);
  const auto tries = integer_in(fields[6]);
  const auto since = integer_in(fields[7]);
  if (!position || !tries || !since) return std::nullopt;
  return ParkedEvent{.position = Position(static_cast<std::uint64_t>(*position)),
                     .sequence = std::string(fields[1]),
                     .stream = std::string(fields[2]),
                     .type = std::string(fields[3]),
                     .state = parked_state(fields[4]),
                     .why = std::string(fields[5]),
                     .tries = static_cast<std::uint64_t>(*tries),
                     .since = Timestamp(std::chrono::microseconds(*since))};
}

}  // namespace

std::string text_of(const ParkedEvent& event) {
  const std::array<std::string, parked_fields> fields{std::to_string(event.position.value()),
                                                      event.sequence,
                                                      event.stream,
                                                      event.type,
                                                      std::string(to_string(event.state)),
                                                      reason_to_keep(event.why),
                                                      std::to_string(event.tries),
                                                      std::to_string(event.since.time_since_epoch().count())};
  std::string text;
  for (const std::string& field : fields) text += std::to_string(field.size()) + ':' + field + ',';
  return text;
}

std::optional<std::vector<ParkedEvent>> parked_in(std::string_view text) {
  std::vector<ParkedEvent> events;
  while (!text.empty()) {
    auto event = take_event(text);
    if (!event) return std::nullopt;
    events.push_back(*std::move(event));
  }
  return events;
}

ParkedEvent::State parked_state(std::string_view name) {
  for (const auto state : {ParkedEvent::State::waiting, ParkedEvent::State::skipped})
    if (name == to_string(state)) return state;
  return ParkedEvent::State::failed;
}

std::string reason_to_keep(std::string_view why) {
  std::string text(why.substr(0, longest_reason));
  while (text.size() < why.size() && !text.empty() && !base::is_utf8(text) &&
         text.size() + 4 > longest_reason)
    text.pop_back();  // a character that was cut
  const bool is_text = base::is_utf8(text);
  for (char& c : text)
    if (c == '\0' || (!is_text && static_cast<unsigned char>(c) > 0x7f)) c = '?';
  return text;
}

Error not_parked_any_more(const std::string& model, Position position) {
  return Error(errc::conflict, model + ": event " + std::to_string(position.value()) +
                                   " has been applied or skipped meanwhile")
      .with("position", position.value())
      .help("the list of parked events says which are left");
}

Error batch_on_its_way(const std::string& model) {
  return Error(errc::busy, model + ": a batch was on its way when the connection was lost")
      .help("ask again in a moment");
}

}  // namespace stele::targets
