// inspect_lines.cpp - the two forms of a line.
#include "engine/log/inspect_lines.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "base/utf8.hpp"

namespace stele::engine::log {
namespace {

// In text a value is bare while it cannot be mistaken for more than one word.
bool is_plain_word(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(),
                                       [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '='; });
}

}  // namespace

InspectLine::InspectLine(InspectForm form, std::string_view kind) : form_(form) {
  if (form_ == InspectForm::text) {
    text_ = kind;
  } else {
    text_ = R"({"kind":)";
    base::append_json_string(text_, kind);
  }
}

void InspectLine::begin_field(std::string_view name) {
  if (form_ == InspectForm::text) {
    text_ += ' ';
    text_ += name;
    text_ += '=';
  } else {
    text_ += ',';
    base::append_json_string(text_, name);
    text_ += ':';
  }
}

InspectLine& InspectLine::with(std::string_view name, std::string_view value) {
  begin_field(name);
  // A path may be any bytes; a line is text.
  if (!base::is_utf8(value)) {
    base::append_json_string(text_, "(" + std::to_string(value.size()) + " bytes)");
  } else if (form_ == InspectForm::text && is_plain_word(value)) {
    text_ += value;
  } else {
    base::append_json_string(text_, value);
  }
  return *this;
}

InspectLine& InspectLine::with(std::string_view name, std::uint64_t value) {
  begin_field(name);
  text_ += std::to_string(value);
  return *this;
}

std::string InspectLine::finish() && {
  if (form_ == InspectForm::ndjson) text_ += '}';
  return std::move(text_);
}

}  // namespace stele::engine::log
