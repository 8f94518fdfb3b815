// result.cpp - building and printing errors.
#include "stele/result.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace stele {
namespace {

constexpr std::array<std::string_view, 12> errc_names = {"invalid",   "conflict", "not_found", "gone",
                                                         "too_large", "busy",     "disk_full", "read_only",
                                                         "corrupt",   "timeout",  "denied",    "unavailable"};

}  // namespace

std::string_view to_string(errc kind) {
  const auto index = static_cast<std::size_t>(kind);
  STELE_ASSERT(index < errc_names.size(), "an error kind is one of the twelve", index);
  return errc_names[index];
}

Error::Error(errc kind, std::string message)
    : body_(std::make_shared<Body>(Body{kind, std::move(message), {}, {}})) {}

Error::Body& Error::mine() {
  if (body_.use_count() > 1) body_ = std::make_shared<Body>(*body_);
  return *body_;
}

Error Error::with(std::string name, std::string value) && {
  mine().facts.push_back({std::move(name), std::move(value)});
  return std::move(*this);
}

Error Error::with(std::string name, std::uint64_t value) && {
  return std::move(*this).with(std::move(name), std::to_string(value));
}

Error Error::help(std::string what_to_do) && {
  mine().help = std::move(what_to_do);
  return std::move(*this);
}

Error Error::at(std::string_view where) && {
  auto& body = mine();
  body.message = std::string(where) + ": " + body.message;
  return std::move(*this);
}

errc Error::kind() const { return body_->kind; }
const std::string& Error::message() const { return body_->message; }
const std::string& Error::help() const { return body_->help; }
const std::vector<Fact>& Error::facts() const { return body_->facts; }

std::optional<std::string_view> Error::fact(std::string_view name) const {
  const auto found = std::ranges::find(body_->facts, name, &Fact::name);
  if (found == body_->facts.end()) return std::nullopt;
  return found->value;
}

std::string Error::to_string() const {
  std::string text{stele::to_string(kind())};
  text += ": " + message();
  const char* separator = " (";
  for (const auto& fact : facts()) {
    text += separator + fact.name + "=" + fact.value;
    separator = ", ";
  }
  if (!facts().empty()) text += ')';
  if (!help().empty()) text += "; " + help();
  return text;
}

}  // namespace stele
