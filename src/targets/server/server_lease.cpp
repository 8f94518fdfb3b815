// server_lease.cpp - who may write a projection's models: a lock of the server that the writing connection holds.
#include "base/assert.hpp"
#include "targets/server/server_models.hpp"

namespace stele {

// Who had it may have gone between the two questions that a link asks: then it is asked again.
result<std::optional<std::string>> ServerTarget::Impl::ask_for_lock() {
  constexpr int tries = 10;
  for (int i = 0; i < tries; ++i) {
    STELE_TRY(auto holder, writer->take_lock(base));
    if (!holder || !holder->empty()) return holder;
  }
  return Error(errc::unavailable, base + ": its lease comes and goes");
}

// A server may be the last to notice that a connection is lost: then our own, dead one still has the lease. Somebody
// else may have had it meanwhile and made another model serve.
result<void> ServerTarget::Impl::lock_again() {
  STELE_ASSERT(kind == Kind::whole, "a model beside another has no lease of its own", base);
  STELE_TRY(const auto holder, ask_for_lock());
  if (holder && *holder == held_by)
    return Error(errc::unavailable,
                 base + ": the server has not noticed yet that the connection before is lost");
  if (holder) return targets::lease_lost(base);
  held_by = writer->session();
  unsure = true;
  return {};
}

result<void> ServerTarget::Impl::take() {
  if (leased && writer && !writer->broken()) return {};
  leased = false;
  STELE_CHECK(ensure_link());
  STELE_TRY(const auto holder, ask_for_lock());
  stands_by = holder.has_value();
  if (holder) return targets::lease_taken(base, *holder);
  held_by = writer->session();
  leased = true;
  unsure = true;
  return {};
}

void ServerTarget::Impl::release() {
  if (leased && writer && !writer->broken()) writer->release_lock(base);
  leased = false;
}

}  // namespace stele
