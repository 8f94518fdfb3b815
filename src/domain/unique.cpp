// unique.cpp - the tag that stands for a value of which there may be one.
#include "stele/detail/unit_of_work.hpp"

namespace stele {
namespace {

// Persisted in tags: never change it, nor what plain_form() does.
constexpr Uuid unique_space({0x77, 0x2e, 0x1c, 0x0b, 0x5f, 0x3d, 0x4a, 0x60, 0x9b, 0x42, 0x75, 0x6e, 0x69,
                             0x71, 0x75, 0x65});

std::string plain_form(std::string_view value) {
  constexpr std::string_view spaces = " \t\r\n";
  value.remove_prefix(std::min(value.find_first_not_of(spaces), value.size()));
  value = value.substr(0, value.find_last_not_of(spaces) + 1);
  std::string plain(value);
  for (char& c : plain)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return plain;
}

}  // namespace

std::string unique_tag(std::string_view name, std::string_view value) {
  return "unique:" + std::string(name) + ":" + to_string(Uuid::from_name(unique_space, plain_form(value)));
}

}  // namespace stele
