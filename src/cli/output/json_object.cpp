// json_object.cpp - members with their commas.
#include "cli/output/json_object.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/json_text.hpp"

namespace stele::cli {

void JsonObject::name(std::string_view name) {
  if (text_.size() > 1) text_ += ',';
  base::append_json_string(text_, name);
  text_ += ':';
}

JsonObject& JsonObject::text(std::string_view member, std::string_view value) {
  name(member);
  base::append_json_string(text_, value);
  return *this;
}

JsonObject& JsonObject::number(std::string_view member, std::uint64_t value) {
  return raw(member, fmt::format("{}", value));
}

JsonObject& JsonObject::decimal(std::string_view member, double value) {
  return raw(member, fmt::format("{:.6g}", value));
}

JsonObject& JsonObject::boolean(std::string_view member, bool value) {
  return raw(member, value ? "true" : "false");
}

JsonObject& JsonObject::raw(std::string_view member, std::string_view json) {
  name(member);
  text_ += json;
  return *this;
}

std::string JsonObject::take() { return std::exchange(text_, "{") + "}"; }

}  // namespace stele::cli
