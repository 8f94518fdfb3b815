// sqlite_target.cpp - a projection's model in a SQLite file: batches in, snapshots out.
#include <algorithm>
#include <atomic>
#include <utility>

#include "base/assert.hpp"
#include "stele/sqlite.hpp"
#include "targets/sqlite/model_file.hpp"
#include "targets/sqlite/read_pool.hpp"

namespace stele {
namespace {

// Progress past events that do not concern the model is written this often, at the latest when closing;
// losing it costs a look at the index.
constexpr std::uint64_t passed_stride = 10'000;

result<void> check_projection(const SqliteProjection& projection) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (projection.name.empty() || projection.name.size() > 100 || !std::ranges::all_of(projection.name, fits))
    return Error(errc::invalid,
                 "projection name '" + projection.name + "' is not 1 to 100 of a-z, 0-9, '_', '-'")
        .help("it becomes part of a file name");
  if (projection.version < 1)
    return Error(errc::invalid, projection.name + ": the version must be 1 or more, it is " +
                                    std::to_string(projection.version));
  if (!projection.project)
    return Error(errc::invalid, projection.name + ": there is no function to project with");
  return check_query(projection.events);
}

}  // namespace

struct SqliteTarget::Impl {
  Impl(SqliteProjection what, std::filesystem::path where, targets::ModelFile opened)
      : projection(std::move(what)),
        file(std::move(where)),
        note(std::move(opened.note)),
        writer(std::move(opened.db)),
        readers(file.string()) {}

  result<SqliteSnapshot> look(sqlite::Connection& db, std::function<void()> give_back);

  const SqliteProjection projection;
  const std::filesystem::path file;
  const std::string note;
  sqlite::Connection writer;
  Checkpoint stored;              // as in the file; of the projecting thread
  std::vector<std::string> keys;  // changed in the open batch
  targets::ReadPool readers;
  // What a reader may add to the stored position. Read before the snapshot is taken, so that the rows hold at
  // least as much; `resets` tells that the model was emptied in between.
  std::atomic<std::uint64_t> passed{0};
  std::atomic<std::uint64_t> resets{0};
  std::atomic<bool> scratch_in_use{false};
};

// ---- Opening

SqliteTarget::SqliteTarget(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

result<std::shared_ptr<SqliteTarget>> SqliteTarget::open(const std::filesystem::path& models,
                                                         SqliteProjection projection) {
  STELE_CHECK(check_projection(projection));
  std::error_code failed;
  std::filesystem::create_directories(models, failed);
  if (failed)
    return Error(errc::denied, models.string() + ": cannot make this folder: " + failed.message())
        .with("path", models.string());
  auto file = models / (projection.name + "-v" + std::to_string(projection.version) + ".db");
  auto opened = targets::open_model(file.string(), projection.schema);
  if (!opened) return Error(opened.error()).at("projection " + projection.name);
  auto impl = std::make_unique<Impl>(std::move(projection), std::move(file), std::move(*opened));
  std::shared_ptr<SqliteTarget> target(new SqliteTarget(std::move(impl)));
  STELE_CHECK(target->checkpoint());
  return target;
}

result<std::shared_ptr<SqliteTarget>> SqliteTarget::scratch(SqliteProjection projection) {
  STELE_CHECK(check_projection(projection));
  auto opened = targets::open_model({}, projection.schema);
  if (!opened) return Error(opened.error()).at("projection " + projection.name);
  auto impl = std::make_unique<Impl>(std::move(projection), std::filesystem::path{}, std::move(*opened));
  return std::shared_ptr<SqliteTarget>(new SqliteTarget(std::move(impl)));
}

SqliteTarget::~SqliteTarget() {
  STELE_ASSERT(impl_->readers.lent() == 0 && !impl_->scratch_in_use, "no snapshot outlives its target",
               impl_->projection.name, impl_->readers.lent());
  Checkpoint last = impl_->stored;
  last.position = std::max(last.position, Position(impl_->passed.load()));
  // Best effort: what is not written is passed again after the next start.
  if (last != impl_->stored && !impl_->file.empty() && begin()) (void)commit(last).has_value();
}

const std::filesystem::path& SqliteTarget::file() const { return impl_->file; }
const std::string& SqliteTarget::name() const { return impl_->projection.name; }
int SqliteTarget::version() const { return impl_->projection.version; }
const Query& SqliteTarget::events() const { return impl_->projection.events; }
std::string SqliteTarget::note() const { return impl_->note; }

// ---- Writing

// Read from the file each time: a restarted runner must see what is there, not what was meant to be.
result<Checkpoint> SqliteTarget::checkpoint() {
  STELE_TRY(impl_->stored, targets::read_checkpoint(impl_->writer));
  Checkpoint now = impl_->stored;
  now.position = std::max(now.position, Position(impl_->passed.load()));
  return now;
}

// `resets` is odd while it lasts, so that a reader in the middle of it trusts only what its snapshot says.
result<void> SqliteTarget::reset() {
  impl_->resets.fetch_add(1);
  impl_->passed.store(0);
  STELE_CHECK(targets::empty_model(impl_->writer, impl_->projection.schema));
  impl_->stored = {};
  impl_->resets.fetch_add(1);
  return {};
}

result<void> SqliteTarget::begin() {
  impl_->keys.clear();
  return impl_->writer.begin();
}

result<void> SqliteTarget::apply(const EventView& event) {
  SqliteModel model(&impl_->writer, &impl_->keys);
  return impl_->projection.project(model, event);
}

// Model and checkpoint in the one transaction that begin() opened: the promise of the whole room hangs on this.
result<std::vector<std::string>> SqliteTarget::commit(const Checkpoint& now) {
  auto done = targets::write_checkpoint(impl_->writer, impl_->stored.position, now);
  if (done) done = impl_->writer.commit();
  if (!done) {
    rollback();
    return done.error();
  }
  impl_->stored = now;
  std::ranges::sort(impl_->keys);
  const auto repeated = std::ranges::unique(impl_->keys);
  impl_->keys.erase(repeated.begin(), repeated.end());
  return std::exchange(impl_->keys, {});
}

void SqliteTarget::rollback() {
  impl_->keys.clear();
  impl_->writer.rollback();
}

void SqliteTarget::passed(Position position) {
  impl_->passed.store(position.value());
  if (position.value() - impl_->stored.position.value() < passed_stride) return;
  Checkpoint now = impl_->stored;
  now.position = position;
  if (begin()) (void)commit(now).has_value();  // an error here comes back with the next batch
}

// ---- Reading

SqliteSnapshot::SqliteSnapshot(void* connection, Position position, std::function<void()> give_back)
    : SqlReader(connection), position_(position), give_back_(std::move(give_back)) {}
SqliteSnapshot::SqliteSnapshot(SqliteSnapshot&& other) noexcept
    : SqlReader(static_cast<SqlReader&&>(other)),
      position_(other.position_),
      give_back_(std::exchange(other.give_back_, nullptr)) {}
SqliteSnapshot::~SqliteSnapshot() {
  if (give_back_) give_back_();
}

// The order matters: what has passed is read first, then the snapshot is taken (by the first read in the
// transaction), so the rows are at least as new as the position that is claimed for them.
result<SqliteSnapshot> SqliteTarget::Impl::look(sqlite::Connection& db, std::function<void()> give_back) {
  const std::uint64_t resets_before = resets.load();
  const Position passed_before(passed.load());
  SqliteSnapshot snapshot(&db, Position{}, std::move(give_back));  // gives back on every way out
  STELE_CHECK(db.begin_read());
  STELE_TRY(const Checkpoint at, targets::read_checkpoint(db));
  const bool same_model = resets_before % 2 == 0 && resets.load() == resets_before;
  snapshot.position_ = same_model ? std::max(at.position, passed_before) : at.position;
  return snapshot;
}

result<SqliteSnapshot> SqliteTarget::snapshot() {
  if (impl_->file.empty()) {
    const bool taken = impl_->scratch_in_use.exchange(true);
    STELE_ASSERT(!taken, "a scratch model is asked by one at a time", name());
    return impl_->look(impl_->writer, [impl = impl_.get()] {
      impl->writer.rollback();
      impl->scratch_in_use = false;
    });
  }
  STELE_TRY(auto lent, impl_->readers.take());
  sqlite::Connection& db = *lent;
  // std::function wants to be copied; the connection does not.
  auto owner = std::make_shared<std::unique_ptr<sqlite::Connection>>(std::move(lent));
  return impl_->look(db, [impl = impl_.get(), owner] { impl->readers.give_back(std::move(*owner)); });
}

}  // namespace stele
