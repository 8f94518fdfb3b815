// read_plan.cpp - query parameters and moments, resolved against the store.
#include "server/api/read_plan.hpp"

#include <algorithm>

#include "server/text.hpp"

namespace stele::server {
namespace {

Error bad_parameter(std::string_view name, std::string what, std::string help) {
  return Error(errc::invalid, "query parameter `" + std::string(name) + "`: " + std::move(what))
      .help(std::move(help));
}

Timestamp now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// A version behind the end is "behind the head": an empty read, not an error.
result<Position> position_of_revision(EventStore& store, const ReadPlan& plan, Revision revision) {
  if (plan.stream.empty()) {
    return Error(errc::invalid, "a version such as v" + std::to_string(revision.value()) +
                                    " means something within a stream only")
        .help("use a position (p90211) or a time");
  }
  if (!plan.info) return Position();
  STELE_TRY(const auto cursor, store.read_stream({.stream = plan.stream, .from = revision, .limit = 1}));
  STELE_TRY(const auto batch, cursor->next_batch(1));
  return batch.empty() ? store.head().position.next() : batch.front().position;
}

// The position where the last `count` events of the stream or the log begin.
result<Position> position_of_last(EventStore& store, const ReadPlan& plan, std::uint64_t count) {
  if (plan.stream.empty()) {
    const auto head = store.head().position.value();
    return Position(head > count ? head - count + 1 : 1);
  }
  if (!plan.info || count == 0) return store.head().position.next();
  const auto last = plan.info->last_revision.value();
  return position_of_revision(store, plan, Revision(last >= count ? last - count + 1 : 0));
}

// The last position that belongs to the moment ("as of").
result<Position> last_at(EventStore& store, const ReadPlan& plan, const Moment& moment) {
  const auto head = store.head().position;
  if (std::holds_alternative<Moment::Start>(moment.at)) return Position();
  if (std::holds_alternative<Moment::Head>(moment.at)) return head;
  if (const auto* at = std::get_if<Position>(&moment.at)) return *at;
  if (const auto* at = std::get_if<Revision>(&moment.at)) return position_of_revision(store, plan, *at);
  if (const auto* at = std::get_if<Timestamp>(&moment.at)) return store.position_at(*at);
  if (const auto* ago = std::get_if<Moment::Ago>(&moment.at)) return store.position_at(now() - ago->age);
  STELE_TRY(const auto first, position_of_last(store, plan, std::get<Moment::Last>(moment.at).count));
  return Position(first.value() - 1);
}

// The first position to read forward from the moment.
result<Position> first_from(EventStore& store, const ReadPlan& plan, const Moment& moment) {
  constexpr std::chrono::microseconds one{1};
  if (std::holds_alternative<Moment::Start>(moment.at)) return Position(1);
  if (std::holds_alternative<Moment::Head>(moment.at)) return store.head().position.next();
  if (const auto* at = std::get_if<Position>(&moment.at)) return *at;
  if (const auto* at = std::get_if<Revision>(&moment.at)) return position_of_revision(store, plan, *at);
  if (const auto* last = std::get_if<Moment::Last>(&moment.at))
    return position_of_last(store, plan, last->count);
  const auto* at = std::get_if<Timestamp>(&moment.at);
  const auto time = at ? *at : now() - std::get<Moment::Ago>(moment.at).age;
  STELE_TRY(const auto before, store.position_at(time - one));
  return before.next();
}

// A bare number is a version within a stream and a position in the log.
result<Moment> moment_of(const ReadPlan& plan, std::string_view text) {
  if (const auto number = parse_u64(text)) {
    return plan.stream.empty() ? Moment{Position(*number)} : Moment{Revision(*number)};
  }
  return parse_moment(text);
}

result<void> plan_direction(const Request& request, ReadPlan& plan) {
  const auto text = request.query_value("dir").value_or("forward");
  if (text != "forward" && text != "backward") {
    return bad_parameter("dir", "`" + std::string(text) + "` is no direction", "forward or backward");
  }
  plan.direction = text == "forward" ? Direction::forward : Direction::backward;
  return {};
}

// The upper bound differs by media type and is checked where that is known.
result<void> plan_limit(const Request& request, ReadPlan& plan) {
  const auto text = request.query_value("limit");
  if (!text) return {};
  plan.limit = parse_u64(*text);
  if (!plan.limit || *plan.limit == 0) {
    return bad_parameter("limit", "`" + std::string(*text) + "` is no count", "a whole number from 1 on");
  }
  return {};
}

// All filters make one item: within a kind any of them, between kinds all.
void plan_query(const Request& request, ReadPlan& plan) {
  QueryItem item;
  if (!plan.stream.empty()) item.streams.push_back(plan.stream);
  for (const auto& [name, value] : request.query) {
    if (name == "type") item.types.push_back(value);
    if (name == "tag") item.tags.push_back(value);
    if (name == "category") item.categories.push_back(value);
    if (name == "stream") item.streams.push_back(value);
  }
  if (item != QueryItem{}) plan.query = Query::of(std::move(item));
}

// The head is taken once, so that one answer is one moment of the log.
result<void> plan_range(EventStore& store, const Request& request, ReadPlan& plan) {
  plan.upto = store.head().position;
  if (request.as_of) {
    auto last = last_at(store, plan, *request.as_of);
    if (!last) return std::move(last).error().at("query parameter `as_of`");
    plan.upto = std::min(plan.upto, *last);
  }
  const bool forward = plan.direction == Direction::forward;
  plan.from = forward ? Position(1) : plan.upto;
  const auto text = request.query_value("from");
  if (!text) return {};
  auto moment = moment_of(plan, *text);
  if (!moment) return std::move(moment).error().at("query parameter `from`");
  auto from = forward ? first_from(store, plan, *moment) : last_at(store, plan, *moment);
  if (!from) return std::move(from).error().at("query parameter `from`");
  plan.from = forward ? std::max(*from, Position(1)) : std::min(*from, plan.upto);
  return {};
}

}  // namespace

result<ReadPlan> plan_read(EventStore& store, const Request& request, bool must_exist) {
  ReadPlan plan;
  if (!request.params.empty()) {
    plan.stream = request.param("stream");
    if (auto ok = check_stream_name(plan.stream); !ok && !plan.stream.starts_with('$')) return ok.error();
    auto info = store.stream_info(plan.stream);
    if (info) {
      plan.info = *std::move(info);
    } else if (must_exist || info.error().kind() != errc::not_found) {
      return std::move(info).error();
    }
  }
  STELE_CHECK(plan_direction(request, plan));
  STELE_CHECK(plan_limit(request, plan));
  plan_query(request, plan);
  STELE_CHECK(check_query(plan.query));
  STELE_CHECK(plan_range(store, request, plan));
  return plan;
}

// Also one stream is read by query: the index answers it as well, and as_of and filters need no second way.
result<std::unique_ptr<Cursor>> open_plan(EventStore& store, const ReadPlan& plan, std::uint64_t count) {
  LogRead read;
  read.query = plan.query;
  read.from = plan.from;
  read.direction = plan.direction;
  // Reading backward from "before everything" would mean "from the head" to the store.
  const bool nothing = plan.direction == Direction::backward && plan.from == Position();
  read.limit = nothing ? 0 : count;
  return store.read(std::move(read));
}

std::optional<std::string> next_from(const ReadPlan& plan, const EventView& last) {
  const bool forward = plan.direction == Direction::forward;
  if (!plan.stream.empty()) {
    if (forward) return "v" + std::to_string(last.revision.value() + 1);
    if (last.revision == Revision(0)) return std::nullopt;
    return "v" + std::to_string(last.revision.value() - 1);
  }
  if (forward) return "p" + std::to_string(last.position.value() + 1);
  if (last.position <= Position(1)) return std::nullopt;
  return "p" + std::to_string(last.position.value() - 1);
}

}  // namespace stele::server
