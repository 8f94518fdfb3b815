// bisect_server.cpp - asks GET /v1/aggregates/{type}?where= for lines, and again behind where it ended while more may
// be found.
#include "cli/commands/bisect_server.hpp"

#include <algorithm>

#include "base/json_reader.hpp"
#include "cli/commands/look.hpp"
#include "cli/target/http_client.hpp"
#include "cli/target/wire.hpp"
#include "event/event_json.hpp"

namespace stele::cli {
namespace {

constexpr std::uint64_t most_finds_asked = 1'000;  // what the server allows in one answer

Error unreadable_sweep() {
  return {errc::unavailable, "the server's answer about its aggregates cannot be read"};
}

std::string sweep_text(const JsonValue& line, std::string_view name) {
  const auto member = line.find(name);
  return std::string(member ? member->as_string().value_or("") : "");
}
std::uint64_t sweep_number(const JsonValue& line, std::string_view name) {
  const auto member = line.find(name);
  return member ? member->as_u64().value_or(0) : 0;
}

// One answer, added to what earlier ones said. Its counts begin at zero, so each line of them replaces the last.
class SweepAnswer {
 public:
  SweepAnswer(history::SweepResult& out, const SweepProgress& progress)
      : out_(out), progress_(progress), streams_(out.streams), events_(out.events) {}

  result<bool> take(const JsonValue& line) {
    if (const auto counts = line.find("$progress")) {
      count(*counts);
      progress_(out_.streams, out_.events);
      return true;
    }
    if (const auto which = line.find("$unreadable")) {
      out_.unreadable.push_back(sweep_text(*which, "stream") + ": " + sweep_text(*which, "why"));
      return true;
    }
    if (const auto end = line.find("$end")) {
      count(*end);
      const auto complete = end->find("complete");
      out_.complete = complete && complete->as_bool().value_or(false);
      next = sweep_text(*end, "next");
      fold = sweep_text(*end, "fold");
      ended = true;
      return false;
    }
    const auto event = line.find("event");
    const auto before = line.find("before");
    const auto after = line.find("after");
    if (!event || !before || !after) return unreadable_sweep();
    STELE_TRY(auto recorded, parse_event_json(event->raw()));
    out_.found.push_back({std::move(recorded), std::string(before->raw()), std::string(after->raw())});
    return true;
  }

  bool ended = false;
  std::string next;  // the id to go on behind
  std::string fold;

 private:
  void count(const JsonValue& counts) {
    out_.streams = streams_ + sweep_number(counts, "streams");
    out_.events = events_ + sweep_number(counts, "events");
  }

  history::SweepResult& out_;
  const SweepProgress& progress_;
  std::uint64_t streams_;
  std::uint64_t events_;
};

// The condition goes as it was written: what is wrong with it is said by whoever parses it, at the same column.
std::string sweep_target(const BisectOptions& options, std::uint64_t limit, const std::string& after) {
  return aggregate_path(options.type, "") + "?where=" + percent_encoded(options.bad) +
         "&limit=" + std::to_string(std::min(limit, most_finds_asked)) +
         (after.empty() ? "" : "&after=" + percent_encoded(after));
}

}  // namespace

result<history::SweepResult> sweep_on_server(const BisectOptions& options, const Session& session,
                                             const SweepProgress& progress, std::string& fold_name) {
  history::SweepResult out;
  out.complete = false;
  STELE_TRY(const auto place, place_of(session));
  STELE_TRY(auto client, HttpClient::make(place.url, place.token));
  std::string after;
  while (!out.complete && out.found.size() < options.limit && !session.stop.stop_requested()) {
    SweepAnswer answer(out, progress);
    JsonLines lines([&](const JsonValue& line) { return answer.take(line); });
    const HttpRequest request{.target = sweep_target(options, options.limit - out.found.size(), after),
                              .headers = {"Accept: application/x-ndjson"}};
    STELE_TRY(
        const auto reply,
        client.stream(request, [&](std::string_view bytes) { return lines.take(bytes); }, session.stop));
    if (reply.status != 200) return error_of_problem(reply.status, reply.body);
    STELE_CHECK(lines.outcome());
    if (!answer.ended && !session.stop.stop_requested())
      return Error(errc::unavailable, "the server's answer broke off");
    if (answer.ended && !out.complete && answer.next.empty()) return unreadable_sweep();
    after = answer.next;
    fold_name = answer.fold;
  }
  std::ranges::sort(out.found, {}, [](const history::KeptStep& each) { return each.event.position; });
  return out;
}

}  // namespace stele::cli
