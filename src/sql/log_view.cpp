// log_view.cpp - names of types, and a note of what was asked of the store.
#include "sql/log_view.hpp"

#include <algorithm>
#include <set>

namespace stele::sql {
namespace {

constexpr std::size_t noted_looks = 20;  // a join may look thousands of times

}  // namespace

// An older name that two types share says nothing about which of them is meant: it stays what it is.
TypeNames::TypeNames(const std::vector<std::vector<std::string>>& lists) {
  std::set<std::string> shared;
  for (const auto& names : lists) {
    for (std::size_t i = 1; i < names.size(); ++i)
      if (!today_.emplace(names[i], names.front()).second) shared.insert(names[i]);
  }
  for (const auto& names : lists) {
    if (!names.empty()) today_.erase(names.front());  // what is a name today is not an older one
  }
  for (const auto& name : shared) today_.erase(name);
  for (const auto& [older, newer] : today_) recorded_[newer].push_back(older);
}

std::string_view TypeNames::today(std::string_view recorded) const {
  const auto found = today_.find(recorded);
  return found == today_.end() ? recorded : std::string_view(found->second);
}

std::vector<std::string> TypeNames::recorded(std::string_view today) const {
  std::vector<std::string> all{std::string(today)};
  if (const auto found = recorded_.find(today); found != recorded_.end())
    all.insert(all.end(), found->second.begin(), found->second.end());
  return all;
}

void LogView::note_look(std::string look) {
  if (looks.size() < noted_looks && std::ranges::find(looks, look) == looks.end())
    looks.push_back(std::move(look));
}

}  // namespace stele::sql
