// causes.cpp - gathers a transaction from the log, makes a forest of it, walks it in order.
#include "history/causes.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/assert.hpp"
#include "event/event_json.hpp"
#include "history/trace.hpp"

namespace stele::history {
namespace {

constexpr std::size_t longest_chain = 100;

// Events of one transaction, by id; the log is read forward, so that a cause is known before what it led to.
class Transaction {
 public:
  Transaction(EventSource& source, const CausesLimits& limits) : source_(source), limits_(limits) {}

  result<void> gather(const Uuid& id) {
    STELE_TRY(auto asked, source_.find_event(id));
    asked_ = id;
    auto earliest = asked.position;
    correlation_ = trace_of(asked.metadata).correlation;
    STELE_CHECK(climb(asked, earliest));
    STELE_TRY(searched_.to, source_.head());
    searched_.from = earliest;
    return source_.read_log(Query::all(), earliest, searched_.to,
                            [&](const EventView& event) { return take(event); });
  }

  // Whoever names a cause that this transaction does not hold is a root; so is whoever names itself, and the first of
  // those that name each other in a circle.
  Causes finish() {
    Causes out;
    out.searched = searched_;
    std::map<std::string, std::vector<const RecordedEvent*>, std::less<>> children;
    std::vector<const RecordedEvent*> roots;
    for (const auto& [position, event] : events_) {
      const auto cause = trace_of(event.metadata).causation;
      const bool known = ids_.contains(cause) && cause != to_string(event.id);
      (known ? children[cause] : roots).push_back(&event);
    }
    for (const auto* root : roots) plant(*root, nullptr, 0, children, out.tree);
    for (const auto& [position, event] : events_)
      if (!planted_.contains(position)) plant(event, nullptr, 0, children, out.tree);
    STELE_ASSERT(out.tree.size() == events_.size(), "every event stands in the forest once", out.tree.size());
    return out;
  }

 private:
  // Up the chain of causes: the log is read from the first of them on.
  result<void> climb(const RecordedEvent& asked, Position& earliest) {
    auto trace = trace_of(asked.metadata);
    ids_.insert(to_string(asked.id));
    for (std::size_t i = 0; i < longest_chain; ++i) {
      const auto cause = parse_uuid(trace.causation);
      if (!cause || ids_.contains(trace.causation)) return {};
      const auto found = source_.find_event(*cause);
      if (!found && found.error().kind() == errc::not_found) return {};
      if (!found) return found.error();
      ids_.insert(trace.causation);
      earliest = std::min(earliest, found->position);
      trace = trace_of(found->metadata);
    }
    searched_.complete = false;  // there may be causes above
    return {};
  }

  // An event belongs by what is known so far. A log is written in the order of causes, so one pass is enough.
  result<bool> take(const EventView& event) {
    ++searched_.events;
    if (belongs(event)) {
      ids_.insert(to_string(event.id));
      events_.emplace(event.position, event.to_owned());
    }
    const bool enough = events_.size() >= limits_.events || searched_.events >= limits_.looked_at;
    if (!enough || event.position == searched_.to) return true;
    searched_.complete = false;
    searched_.to = event.position;
    return false;
  }

  // The look at the bytes comes first: it spares the parsing of nearly all metadata of a large log.
  bool belongs(const EventView& event) {
    if (ids_.contains(to_string(event.id))) return true;
    if (event.metadata.find("ausationId") == std::string_view::npos &&
        (correlation_.empty() || event.metadata.find(correlation_) == std::string_view::npos))
      return false;
    const auto trace = trace_of(event.metadata);
    return (!correlation_.empty() && trace.correlation == correlation_) || ids_.contains(trace.causation);
  }

  using Children = std::map<std::string, std::vector<const RecordedEvent*>, std::less<>>;
  void plant(const RecordedEvent& event, const RecordedEvent* cause, std::size_t depth,
             const Children& children, std::vector<Cause>& out) {
    if (!planted_.insert(event.position).second) return;
    Cause each{.event = event, .depth = depth, .elapsed = {}, .asked = event.id == asked_};
    if (cause) each.elapsed = (event.recorded_at - cause->recorded_at).count();
    out.push_back(std::move(each));
    STELE_ASSERT(out.size() <= events_.size(), "a forest has no way back", out.size());
    const auto below = children.find(to_string(event.id));
    if (below == children.end()) return;
    for (const auto* child : below->second) plant(*child, &event, depth + 1, children, out);
  }

  EventSource& source_;
  const CausesLimits& limits_;
  Uuid asked_;
  std::string correlation_;
  std::set<std::string, std::less<>> ids_;
  std::map<Position, RecordedEvent> events_;  // so few that a walk down their tree may be as deep
  std::set<Position> planted_;
  Searched searched_;
};

// From the cheapest question to the dearest.
bool is_wanted(const Search& search, const EventView& event) {
  const auto holds = [&](std::string_view text) { return text.find(search.text) != std::string_view::npos; };
  if (!search.text.empty() && !holds(event.data) && !holds(event.metadata)) return false;
  if (!search.correlation.empty() || !search.actor.empty()) {
    // A look at the bytes saves most of the parsing.
    if (event.metadata.find(search.correlation) == std::string_view::npos) return false;
    const auto trace = trace_of(event.metadata);
    if (!search.correlation.empty() && trace.correlation != search.correlation) return false;
    if (!search.actor.empty() && trace.user != search.actor) return false;
  }
  return !search.where || search.where->holds({.event = &event});
}

}  // namespace

std::string searched_json(const Searched& searched) {
  return "{\"from\":" + std::to_string(searched.from.value()) +
         ",\"to\":" + std::to_string(searched.to.value()) + ",\"events\":" + std::to_string(searched.events) +
         ",\"complete\":" + (searched.complete ? "true" : "false") + "}";
}

result<Causes> causes_of(EventSource& source, const Uuid& id, const CausesLimits& limits) {
  Transaction transaction(source, limits);
  STELE_CHECK(transaction.gather(id));
  return transaction.finish();
}

std::string cause_json(const Cause& cause) {
  std::string out = "{\"depth\":" + std::to_string(cause.depth);
  if (cause.elapsed) out += ",\"elapsed_us\":" + std::to_string(*cause.elapsed);
  if (cause.asked) out += ",\"asked\":true";
  out += ",\"event\":";
  append_event_json(out, cause.event);
  return out + "}";
}

result<Searched> find_events(EventSource& source, const Search& search,
                             const std::function<result<void>(const EventView&)>& found) {
  Searched out{.from = search.from, .to = search.to};
  std::uint64_t count = 0;
  const auto take = [&](const EventView& event) -> result<bool> {
    if (search.stop.stop_requested() || out.events >= search.looked_at || count >= search.limit) {
      out.complete = false;
      out.to = Position(event.position.value() - 1);
      return false;
    }
    ++out.events;
    if (!is_wanted(search, event)) return true;
    ++count;
    STELE_CHECK(found(event));
    return true;
  };
  STELE_CHECK(source.read_log(search.query, search.from, search.to, take));
  return out;
}

}  // namespace stele::history
