// openapi_check.hpp - what must hold of every /openapi.json, whoever's routes are in it. Not a validator of the format.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stele/wire.hpp"

namespace stele::test {

// Each parameter that an operation names more than once, as "method path: in name"; one line when it is no document.
inline std::vector<std::string> parameters_twice(const std::string& openapi) {
  std::vector<std::string> out;
  const auto document = JsonDocument::parse(openapi);
  const auto paths = document ? document->root().find("paths") : std::nullopt;
  if (!paths) return {"no document"};
  for (const auto& [path, operations] : paths->members()) {
    for (const auto& [method, operation] : operations.members()) {
      std::set<std::pair<std::string, std::string>> seen;
      for (const auto parameter : operation.find("parameters")->elements()) {
        const std::string place(parameter.find("in")->as_string().value_or(""));
        const std::string name(parameter.find("name")->as_string().value_or(""));
        if (seen.emplace(place, name).second) continue;
        out.push_back(std::string(method) + " " + std::string(path) + ": " + place + " " + name);
      }
    }
  }
  return out;
}

}  // namespace stele::test
