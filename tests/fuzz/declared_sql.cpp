// declared_sql.cpp - any text as a projection in SQL: taken apart, its parameters numbered, checked against empty
// tables. It compiles, or the refusal says where; and what compiles once compiles again to the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "declared/compiled.hpp"
#include "declared/parameters.hpp"

namespace {

constexpr std::size_t most_bytes = 8u << 10;

// As long as its text, so that a place in one is a place in the other.
void number(std::string_view text, bool deterministic) {
  const auto numbered = stele::declared::number_parameters(text, deterministic);
  if (!numbered && (numbered.error().offset > text.size() || numbered.error().what.empty())) __builtin_trap();
  if (!numbered) return;
  if (numbered->sql.size() != text.size() || numbered->names.size() != numbered->offsets.size())
    __builtin_trap();
  for (const auto& name : numbered->names) (void)stele::declared::event_parameter(name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stele;
  if (size > most_bytes) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  number(text, true);
  number(text, false);
  const auto source = declared::read_source(text, "fuzzed.sql");
  if (!source) {
    if (source.error().message().empty()) __builtin_trap();
    return 0;
  }
  const auto compiled = declared::compile(text, "fuzzed.sql", {{"New", "Old"}});
  if (!compiled) {
    if (compiled.error().message().empty()) __builtin_trap();
    return 0;
  }
  if (compiled->queries.size() != source->queries.size()) __builtin_trap();
  const auto again = declared::compile(compiled->text, "fuzzed.sql", {{"New", "Old"}});
  if (!again || again->queries.size() != compiled->queries.size()) __builtin_trap();
  return 0;
}
