// dying_store.hpp - a store whose process dies at its n-th write: that write is done or not, nobody hears of it, and
// nothing after it happens. What it leaves is in the store behind it. Or it survives: then the one write is answered
// with an error, whether it was done or not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "domain/meddling_store.hpp"

namespace stele::test {

enum class Death { before_the_write, after_the_write };

class DyingStore final : public MeddlingStore, private Records {
 public:
  // At write 0 it never dies.
  DyingStore(EventStore& behind, std::uint64_t at_write, Death death, std::optional<errc> survives = {})
      : MeddlingStore(behind), at_write_(at_write), death_(death), survives_(survives) {}

  [[nodiscard]] bool struck() const { return at_write_ > 0 && writes_ >= at_write_; }
  [[nodiscard]] bool dead() const { return struck() && !survives_; }
  [[nodiscard]] std::uint64_t writes() const { return writes_; }

  result<AppendResult> append(AppendRequest request) override {
    return write<AppendResult>([&] { return MeddlingStore::append(std::move(request)); });
  }
  Records& records() override { return *this; }

 private:
  template <class T, class F>
  result<T> write(F&& really) {
    if (dead()) return gone();
    if (++writes_ != at_write_) return really();
    if (death_ == Death::after_the_write) (void)really().has_value();
    return survives_ ? Error(*survives_, "an answer that was made up") : gone();
  }
  static Error gone() { return Error(errc::unavailable, "the process has died"); }

  Records& real() { return MeddlingStore::records(); }
  result<std::optional<std::string>> get(std::string_view space, std::string_view key) override {
    return real().get(space, key);
  }
  result<void> put(std::string_view space, std::string_view key, std::string_view value) override {
    return write<void>([&] { return real().put(space, key, value); });
  }
  result<bool> insert(std::string_view space, std::string_view key, std::string_view value) override {
    return write<bool>([&] { return real().insert(space, key, value); });
  }
  result<void> erase(std::string_view space, std::string_view key) override {
    return write<void>([&] { return real().erase(space, key); });
  }
  result<std::uint64_t> erase_older(std::string_view space, Timestamp time) override {
    return write<std::uint64_t>([&] { return real().erase_older(space, time); });
  }

  const std::uint64_t at_write_;
  const Death death_;
  const std::optional<errc> survives_;
  std::uint64_t writes_ = 0;
};

}  // namespace stele::test
