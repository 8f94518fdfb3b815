// json_object.hpp - writes one flat JSON object, member by member. Not a document model: what goes in is text
// at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stele::cli {

class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value);
  JsonObject& number(std::string_view name, std::uint64_t value);
  // Rounded to what is worth printing: six significant digits.
  JsonObject& decimal(std::string_view name, double value);
  JsonObject& boolean(std::string_view name, bool value);
  // `json` must be one JSON value.
  JsonObject& raw(std::string_view name, std::string_view json);
  // The finished object; the builder is empty afterwards.
  [[nodiscard]] std::string take();

 private:
  void name(std::string_view name);
  std::string text_ = "{";
};

}  // namespace stele::cli
