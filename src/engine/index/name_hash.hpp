// name_hash.hpp - the hash functions that index files rest on: they never change, on any machine. Not for
// anything where somebody may choose the input to do harm; a collision costs a comparison and nothing else.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/index/part.hpp"

namespace stele::engine {

[[nodiscard]] std::uint64_t hash_name(std::uint64_t seed, std::string_view name);
// Ids are hashed in full: clients may give any, also such that count upwards.
[[nodiscard]] std::uint64_t long_hash_id(const Uuid& id);
[[nodiscard]] inline std::uint32_t hash_id(const Uuid& id) {
  return static_cast<std::uint32_t>(long_hash_id(id) >> 32);
}

// Of a term: the upper half of 64 bits is what the file keeps. Tests give another one, to force collisions.
using TermHash = std::uint32_t (*)(TermKind kind, std::string_view name);
[[nodiscard]] std::uint32_t hash_term(TermKind kind, std::string_view name);

}  // namespace stele::engine
