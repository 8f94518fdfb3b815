// name_column.cpp - codes are given in the order in which names appear.
#include "engine/index/name_column.hpp"

namespace stele::engine {

NameColumn::Name& NameColumn::name_of(std::string_view text) {
  if (latest_ != nullptr && latest_->text == text) return *latest_;
  if (const auto found = by_text_.find(text); found != by_text_.end()) return *found->second;
  const auto code = static_cast<std::uint32_t>(names_.size());
  STELE_ASSERT(code != Part::no_code, "a part has room for the name", code);
  auto& made = names_.emplace_back(Name{std::string(text), code, mask_of_type(text), 0, rows_, rows_});
  by_text_.emplace(made.text, &made);
  return made;
}

TypeMask NameColumn::add(std::string_view name) {
  const std::lock_guard lock(mutex_);
  auto& known = name_of(name);
  STELE_ASSERT(known.last_row <= rows_, "rows are added in order", known.last_row, rows_);
  codes_.append(known.code);
  known.last_row = rows_++;
  ++known.count;
  latest_ = &known;
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
  STELE_ASSERT(known.count > 0 && known.first_row <= known.last_row, "a name stands for events", known.count);
  return ColumnName{known.code, known.count, Position(base.value() + known.first_row),
                    Position(base.value() + known.last_row)};
}

std::vector<NameColumn::Name> NameColumn::names() const {
  const std::lock_guard lock(mutex_);
  return {names_.begin(), names_.end()};
}

}  // namespace stele::engine
