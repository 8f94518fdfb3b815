// name_column.cpp - codes are given in the order in which names appear.
#include "engine/index/name_column.hpp"

#include <algorithm>

namespace stele::engine {

NameColumn::Entry& NameColumn::entry_of(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_text_.find(text); found != by_text_.end()) return *found->second;
  const auto code = static_cast<std::uint32_t>(entries_.size());
  STELE_ASSERT(code != Part::no_code, "a part has room for the name", code);
  auto& made = entries_.emplace_back(std::string(text), code, mask_of_type(text), rows_);
  by_text_.emplace(made.text, &made);
  return made;
}

TypeMask NameColumn::add(std::string_view name, std::uint32_t rows) {
  STELE_ASSERT(rows > 0, "a name stands for events", rows);
  if (latest_ == nullptr || latest_->text != name) latest_ = &entry_of(name);
  auto& known = *latest_;
  for (std::uint32_t i = 0; i < rows; ++i) codes_.append(known.code);
  rows_ += rows;
  known.last_row.store(rows_ - 1, std::memory_order_relaxed);
  known.count.store(known.count.load(std::memory_order_relaxed) + rows, std::memory_order_relaxed);
  return known.mask;
}

void NameColumn::add_nothing() {
  codes_.append(Part::no_code);
  ++rows_;
}

std::optional<ColumnName> NameColumn::find(std::string_view name, Position base) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_text_.find(name);
  if (found == by_text_.end()) return std::nullopt;
  const auto& known = *found->second;
  const auto count = known.count.load(std::memory_order_relaxed);
  if (count == 0) return std::nullopt;  // its first row is being added
  return ColumnName{known.code, count, Position(base.value() + known.first_row),
                    Position(base.value() + std::max(known.first_row, known.last_row.load()))};
}

std::vector<NameColumn::Name> NameColumn::names() const {
  const std::lock_guard lock(mutex_);
  std::vector<Name> all;
  all.reserve(entries_.size());
  for (const auto& known : entries_) {
    all.push_back({known.text, known.code, known.count.load(), known.first_row, known.last_row.load()});
  }
  return all;
}

}  // namespace stele::engine
