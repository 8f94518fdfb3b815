// naive_part.hpp - a part of the index without any of its cleverness: events in a vector, every answer by
// looking at all of them. What walks are tested against, with blocks as small as a test wants them.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "engine/index/part.hpp"
#include "engine/query/part_walk.hpp"

namespace stele::test {

// What a query can ask of an event.
struct Asked {
  std::string stream;
  std::string type;
  std::vector<std::string> tags;

  [[nodiscard]] bool matches(const Query& query) const {
    std::string encoded;
    for (const auto& tag : tags) {
      encoded += static_cast<char>(tag.size());
      encoded += '\0';
      encoded += tag;
    }
    EventView view;
    view.stream = stream;
    view.type = type;
    view.tags = TagsView(encoded);
    return query.matches(view);
  }
};

class NaivePostings final : public engine::Postings {
 public:
  struct Entry {
    Position position;
    engine::TypeMask types;
  };
  NaivePostings(std::vector<Entry> entries, std::size_t block)
      : entries_(std::move(entries)), block_(block) {}

  [[nodiscard]] std::uint64_t count() const override { return entries_.size(); }
  [[nodiscard]] Position first() const override { return entries_.front().position; }
  [[nodiscard]] Position last() const override { return entries_.back().position; }
  [[nodiscard]] engine::TypeMask types() const override { return mask_of(0, entries_.size()); }
  [[nodiscard]] Revision first_revision() const override { return {}; }
  [[nodiscard]] std::size_t blocks() const override { return (entries_.size() + block_ - 1) / block_; }
  result<Block> block(std::size_t index) const override {
    STELE_ASSERT(index < blocks(), "a block is one of the list's", index);
    const auto begin = index * block_;
    const auto end = std::min(entries_.size(), begin + block_);
    return Block{entries_[begin].position, entries_[end - 1].position,
                 static_cast<std::uint32_t>(end - begin), mask_of(begin, end)};
  }
  result<std::size_t> decode(std::size_t index, std::span<Position, block_positions> into) const override {
    STELE_TRY(const auto head, block(index));
    for (std::size_t i = 0; i < head.count; ++i) into[i] = entries_[index * block_ + i].position;
    return std::size_t{head.count};
  }

 private:
  [[nodiscard]] engine::TypeMask mask_of(std::size_t begin, std::size_t end) const {
    engine::TypeMask mask = 0;
    for (auto i = begin; i < end; ++i) mask |= entries_[i].types;
    return mask;
  }
  std::vector<Entry> entries_;
  std::size_t block_;
};

class NaivePart final : public engine::Part {
 public:
  NaivePart(Position first, std::vector<Asked> events, std::size_t block)
      : first_(first), events_(std::move(events)), block_(block) {}

  [[nodiscard]] Position first() const override { return first_; }
  [[nodiscard]] Position last() const override { return Position(first_.value() + events_.size() - 1); }
  result<engine::Location> location(Position position) const override {
    return engine::Location{0, static_cast<std::uint32_t>(position.value())};
  }
  result<std::unique_ptr<engine::Postings>> postings(engine::TermKind kind, std::string_view name,
                                                     Position until) const override {
    std::vector<NaivePostings::Entry> entries;
    for (std::size_t i = 0; i < events_.size(); ++i) {
      const Position at(first_.value() + i);
      const auto& tags = events_[i].tags;
      const bool has = kind == engine::TermKind::stream ? events_[i].stream == name
                                                        : std::ranges::find(tags, name) != tags.end();
      if (has && at <= until) entries.push_back({at, engine::mask_of_type(events_[i].type)});
    }
    if (entries.empty()) return std::unique_ptr<engine::Postings>{};
    return std::unique_ptr<engine::Postings>(new NaivePostings(std::move(entries), block_));
  }
  result<std::optional<engine::ColumnName>> find_name(engine::ColumnKind kind,
                                                      std::string_view name) const override {
    std::optional<engine::ColumnName> found;
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (name_of(kind, i) != name) continue;
      const Position at(first_.value() + i);
      if (!found) found = engine::ColumnName{code_of(name), 0, at, at};
      ++found->count;
      found->last = at;
    }
    return found;
  }
  result<void> codes(engine::ColumnKind kind, Position from, std::span<std::uint32_t> into) const override {
    STELE_ASSERT(from >= first_ && from.value() + into.size() <= last().value() + 1, "rows of this part");
    for (std::size_t i = 0; i < into.size(); ++i)
      into[i] = code_of(name_of(kind, from.value() - first_.value() + i));
    return {};
  }
  result<std::optional<Position>> find_id(const Uuid& /*id*/) const override {
    return std::optional<Position>{};
  }

 private:
  [[nodiscard]] std::string_view name_of(engine::ColumnKind kind, std::size_t i) const {
    return kind == engine::ColumnKind::type ? std::string_view(events_[i].type)
                                            : category_of(events_[i].stream);
  }
  // Any number that is another for every name; far apart, so that nothing relies on them being dense.
  [[nodiscard]] std::uint32_t code_of(std::string_view name) const {
    return codes_.try_emplace(std::string(name), 7 + 13 * static_cast<std::uint32_t>(codes_.size()))
        .first->second;
  }

  Position first_;
  std::vector<Asked> events_;
  std::size_t block_;
  mutable std::map<std::string, std::uint32_t> codes_;
};

}  // namespace stele::test
