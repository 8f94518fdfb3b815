// requests.cpp - dice.
#include "requests.hpp"

#include <algorithm>
#include <array>

namespace stele::simulation {
namespace {

constexpr std::array stream_names = {"A-1", "A-2", "A-3", "B-1", "B-2", "C", "D-x-y"};
constexpr std::array type_names = {"Opened", "Moved", "Closed", "Counted"};
constexpr std::array tag_names = {"a:1", "a:2", "b:1", "b:2", "c:1"};

template <class Names>
std::string one_of(const Names& names, Dice& dice) {
  return names[dice.below(names.size())];
}

Uuid random_id(Dice& dice) {
  std::array<std::uint8_t, 16> bytes{};
  dice.fill(bytes);
  bytes[6] = static_cast<std::uint8_t>(0x70 | (bytes[6] & 0x0F));
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3F));
  return Uuid(bytes);
}

NewEvent random_event(const Habits& habits, Dice& dice, std::uint64_t serial) {
  NewEvent event;
  event.type = one_of(type_names, dice);
  auto bytes = habits.varied ? dice.below(habits.data_bytes + 1) : habits.data_bytes;
  event.data = std::to_string(1'000'000'000 + serial);
  bytes = std::max<std::uint64_t>(bytes, event.data.size());
  event.data.resize(static_cast<std::size_t>(bytes), static_cast<char>('a' + serial % 26));
  if (habits.varied && dice.below(4) == 0) event.metadata = "{\"n\":" + std::to_string(serial) + "}";
  if (habits.varied && dice.below(6) == 0) event.content_type = std::string(binary_content);
  while (event.tags.size() < 3 && dice.below(2) == 0) {
    auto tag = one_of(tag_names, dice);
    if (std::find(event.tags.begin(), event.tags.end(), tag) == event.tags.end())
      event.tags.push_back(std::move(tag));
  }
  return event;
}

ExpectedVersion random_expectation(const Model& model, const std::string& stream, const Habits& habits,
                                   Dice& dice) {
  if (dice.below(habits.wrong_one_in) == 0) {
    const std::array wrong = {ExpectedVersion::no_stream(), ExpectedVersion::exists(),
                              ExpectedVersion::exact(Revision(dice.below(8)))};
    return wrong[dice.below(wrong.size())];
  }
  if (dice.below(2) == 0) return ExpectedVersion::any();
  // What a client that saw everything that is visible believes; staged appends may have made it wrong.
  const auto life = model.life(stream);
  if (!life) return ExpectedVersion::no_stream();
  return ExpectedVersion::exact(Revision(life->positions.size() - 1));
}

bool written(const AppendRequest& request, const std::string& stream) {
  return std::any_of(request.writes.begin(), request.writes.end(),
                     [&](const auto& write) { return write.stream == stream; });
}

void add_checks(AppendRequest& request, const Model& model, const Habits& habits, Dice& dice) {
  if (dice.below(6) == 0) {
    auto stream = random_stream(dice);
    const auto expected = random_expectation(model, stream, habits, dice);
    request.also_expect.push_back({std::move(stream), expected});
  }
  if (dice.below(4) != 0) return;
  auto query = random_query(dice);
  // Mostly of what it saw last; sometimes of a while ago, and once in a while of the future.
  const auto seen = model.visible().value();
  auto after = dice.below(3) == 0 && seen > 0 ? dice.below(seen) : seen;
  if (dice.below(40) == 0) after = model.last().value() + 1;
  request.condition = AppendCondition{std::move(query), Position(after)};
}

}  // namespace

std::string random_stream(Dice& dice) { return one_of(stream_names, dice); }

Query random_query(Dice& dice) {
  if (dice.below(6) == 0) return Query::all();
  Query query;
  query.items.emplace();
  for (auto items = 1 + dice.below(2); items > 0; --items) {
    QueryItem item;
    const auto asked = 1 + dice.below(15);
    if ((asked & 1) != 0) item.types.push_back(one_of(type_names, dice));
    if ((asked & 2) != 0) item.tags.push_back(one_of(tag_names, dice));
    if ((asked & 4) != 0) item.streams.push_back(random_stream(dice));
    if ((asked & 8) != 0) item.categories.push_back(std::string(1, "ABCDE"[dice.below(5)]));
    query.items->push_back(std::move(item));
  }
  return query;
}

AppendRequest random_append(const Model& model, const Habits& habits, Dice& dice, std::uint64_t& serial) {
  AppendRequest request;
  const bool own_ids = dice.below(10) < 7;
  for (auto writes = dice.below(5) == 0 ? 1 + dice.below(3) : 1; writes > 0; --writes) {
    auto stream = random_stream(dice);
    if (written(request, stream)) continue;
    const auto expected = random_expectation(model, stream, habits, dice);
    auto& write = request.writes.emplace_back(StreamWrite{std::move(stream), expected, {}});
    for (auto events = 1 + dice.below(habits.most_events); events > 0; --events) {
      write.events.push_back(random_event(habits, dice, ++serial));
      if (own_ids) write.events.back().id = random_id(dice);
    }
  }
  add_checks(request, model, habits, dice);
  return request;
}

AppendRequest small_append(Dice& dice, std::uint64_t& serial) {
  AppendRequest request;
  request.writes.push_back({random_stream(dice), {}, {random_event({}, dice, ++serial)}});
  request.writes.back().events.back().id = random_id(dice);
  return request;
}

AppendRequest random_retention(const Model& model, Dice& dice) {
  AppendRequest request;
  const auto stream = random_stream(dice);
  const auto life = model.life(stream);
  const auto count = life ? life->positions.size() : 0;
  NewEvent event{.id = random_id(dice), .type = "$metadata", .data = "{}", .metadata = {}, .tags = {}};
  auto target = metadata_stream_of(stream);
  switch (dice.below(16)) {
    case 0:
      event.type = "$tombstone";
      target = stream;
      break;
    case 1:
    case 2:
    case 3:  // deletes it
      event.data = "{\"$tb\":" + std::to_string(count) + "}";
      if (count > 0) request.also_expect.push_back({stream, ExpectedVersion::exact(Revision(count - 1))});
      break;
    case 4:
      break;  // everything is kept from now on
    case 5:
    case 6:
      event.data = "{\"$maxCount\":" + std::to_string(1 + dice.below(4)) + "}";
      break;
    default:
      event.data = "{\"$tb\":" + std::to_string(dice.below(count + 1)) + "}";
  }
  request.writes.push_back({std::move(target), {}, {std::move(event)}});
  return request;
}

}  // namespace stele::simulation
