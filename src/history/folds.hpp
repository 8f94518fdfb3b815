// folds.hpp - whose word it is what an aggregate's state is: the deciders of an application, or a declared fold for
// stores whose programs are somewhere else.
//
// A declared fold is a TOML file: a table for each category and event type, with what the event does to the state.
//
//   [BankAccount.MoneyDeposited]
//   set = { status = "open", owner = "$data.owner" }        a value, or a place: data, metadata, type, time, stream
//   add = { balance = "$data.amount" }                      exact decimals; "-$data.amount" takes away
//   append = { movements = "$data" }                        to a list, made when there is none
//   merge = { address = "$data" }                           member by member (RFC 7396: null removes)
//   remove = ["note", "items.{data.productId}"]
//
// Targets are paths into the state; {data.productId} in one stands for that value. They are carried out in this order.
// Events of other types leave the state as it is. Before the first event the state is {}.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "history/timeline.hpp"
#include "stele/history.hpp"

namespace stele::history {

class Folds {
 public:
  // An application's; they come behind what was added before.
  void add(std::shared_ptr<const Aggregates> aggregates);
  // A declared one. Errors: not_found, invalid (with the line, or the table and what is wrong there).
  result<void> add_file(const std::filesystem::path& file);
  result<void> add_text(std::string_view toml, const std::string& name);
  void add(Fold fold) { folds_.push_back(std::make_unique<Fold>(std::move(fold))); }

  // The first that was added for this category. Errors: not_found, naming the ones there are.
  [[nodiscard]] result<const Fold*> find(std::string_view category) const;
  [[nodiscard]] const std::vector<std::unique_ptr<Fold>>& all() const { return folds_; }

 private:
  std::vector<std::shared_ptr<const Aggregates>> kept_;
  std::vector<std::unique_ptr<Fold>> folds_;
};

// A fold file as an application's aggregates, for a server whose application is somewhere else. Errors: as add_file.
[[nodiscard]] result<std::shared_ptr<const Aggregates>> declared_aggregates(
    const std::filesystem::path& file);

// The folds of a file, by category. For Folds.
[[nodiscard]] result<std::vector<Fold>> declared_folds(std::string_view toml, const std::string& name);

}  // namespace stele::history
