// router.hpp - from method and path to a route. Matches on undecoded segments, so that an encoded slash stays
// inside its parameter.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stele/app.hpp"
#include "stele/result.hpp"

namespace stele::server {

// A route and what the server knows of it beyond its declaration.
struct ServedRoute {
  Route route;
  bool own = false;                     // the server's: unknown query parameters are refused
  bool open_to_all = false;             // needs no token
  bool pipelined = false;               // answers may overlap with those of earlier pipelined requests
  std::vector<std::string> segments{};  // decoded literals, or "{name}"
  std::size_t index = 0;
};

// Exactly one of: a route, broken_escape, a non-empty `allow`, or nothing of these (no such path).
struct RouteMatch {
  const ServedRoute* route = nullptr;  // null: no such path, or not with this method
  std::vector<Field> params;
  std::string allow;  // the methods of the path, when only the method is wrong
  bool broken_escape = false;
};

class Router {
 public:
  // Errors: invalid (a malformed pattern, no or two handlers, the same method and pattern twice).
  static result<Router> build(std::vector<ServedRoute> routes);

  // `path` as sent, undecoded. Safe from any thread once built.
  [[nodiscard]] RouteMatch find(std::string_view method, std::string_view path) const;
  [[nodiscard]] const std::vector<ServedRoute>& routes() const { return routes_; }

 private:
  std::vector<ServedRoute> routes_;
  std::map<std::size_t, std::vector<std::size_t>> by_length_;  // segments -> routes, literals first
};

}  // namespace stele::server
