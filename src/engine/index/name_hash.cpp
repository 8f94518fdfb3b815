// name_hash.cpp - eight bytes at a time, multiplied and folded.
#include "engine/index/name_hash.hpp"

#include <array>
#include <cstring>

#include "base/bytes.hpp"

namespace stele::engine {
namespace {

constexpr std::uint64_t hash_odd = 0x9E3779B97F4A7C15;

std::uint64_t fold(std::uint64_t value) {
  value = (value ^ (value >> 32)) * 0xD6E8FEB86659FD93;
  return value ^ (value >> 32);
}

}  // namespace

std::uint64_t hash_name(std::uint64_t seed, std::string_view name) {
  auto state = fold(seed ^ (name.size() * hash_odd));
  while (name.size() >= 8) {
    state = fold(state ^ base::load_le<std::uint64_t>(name.data())) * hash_odd;
    name.remove_prefix(8);
  }
  std::array<char, 8> rest{};
  std::memcpy(rest.data(), name.data(), name.size());
  state = fold(state ^ base::load_le<std::uint64_t>(rest.data()));
  return fold(state * hash_odd);
}

std::uint64_t long_hash_id(const Uuid& id) {
  const auto* bytes = reinterpret_cast<const char*>(id.bytes().data());
  const auto high = base::load_le<std::uint64_t>(bytes);
  const auto low = base::load_le<std::uint64_t>(bytes + 8);
  return fold(fold(high) * hash_odd ^ low);
}

std::uint32_t hash_term(TermKind kind, std::string_view name) {
  return static_cast<std::uint32_t>(hash_name(static_cast<std::uint64_t>(kind), name) >> 32);
}

TypeMask mask_of_type(std::string_view type) { return TypeMask{1} << (hash_name(0, type) >> 58); }

}  // namespace stele::engine
