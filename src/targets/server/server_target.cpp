// server_target.cpp - a projection's model in a database server: batches in, snapshots out, and what happens when the
// connection is lost in between. The servers' own words are in targets/postgres and targets/mariadb.
#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

#include "base/assert.hpp"
#include "targets/server/link_pool.hpp"
#include "targets/shared/standing.hpp"

namespace stele {
namespace {

constexpr std::size_t longest_space = 63;  // PostgreSQL's names; MariaDB's may be one longer
constexpr int looks = 3;  // at a model that is being made anew, or over a connection that has ended

}  // namespace

struct ServerTarget::Impl final : ProjectionLease {
  Impl(ServerProjection what, Connect how, bool is_scratch)
      : projection(std::move(what)),
        connect(std::move(how)),
        scratch(is_scratch),
        model(targets::space_of(projection.name, projection.version)),
        standing(model),
        readers(connect) {}

  result<void> open();
  result<void> ensure_link();
  result<ServerSnapshot> look(targets::SqlLink& link, std::function<void()> give_back);
  result<std::optional<std::string>> ask_for_lock();
  result<void> lock_again();

  // ProjectionLease: the connection holds it, so that it ends with the process, and a batch never outlives it.
  result<void> take() override;
  void release() override;

  const ServerProjection projection;
  const Connect connect;
  const bool scratch;
  const std::string model;
  targets::Standing standing;
  std::string note;
  std::unique_ptr<targets::SqlLink> writer;
  bool leased = false;
  std::string held_by;            // the connection that has, or had, the lease
  std::vector<std::string> keys;  // changed in the open batch
  targets::LinkPool readers;
  std::atomic<bool> scratch_in_use{false};
};

// ---- Opening

ServerTarget::ServerTarget(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// No finished model and a model of another schema are the same work; only one of them is worth a note.
result<void> ServerTarget::Impl::open() {
  STELE_TRY(writer, connect());
  STELE_TRY(const std::string made_with, writer->schema_text());
  if (made_with != projection.schema || made_with.empty()) {
    if (!made_with.empty()) note = "built anew: the schema has changed";
    STELE_CHECK(writer->make_empty(projection.schema, true));
  }
  STELE_TRY(const auto at, writer->read_checkpoint());
  if (!at) return Error(errc::unavailable, model + ": another process is making this model anew");
  standing.adopt(*at);
  return {};
}

result<std::shared_ptr<ServerTarget>> ServerTarget::open_by(Connect connect, ServerProjection projection,
                                                            bool scratch) {
  STELE_CHECK(targets::check_projection(projection.name, projection.version, longest_space, projection.events,
                                        static_cast<bool>(projection.project)));
  std::shared_ptr<ServerTarget> target(
      new ServerTarget(std::make_unique<Impl>(std::move(projection), std::move(connect), scratch)));
  if (auto opened = target->impl_->open(); !opened)
    return Error(opened.error()).at("projection " + target->name());
  return target;
}

ServerTarget::~ServerTarget() {
  STELE_ASSERT(impl_->readers.lent() == 0 && !impl_->scratch_in_use, "no snapshot outlives its target",
               impl_->model, impl_->readers.lent());
  if (!impl_->writer || impl_->writer->broken()) return;
  if (impl_->scratch) {
    (void)impl_->writer->drop_space().has_value();
    return;
  }
  // Best effort: what is not written is passed again after the next start.
  const Checkpoint last = impl_->standing.now();
  if (last != impl_->standing.stored() && begin()) (void)commit(last).has_value();
}

const std::string& ServerTarget::name() const { return impl_->projection.name; }
int ServerTarget::version() const { return impl_->projection.version; }
const Query& ServerTarget::events() const { return impl_->projection.events; }
std::string ServerTarget::note() const { return impl_->note; }
ProjectionLease* ServerTarget::lease() { return impl_->scratch ? nullptr : impl_.get(); }

// ---- The connection

// Who had it may have gone between the two questions that a link asks: then it is asked again.
result<std::optional<std::string>> ServerTarget::Impl::ask_for_lock() {
  constexpr int tries = 10;
  for (int i = 0; i < tries; ++i) {
    STELE_TRY(auto holder, writer->take_lock());
    if (!holder || !holder->empty()) return holder;
  }
  return Error(errc::unavailable, model + ": its lease comes and goes");
}

// A server may be the last to notice that a connection is lost: then our own, dead one still has the lease.
result<void> ServerTarget::Impl::lock_again() {
  STELE_TRY(const auto holder, ask_for_lock());
  if (holder && *holder == held_by)
    return Error(errc::unavailable,
                 model + ": the server has not noticed yet that the connection before is lost");
  if (holder) return targets::lease_lost(model);
  held_by = writer->session();
  return {};
}

// A scratch model was in the connection that is gone, or is worth nothing half built.
result<void> ServerTarget::Impl::ensure_link() {
  if (writer && !writer->broken()) return {};
  if (scratch) return Error(errc::unavailable, model + ": the connection to the scratch model is lost");
  writer.reset();
  STELE_TRY(auto made, connect());
  writer = std::move(made);
  auto locked = leased ? lock_again() : result<void>();
  if (!locked) writer.reset();
  return locked;
}

result<void> ServerTarget::Impl::take() {
  if (leased && writer && !writer->broken()) return {};
  leased = false;
  STELE_CHECK(ensure_link());
  STELE_TRY(const auto holder, ask_for_lock());
  if (holder) return targets::lease_taken(model, *holder);
  held_by = writer->session();
  leased = true;
  return {};
}

void ServerTarget::Impl::release() {
  if (leased && writer && !writer->broken()) writer->release_lock();
  leased = false;
}

// ---- Writing

// Read from the server each time: a restarted runner must see what is there, not what was meant to be. A model that
// is not there any more is made again.
result<Checkpoint> ServerTarget::checkpoint() {
  STELE_CHECK(impl_->ensure_link());
  STELE_TRY(auto at, impl_->writer->read_checkpoint());
  if (!at) {
    STELE_CHECK(reset());
    return Checkpoint{};
  }
  impl_->standing.adopt(*at);
  return impl_->standing.now();
}

result<void> ServerTarget::reset() {
  STELE_CHECK(impl_->ensure_link());
  STELE_TRY(const std::string made_with, impl_->writer->schema_text());
  impl_->standing.emptying();
  auto emptied = impl_->writer->make_empty(impl_->projection.schema, made_with != impl_->projection.schema);
  impl_->standing.emptied(emptied ? Checkpoint{} : impl_->standing.stored());
  return emptied;
}

// A new connection first finds out what has become of the batch before.
result<void> ServerTarget::begin() {
  impl_->keys.clear();
  const bool again = !impl_->writer || impl_->writer->broken();
  STELE_CHECK(impl_->ensure_link());
  if (again) {
    STELE_TRY(const auto at, impl_->writer->read_checkpoint());
    STELE_CHECK(impl_->standing.rejoin(at.value_or(Checkpoint{})));
  }
  return impl_->writer->begin();
}

result<void> ServerTarget::apply(const EventView& event) {
  if (impl_->standing.holds(event.position)) return {};
  ServerModel model(impl_->writer.get(), &impl_->keys);
  return impl_->projection.project(model, event);
}

// Model and checkpoint in the one transaction that begin() opened: the promise of the whole room hangs on this. The
// condition on the old checkpoint makes a second process impossible to overlook.
result<std::vector<std::string>> ServerTarget::commit(const Checkpoint& now) {
  targets::Standing& standing = impl_->standing;
  auto arrived = standing.arrived_keys();
  if (now.position <= standing.stored().position) {  // the batch whose answer was lost
    rollback();
    return arrived;
  }
  std::ranges::move(arrived, std::back_inserter(impl_->keys));
  auto done = impl_->writer->send_rows();
  if (done) {
    const auto moved = impl_->writer->write_checkpoint(standing.stored(), now);
    if (!moved)
      done = moved.error();
    else if (!*moved)
      done = Error(errc::conflict, impl_->model + ": another process has changed this model")
                 .with("expected", standing.stored().position.value())
                 .help("run each projection in one process only, then start it again");
  }
  standing.sending(now, std::exchange(impl_->keys, {}));
  if (done) done = impl_->writer->commit();
  if (done) return standing.committed();
  if (!impl_->writer->broken()) standing.refused();
  rollback();
  return done.error();
}

void ServerTarget::rollback() {
  impl_->keys.clear();
  if (impl_->writer && !impl_->writer->broken()) impl_->writer->rollback();
}

void ServerTarget::passed(Position position) {
  if (!impl_->standing.pass(position)) return;
  Checkpoint now = impl_->standing.stored();
  now.position = position;
  if (begin()) (void)commit(now).has_value();  // an error here comes back with the next batch
}

// ---- Reading

ServerSnapshot::ServerSnapshot(ServerSnapshot&& other) noexcept
    : ServerReader(static_cast<ServerReader&&>(other)),
      position_(other.position_),
      give_back_(std::exchange(other.give_back_, nullptr)) {}
ServerSnapshot::~ServerSnapshot() {
  if (give_back_) give_back_();
}

// What has passed is read before the snapshot is taken, so the rows are at least as new as the position that is
// claimed for them.
result<ServerSnapshot> ServerTarget::Impl::look(targets::SqlLink& link, std::function<void()> give_back) {
  const auto before = standing.glimpse();
  ServerSnapshot snapshot(&link, std::move(give_back));  // gives back on every way out
  STELE_CHECK(link.begin_read());
  STELE_TRY(const auto at, link.read_checkpoint());
  if (!at)
    return Error(errc::unavailable, model + ": the model is being made anew").help("ask again in a moment");
  snapshot.position_ = standing.visible(before, at->position);
  return snapshot;
}

result<ServerSnapshot> ServerTarget::snapshot() {
  if (impl_->scratch) {
    const bool taken = impl_->scratch_in_use.exchange(true);
    STELE_ASSERT(!taken, "a scratch model is asked by one at a time", name());
    return impl_->look(*impl_->writer, [impl = impl_.get()] {
      impl->writer->rollback();
      impl->scratch_in_use = false;
    });
  }
  for (int tried = 1;; ++tried) {
    STELE_TRY(auto lent, impl_->readers.take(tried > 1));
    targets::SqlLink& link = *lent;
    // std::function wants to be copied; the connection does not.
    auto owner = std::make_shared<std::unique_ptr<targets::SqlLink>>(std::move(lent));
    auto seen =
        impl_->look(link, [impl = impl_.get(), owner] { impl->readers.give_back(std::move(*owner)); });
    if (seen || tried == looks || seen.error().kind() != errc::unavailable) return seen;
  }
}

}  // namespace stele
