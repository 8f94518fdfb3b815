// server_target.cpp - a projection's model in a database server: batches in, snapshots out, and what happens when the
// connection is lost in between. The servers' own words are in targets/postgres and targets/mariadb; several models of
// one projection, and the switch between them, are server_models.cpp.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.hpp"
#include "targets/server/parked_rows.hpp"
#include "targets/server/server_models.hpp"
#include "targets/shared/parked_text.hpp"

namespace stele {
namespace {

constexpr std::size_t longest_space = 63;  // PostgreSQL's names; MariaDB's may be one longer
constexpr int looks = 3;  // at a model that is being made anew, or over a connection that has ended

}  // namespace

// ---- Opening

ServerTarget::ServerTarget(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// No finished model and a model of another schema are the same work; only one of them is worth a note.
result<void> ServerTarget::Impl::open() {
  STELE_CHECK(ensure_link());
  dialect = writer->dialect();
  if (kind == Kind::whole) STELE_CHECK(refresh());
  STELE_CHECK(ensure_link());
  STELE_TRY(const std::string made_with, writer->schema_text());
  if (made_with != projection.schema || made_with.empty()) {
    if (!made_with.empty()) note = "built anew: the schema has changed";
    STELE_CHECK(writer->make_empty(projection.schema, true));
  }
  STELE_TRY(const auto at, writer->read_checkpoint());
  if (!at) return Error(errc::unavailable, model->space + ": another process is making this model anew");
  STELE_CHECK(targets::ensure_parked_table(*writer, model->space));
  model->standing.adopt(*at);
  joined = true;
  return {};
}

result<std::shared_ptr<ServerTarget>> ServerTarget::open_by(Connect connect, ServerProjection projection,
                                                            std::optional<std::string> scratch) {
  STELE_CHECK(targets::check_projection(projection.name, projection.version, longest_space, projection.events,
                                        static_cast<bool>(projection.project)));
  const std::string space = scratch ? *scratch : targets::space_of(projection.name, projection.version);
  std::shared_ptr<ServerTarget> target(new ServerTarget(
      std::make_unique<Impl>(std::move(projection), std::move(connect),
                             scratch ? Impl::Kind::scratch : Impl::Kind::whole, std::uint64_t{0}, space)));
  if (auto opened = target->impl_->open(); !opened)
    return Error(opened.error()).at("projection " + target->name());
  return target;
}

// Who still reads the model that served before a switch is not this one's reader, and holds what it reads.
ServerTarget::~ServerTarget() {
  const bool read = impl_->kind != Impl::Kind::beside && impl_->model->readers.lent() > 0;
  STELE_ASSERT(!read && !impl_->scratch_in_use, "no snapshot outlives its target", impl_->model->space,
               impl_->model->readers.lent());
  if (!impl_->writer || impl_->writer->broken()) return;
  if (impl_->kind == Impl::Kind::scratch) {
    (void)impl_->writer->drop_space(impl_->model->space).has_value();
    return;
  }
  // Best effort: what is not written is passed again after the next start.
  const Checkpoint last = impl_->model->standing.now();
  if (last != impl_->model->standing.stored() && begin()) (void)commit(last).has_value();
}

const std::string& ServerTarget::name() const { return impl_->projection.name; }
int ServerTarget::version() const { return impl_->projection.version; }
const Query& ServerTarget::events() const { return impl_->projection.events; }
std::string ServerTarget::note() const { return impl_->note; }

// A model beside another is under the lease of that one; a scratch one needs none.
ProjectionParking* ServerTarget::parking() { return impl_.get(); }
ProjectionLease* ServerTarget::lease() { return impl_->kind == Impl::Kind::whole ? impl_.get() : nullptr; }
SideBySide* ServerTarget::side_by_side() { return impl_->kind == Impl::Kind::whole ? impl_.get() : nullptr; }

// ---- The connection

// A scratch model was in the connection that is gone, or is worth nothing half built.
result<void> ServerTarget::Impl::ensure_link() {
  if (writer && !writer->broken()) return {};
  if (writer && kind == Kind::scratch)
    return Error(errc::unavailable, model->space + ": the connection to the scratch model is lost");
  writer.reset();
  joined = false;
  STELE_TRY(auto made, connect(model->space));
  writer = std::move(made);
  auto ready = tuned ? writer->tune_for_building() : result<void>();
  if (ready && leased) ready = lock_again();
  if (!ready) writer.reset();
  return ready;
}

// A new connection first finds out what has become of the batch before.
result<void> ServerTarget::Impl::join() {
  STELE_CHECK(ensure_link());
  STELE_CHECK(check_what_serves());
  if (joined) return {};
  STELE_TRY(const auto at, writer->read_checkpoint());
  STELE_CHECK(model->standing.rejoin(at.value_or(Checkpoint{})));
  joined = true;
  return {};
}

void ServerTarget::Impl::forget_batch() {
  keys.clear();
  parking_changed = false;
  unparked = {};
}

// ---- Writing: the projecting thread is the only one that changes which model this is, so it need not lock

// Read from the server each time: a restarted runner must see what is there, not what was meant to be. A model that
// is not there any more is made again.
result<Checkpoint> ServerTarget::checkpoint() {
  STELE_CHECK(impl_->ensure_link());
  STELE_CHECK(impl_->check_what_serves());
  STELE_TRY(auto at, impl_->writer->read_checkpoint());
  if (!at) {
    if (impl_->stands_by) return targets::not_ours_to_empty(impl_->model->space);
    STELE_CHECK(reset());
    return Checkpoint{};
  }
  impl_->model->standing.adopt(*at);
  impl_->joined = true;
  return impl_->model->standing.now();
}

result<void> ServerTarget::Impl::empty() {
  STELE_TRY(const std::string made_with, writer->schema_text());
  STELE_CHECK(writer->make_empty(projection.schema, made_with != projection.schema));
  return targets::ensure_parked_table(*writer, model->space);
}

result<void> ServerTarget::reset() {
  STELE_CHECK(impl_->ensure_link());
  STELE_CHECK(impl_->check_what_serves());
  targets::Standing& standing = impl_->model->standing;
  standing.emptying();
  auto emptied = impl_->empty();
  standing.emptied(emptied ? Checkpoint{} : standing.stored());
  if (emptied) impl_->joined = true;
  return emptied;
}

result<void> ServerTarget::begin() {
  impl_->forget_batch();
  STELE_CHECK(impl_->join());
  return impl_->writer->begin();
}

result<void> ServerTarget::apply(const EventView& event) {
  if (impl_->model->standing.holds(event.position) && event.position != impl_->unparked) return {};
  ServerModel model(impl_->writer.get(), &impl_->keys);
  return impl_->projection.project(model, event);
}

// Model and checkpoint in the one transaction that begin() opened: the promise of the whole room hangs on this. The
// condition on the old checkpoint makes a second process impossible to overlook.
result<std::vector<std::string>> ServerTarget::commit(const Checkpoint& now) {
  targets::Standing& standing = impl_->model->standing;
  const bool parking = impl_->parking_changed;
  if (parking && now.position < standing.stored().position) {
    rollback();
    return targets::batch_on_its_way(impl_->model->space);
  }
  auto arrived = standing.arrived_keys();
  if (now.position <= standing.stored().position && !parking) {  // the batch whose answer was lost
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
      done = Error(errc::conflict, impl_->model->space + ": another process has changed this model")
                 .with("expected", standing.stored().position.value())
                 .help("run each projection in one process only, then start it again");
  }
  standing.sending(now, std::exchange(impl_->keys, {}));
  if (done) done = impl_->writer->commit();
  impl_->forget_batch();
  if (done) return standing.committed();
  if (!impl_->writer->broken()) standing.refused();
  rollback();
  return done.error();
}

void ServerTarget::rollback() {
  impl_->forget_batch();
  if (impl_->writer && !impl_->writer->broken()) impl_->writer->rollback();
}

void ServerTarget::passed(Position position) {
  targets::Standing& standing = impl_->model->standing;
  if (!standing.pass(position)) return;
  Checkpoint now = standing.stored();
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
result<ServerSnapshot> ServerTarget::Impl::look(targets::SqlLink& link, Stored& of,
                                                std::function<void()> give_back) {
  const auto before = of.standing.glimpse();
  ServerSnapshot snapshot(&link, std::move(give_back));  // gives back on every way out
  STELE_CHECK(link.begin_read());
  STELE_TRY(const auto at, link.read_checkpoint());
  if (!at)
    return Error(errc::unavailable, of.space + ": the model is being made anew")
        .help("ask again in a moment");
  snapshot.position_ = of.standing.visible(before, at->position);
  return snapshot;
}

// Of the model that serves at this moment; a switch meanwhile does not touch it.
result<ServerSnapshot> ServerTarget::snapshot() {
  if (impl_->kind == Impl::Kind::scratch) {
    const bool taken = impl_->scratch_in_use.exchange(true);
    STELE_ASSERT(!taken, "a scratch model is asked by one at a time", name());
    return impl_->look(*impl_->writer, *impl_->model, [impl = impl_.get()] {
      impl->writer->rollback();
      impl->scratch_in_use = false;
    });
  }
  for (int tried = 1;; ++tried) {
    const std::shared_ptr<Impl::Stored> model = impl_->served();
    STELE_TRY(auto lent, model->readers.take(tried > 1));
    targets::SqlLink& link = *lent;
    // std::function wants to be copied; the connection does not.
    auto owner = std::make_shared<std::unique_ptr<targets::SqlLink>>(std::move(lent));
    auto seen = impl_->look(link, *model, [model, owner] { model->readers.give_back(std::move(*owner)); });
    if (seen || tried == looks || seen.error().kind() != errc::unavailable) return seen;
  }
}

}  // namespace stele
