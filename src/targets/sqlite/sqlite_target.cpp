// sqlite_target.cpp - a projection's model in a SQLite file: batches in, snapshots out. Several models of one
// projection and the switch between them are model_set.cpp.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "stele/sqlite.hpp"
#include "targets/sqlite/model_set.hpp"

namespace stele {
namespace {

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

// ---- Opening

SqliteTarget::SqliteTarget(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteTarget::~SqliteTarget() = default;

result<std::shared_ptr<SqliteTarget>> SqliteTarget::open(const std::filesystem::path& models,
                                                         SqliteProjection projection) {
  STELE_CHECK(check_projection(projection));
  std::error_code failed;
  std::filesystem::create_directories(models, failed);
  if (failed)
    return Error(errc::denied, models.string() + ": cannot make this folder: " + failed.message())
        .with("path", models.string());
  const std::string name = projection.name;
  auto impl = Impl::open(models, std::move(projection));
  if (!impl) return Error(impl.error()).at("projection " + name);
  return std::shared_ptr<SqliteTarget>(new SqliteTarget(std::move(*impl)));
}

result<std::shared_ptr<SqliteTarget>> SqliteTarget::scratch(SqliteProjection projection) {
  STELE_CHECK(check_projection(projection));
  auto model = targets::Model::open(0, {}, projection.schema);
  if (!model) return Error(model.error()).at("projection " + projection.name);
  auto impl = std::make_unique<Impl>(std::move(projection), std::nullopt, std::move(*model));
  return std::shared_ptr<SqliteTarget>(new SqliteTarget(std::move(impl)));
}

std::filesystem::path SqliteTarget::file() const { return impl_->served()->file; }
const std::string& SqliteTarget::name() const { return impl_->projection.name; }
int SqliteTarget::version() const { return impl_->projection.version; }
const Query& SqliteTarget::events() const { return impl_->projection.events; }
std::string SqliteTarget::note() const { return impl_->served()->note; }

// A model that is built beside another is under the lease of that one; a scratch one needs none.
ProjectionParking* SqliteTarget::parking() { return impl_.get(); }
ProjectionLease* SqliteTarget::lease() { return impl_->is_whole() ? &*impl_->lease : nullptr; }
ProjectionTrial* SqliteTarget::trial() { return impl_.get(); }
SideBySide* SqliteTarget::side_by_side() { return impl_->is_whole() ? impl_.get() : nullptr; }

// ---- Writing: the projecting thread is the only one that changes which model this is, so it need not lock

result<Checkpoint> SqliteTarget::checkpoint() { return impl_->model->checkpoint(); }
result<void> SqliteTarget::reset() { return impl_->model->reset(impl_->projection.schema); }

result<void> SqliteTarget::begin() {
  impl_->model->keys.clear();
  STELE_ASSERT(impl_->model->sums.empty(), "a batch begins with nothing kept back", name());
  return impl_->model->writer.begin();
}

result<void> SqliteTarget::apply(const EventView& event) {
  SqliteModel model(&impl_->model->writer, &impl_->model->keys, &impl_->model->sums);
  return impl_->projection.project(model, event);
}

result<std::vector<std::string>> SqliteTarget::commit(const Checkpoint& now) {
  return impl_->model->commit(now);
}
void SqliteTarget::rollback() { impl_->model->rollback(); }
void SqliteTarget::passed(Position position) { impl_->model->passed_to(position); }

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
result<SqliteSnapshot> SqliteTarget::look(targets::Model& model, void* connection,
                                          std::function<void()> give_back) {
  auto& db = *static_cast<sqlite::Connection*>(connection);
  const std::uint64_t resets_before = model.resets.load();
  const Position passed_before(model.passed.load());
  SqliteSnapshot snapshot(&db, Position{}, std::move(give_back));  // gives back on every way out
  STELE_CHECK(db.begin_read());
  STELE_TRY(const Checkpoint at, targets::read_checkpoint(db));
  const bool same_model = resets_before % 2 == 0 && model.resets.load() == resets_before;
  snapshot.position_ = same_model ? std::max(at.position, passed_before) : at.position;
  return snapshot;
}

// Of the model that serves at this moment; a switch meanwhile does not touch it.
result<SqliteSnapshot> SqliteTarget::snapshot() {
  const std::shared_ptr<targets::Model> model = impl_->served();
  if (model->file.empty()) {
    const bool taken = model->scratch_in_use.exchange(true);
    STELE_ASSERT(!taken, "a scratch model is asked by one at a time", name());
    return look(*model, &model->writer, [model] {
      model->writer.give_up_after({});
      model->writer.rollback();
      model->scratch_in_use = false;
    });
  }
  STELE_TRY(auto lent, model->readers.take());
  sqlite::Connection& db = *lent;
  // std::function wants to be copied; the connection does not.
  auto owner = std::make_shared<std::unique_ptr<sqlite::Connection>>(std::move(lent));
  return look(*model, &db, [model, owner] { model->readers.give_back(std::move(*owner)); });
}

}  // namespace stele
