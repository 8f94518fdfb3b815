// world.cpp - the real clock and the real randomness, and the one real world.
#include "io/world.hpp"

#include <sys/random.h>

#include <array>

#include <cerrno>
#include <cstring>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "io/real_disk.hpp"

namespace stele::io {
namespace {

class RealClock final : public Clock {
 public:
  Timestamp now() override {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
  std::chrono::nanoseconds monotonic() override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
};

class RealRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> into) override {
    while (!into.empty()) {
      const auto got = ::getrandom(into.data(), into.size(), 0);
      STELE_ASSERT(got > 0 || errno == EINTR, "the kernel gives random bytes", std::strerror(errno));
      if (got > 0) into = into.subspan(static_cast<std::size_t>(got));
    }
  }
};

}  // namespace

std::uint64_t Random::next() {
  std::array<std::uint8_t, 8> bytes{};
  fill(bytes);
  return base::load_le<std::uint64_t>(reinterpret_cast<const char*>(bytes.data()));
}

World& real_world() {
  static RealClock clock;
  static RealRandom random;
  static const auto disk = make_real_disk();
  static World world{*disk, clock, random};
  return world;
}

}  // namespace stele::io
