// request.cpp - looking things up in a request.
#include <algorithm>

#include "base/assert.hpp"
#include "stele/app.hpp"

namespace stele {
namespace {

// A request has a handful of fields: a walk beats a table.
const std::string* find_field(const std::vector<Field>& fields, std::string_view name) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
  return found == fields.end() ? nullptr : &found->value;
}

std::string media_type_of(std::string_view value) {
  value = value.substr(0, value.find(';'));
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  std::string out(value);
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

}  // namespace

std::string_view Request::param(std::string_view name) const {
  const auto* value = find_field(params, name);
  STELE_ASSERT(value != nullptr, "no such parameter in the pattern of the route", name, target);
  return *value;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  const auto* value = find_field(query, name);
  return value ? std::optional<std::string_view>(*value) : std::nullopt;
}

// A header may come several times; that means the same as one list.
std::optional<std::string> Request::header(std::string_view name) const {
  std::optional<std::string> out;
  for (const auto& field : headers) {
    if (field.name != name) continue;
    out = out ? *out + ", " + field.value : field.value;
  }
  return out;
}

std::string Request::content_type() const {
  const auto* value = find_field(headers, "content-type");
  return value ? media_type_of(*value) : std::string();
}

// Quality values are ignored: nobody names a type here in order not to get it.
bool Request::accepts(std::string_view media_type) const {
  const auto value = header("accept");
  if (!value) return false;
  for (std::string_view rest = *value; !rest.empty();) {
    const auto comma = rest.find(',');
    if (media_type_of(rest.substr(0, comma)) == media_type) return true;
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return false;
}

}  // namespace stele
