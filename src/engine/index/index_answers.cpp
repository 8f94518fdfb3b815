// index_answers.cpp - what is asked of the whole index: the parts are asked, newest first where that decides.
#include <algorithm>
#include <array>
#include <ranges>

#include "base/assert.hpp"
#include "engine/index/index.hpp"

namespace stele::engine {
namespace {

using Parts = Index::Parts;

// Every part of an index is one; Part is what others see of it.
const IndexPart& inner(const Part& part) { return static_cast<const IndexPart&>(part); }

// The part that holds the position: nearly always asked of the last ones.
const Part& holder_of(const Parts& parts, Position position) {
  if (parts.back()->first() <= position) return *parts.back();
  const auto behind =
      std::ranges::partition_point(parts, [position](const auto& part) { return part->first() <= position; });
  STELE_ASSERT(behind != parts.begin(), "positions begin at 1", position.value());
  return **std::prev(behind);
}

// One cache line of each part, all at once instead of one after the other.
void expect_stream(const Parts& parts, std::string_view stream) {
  for (const auto& part : parts) part->expect_term(TermKind::stream, stream);
}

// The newest postings of a stream that a reader at `head` may see.
result<std::unique_ptr<Postings>> newest(const Parts& parts, const Part*& asked, std::string_view stream,
                                         Position head) {
  expect_stream(parts, stream);
  for (const auto& part : std::views::reverse(parts)) {
    asked = part.get();
    STELE_TRY(auto postings, part->postings(TermKind::stream, stream, head));
    if (postings) return postings;
  }
  return nullptr;
}

Revision behind(const Postings& postings) {
  return Revision(postings.first_revision().value() + postings.count());
}

// Copies what postings and [from, from + into.size()) have in common.
result<void> copy_positions(const Postings& postings, std::uint64_t from, std::span<Position> into) {
  const auto base = postings.first_revision().value();
  auto at = std::max(from, base);
  const auto end = std::min(from + into.size(), base + postings.count());
  std::array<Position, Postings::block_positions> decoded{};
  while (at < end) {
    STELE_TRY(auto place, static_cast<const IndexPostings&>(postings).place_of(at - base));
    STELE_TRY(const auto count, postings.decode(place.block, decoded));
    STELE_ASSERT(place.skip < count, "a position stands in its block", at, place.skip, count);
    for (; place.skip < count && at < end; ++at) into[at - from] = decoded[place.skip++];
  }
  return {};
}

result<std::optional<StreamInfo>> info_in(const Parts& parts, const Part*& asked, std::string_view stream,
                                          Position head) {
  STELE_TRY(const auto postings, newest(parts, asked, stream, head));
  if (!postings) return std::nullopt;
  const auto next = behind(*postings);
  StreamInfo info{std::string(stream), Revision(next.value() - 1), next.value(), postings->first(),
                  postings->last()};
  for (const auto& part : parts) {
    if (postings->first_revision() == Revision{} || part->first() > postings->first()) break;
    asked = part.get();
    STELE_TRY(const auto oldest, part->postings(TermKind::stream, stream, head));
    if (!oldest) continue;
    info.first_position = oldest->first();
    break;
  }
  return info;
}

// The names of one page, each once, in order; complete up to where it ends.
result<std::vector<std::string>> names_of_page(const Parts& parts, const Part*& asked,
                                               std::string_view prefix, std::string_view after,
                                               std::size_t limit) {
  std::vector<std::string> names;
  for (const auto& part : parts) {
    asked = part.get();
    STELE_TRY(auto some, inner(*part).streams(prefix, after, limit));
    std::ranges::move(some, std::back_inserter(names));
  }
  std::ranges::sort(names);
  const auto rest = std::ranges::unique(names);
  names.erase(rest.begin(), rest.end());
  if (names.size() > limit) names.resize(limit);
  return names;
}

}  // namespace

template <class Ask>
auto Index::asking(const Ask& ask) const -> decltype(ask(Parts{}, std::declval<const Part*&>())) {
  constexpr auto most_repairs = 3;  // of one part; others may be damaged as well
  std::vector<Position> repaired;
  for (;;) {
    const auto now = parts();
    const Part* asked = nullptr;
    auto answer = ask(*now, asked);
    if (answer || answer.error().kind() != errc::corrupt || asked == nullptr) return answer;
    if (std::ranges::count(repaired, asked->first()) == most_repairs) return answer;
    repaired.push_back(asked->first());
    STELE_CHECK(heal(*asked));
  }
}

result<Location> Index::location(Position position) const {
  STELE_ASSERT(position > Position{} && position <= last(), "the position was added", position.value(),
               last().value());
  return asking([&](const Parts& parts, const Part*& asked) {
    const auto& part = holder_of(parts, position);
    asked = &part;
    return part.location(position);
  });
}

result<StreamEnd> Index::stream_end(std::string_view stream) const {
  return asking([&](const Parts& parts, const Part*& asked) -> result<StreamEnd> {
    expect_stream(parts, stream);
    for (const auto& part : std::views::reverse(parts)) {
      asked = part.get();
      STELE_TRY(const auto end, inner(*part).stream_end(stream));
      if (end) return *end;
    }
    return StreamEnd{};
  });
}

result<Revision> Index::next_revision(std::string_view stream, Position head) const {
  return asking([&](const Parts& parts, const Part*& asked) -> result<Revision> {
    STELE_TRY(const auto postings, newest(parts, asked, stream, head));
    return postings ? behind(*postings) : Revision{};
  });
}

result<std::vector<Position>> Index::positions(std::string_view stream, Revision from, std::size_t count,
                                               Position head) const {
  return asking([&](const Parts& parts, const Part*& asked) -> result<std::vector<Position>> {
    std::vector<std::pair<const Part*, std::unique_ptr<Postings>>> found;  // newest first
    expect_stream(parts, stream);
    for (const auto& part : std::views::reverse(parts)) {
      asked = part.get();
      STELE_TRY(auto postings, part->postings(TermKind::stream, stream, head));
      if (!postings) continue;
      found.emplace_back(part.get(), std::move(postings));
      if (found.back().second->first_revision() <= from) break;
    }
    const auto end = found.empty() ? 0 : behind(*found.front().second).value();
    if (from.value() >= end) return std::vector<Position>{};
    std::vector<Position> all(std::min<std::uint64_t>(count, end - from.value()));
    for (const auto& [part, postings] : found) {
      asked = part;
      STELE_CHECK(copy_positions(*postings, from.value(), all));
    }
    return all;
  });
}

result<std::optional<StreamInfo>> Index::info(std::string_view stream, Position head) const {
  return asking([&](const Parts& parts, const Part*& asked) { return info_in(parts, asked, stream, head); });
}

result<std::vector<StreamInfo>> Index::list(std::string_view prefix, std::string_view after,
                                            std::size_t limit, Position head) const {
  return asking([&](const Parts& parts, const Part*& asked) -> result<std::vector<StreamInfo>> {
    std::vector<StreamInfo> all;
    std::string behind(after);
    while (all.size() < limit) {
      STELE_TRY(const auto names, names_of_page(parts, asked, prefix, behind, limit));
      for (const auto& name : names) {
        STELE_TRY(auto info, info_in(parts, asked, name, head));
        if (info && all.size() < limit) all.push_back(std::move(*info));
      }
      if (names.size() < limit) break;
      behind = names.back();
    }
    return all;
  });
}

result<bool> Index::ended(std::string_view stream, Position until) const {
  STELE_TRY(const auto end, stream_end(stream));
  return end.ended && end.last <= until;
}

result<std::optional<Position>> Index::find_id(const Uuid& id) const {
  // The oldest wins, should a log ever hold one twice.
  return asking([&](const Parts& parts, const Part*& asked) -> result<std::optional<Position>> {
    // A new id is in none of them.
    for (const auto& part : parts) part->expect_id(id);
    for (const auto& part : parts) {
      asked = part.get();
      STELE_TRY(const auto position, part->find_id(id));
      if (position) return position;
    }
    return std::nullopt;
  });
}

result<TimeBracket> Index::around(Timestamp time) const {
  return asking([&](const Parts& parts, const Part*& asked) -> result<TimeBracket> {
    TimeBracket bracket{{}, last().next()};
    for (const auto& part : std::views::reverse(parts)) {
      asked = part.get();
      STELE_TRY(const auto here, inner(*part).around(time));
      if (here.before > Position{}) bracket.before = here.before;
      bracket.after = here.after;
      if (here.after > Position{}) break;
    }
    return bracket;
  });
}

}  // namespace stele::engine
