// router.cpp - route patterns, checked and matched.
#include "server/http/router.hpp"

#include <algorithm>
#include <set>

#include "server/http/uri.hpp"

namespace stele::server {
namespace {

// "/a/" has two segments, the second one empty: it is another address than "/a".
std::vector<std::string_view> split_segments(std::string_view path) {
  std::vector<std::string_view> out;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const auto end = path.find('/');
    out.push_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
  }
  return out;
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// Wrong routes are found when the server starts, not when somebody asks for them.
result<void> check_route(const Route& route) {
  const auto name = route.method + " " + route.pattern;
  if (!route.pattern.starts_with('/')) {
    return Error(errc::invalid, "route `" + name + "`: a pattern begins with '/'");
  }
  if (route.method.empty() ||
      !std::all_of(route.method.begin(), route.method.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return Error(errc::invalid, "route `" + name + "`: a method is upper case");
  }
  if (static_cast<bool>(route.handler) == static_cast<bool>(route.async)) {
    return Error(errc::invalid, "route `" + name + "`: give exactly one of `handler` and `async`");
  }
  return {};
}

// "GET /a/{}/b": equal for two routes that would match the same requests.
std::string shape_of(const ServedRoute& route) {
  auto out = route.route.method;
  for (const auto& segment : route.segments) out += "/" + (is_parameter(segment) ? "{}" : segment);
  return out;
}

// Fewer parameters first: a literal wins over a parameter in the same place.
std::size_t parameters_in(const ServedRoute& route) {
  return static_cast<std::size_t>(std::count_if(route.segments.begin(), route.segments.end(),
                                                [](const std::string& s) { return is_parameter(s); }));
}

// Literal segments must be equal; what stands for parameters is collected.
bool segments_match(const ServedRoute& route, const std::vector<std::string>& path,
                    std::vector<Field>& params) {
  params.clear();
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view want = route.segments[i];
    if (is_parameter(want)) {
      if (path[i].empty()) return false;
      params.push_back({std::string(want.substr(1, want.size() - 2)), path[i]});
    } else if (want != path[i]) {
      return false;
    }
  }
  return true;
}

bool method_matches(std::string_view offered, std::string_view asked) {
  return offered == asked || (offered == "GET" && asked == "HEAD");
}

void add_allowed(std::string& allow, std::string_view method) {
  if (!allow.empty()) allow += ", ";
  allow += method;
  if (method == "GET") allow += ", HEAD";
}

}  // namespace

// Grouped by length, so that a request is compared with a few routes only.
result<Router> Router::build(std::vector<ServedRoute> routes) {
  Router out;
  std::set<std::string> shapes;
  for (auto& served : routes) {
    STELE_CHECK(check_route(served.route));
    for (const auto segment : split_segments(served.route.pattern)) served.segments.emplace_back(segment);
    if (!shapes.insert(shape_of(served)).second) {
      return Error(errc::invalid,
                   "route `" + served.route.method + " " + served.route.pattern + "` is declared twice");
    }
    served.index = out.routes_.size();
    out.by_length_[served.segments.size()].push_back(served.index);
    out.routes_.push_back(std::move(served));
  }
  for (auto& [length, indexes] : out.by_length_) {
    std::stable_sort(indexes.begin(), indexes.end(), [&](std::size_t a, std::size_t b) {
      return parameters_in(out.routes_[a]) < parameters_in(out.routes_[b]);
    });
  }
  return out;
}

// Decoding comes after splitting: an encoded slash is part of its segment.
RouteMatch Router::find(std::string_view method, std::string_view path) const {
  RouteMatch out;
  std::vector<std::string> decoded;
  for (const auto segment : split_segments(path)) {
    auto text = percent_decode(segment);
    if (!text) {
      out.broken_escape = true;
      return out;
    }
    decoded.push_back(*std::move(text));
  }
  const auto candidates = by_length_.find(decoded.size());
  if (candidates == by_length_.end()) return out;
  std::vector<Field> params;
  for (const auto index : candidates->second) {
    if (!segments_match(routes_[index], decoded, params)) continue;
    if (method_matches(routes_[index].route.method, method)) {
      out.route = &routes_[index];
      out.params = std::move(params);
      return out;
    }
    add_allowed(out.allow, routes_[index].route.method);
  }
  return out;
}

}  // namespace stele::server
