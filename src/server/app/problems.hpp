// problems.hpp - the table of problem types and the rendering of problem documents. The only source of titles.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/app.hpp"

namespace stele::server {

// What GET /problems/{slug} shows.
struct ProblemPage {
  int status;  // the usual one
  std::string title;
  std::string meaning;  // what it means and what the caller can do
};

class ProblemTable {
 public:
  // The server's own types; an application's are added by declare().
  ProblemTable();
  // False: the slug exists already.
  bool declare(const App::ProblemType& type);

  [[nodiscard]] const ProblemPage* find(std::string_view slug) const;
  [[nodiscard]] const std::map<std::string, ProblemPage, std::less<>>& all() const { return pages_; }

  // The document; a slug that nobody declared gets the generic title of its status.
  [[nodiscard]] std::string render(const Problem& problem, std::string_view instance,
                                   std::string_view request_id) const;

 private:
  std::map<std::string, ProblemPage, std::less<>> pages_;
};

// Whether it is an append condition that was not met, and not an expected version.
[[nodiscard]] bool is_condition_conflict(const Error& error);
// What an Error means over HTTP. `conditional`: the request had an If-Match or If-None-Match.
[[nodiscard]] Problem problem_of(const Error& error, bool conditional);

}  // namespace stele::server
