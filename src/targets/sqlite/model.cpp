// model.cpp - batches into one model file.
#include "targets/sqlite/model.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace stele::targets {
namespace {

// Progress past events that do not concern the model is written this often, at the latest when closing;
// losing it costs a look at the index.
constexpr std::uint64_t passed_stride = 10'000;

}  // namespace

void make_unique(std::vector<std::string>& keys) {
  std::ranges::sort(keys);
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
}

result<std::shared_ptr<Model>> Model::open(std::uint64_t number, const std::filesystem::path& file,
                                           const std::string& schema) {
  STELE_TRY(auto opened, open_model(file.string(), schema));
  auto model = std::make_shared<Model>(number, file, std::move(opened));
  if (!file.empty()) STELE_CHECK(model->checkpoint());
  return model;
}

Model::~Model() {
  STELE_ASSERT(readers.lent() == 0 && !scratch_in_use, "no snapshot outlives its model", file,
               readers.lent());
  Checkpoint last = stored;
  last.position = std::max(last.position, Position(passed.load()));
  // Best effort: what is not written is passed again after the next start.
  if (last != stored && !file.empty() && writer.begin()) (void)commit(last).has_value();
}

// Read from the file each time: a restarted runner must see what is there, not what was meant to be.
result<Checkpoint> Model::checkpoint() {
  STELE_TRY(stored, read_checkpoint(writer));
  Checkpoint now = stored;
  now.position = std::max(now.position, Position(passed.load()));
  return now;
}

// `resets` is odd while it lasts, so that a reader in the middle of it trusts only what its snapshot says.
result<void> Model::reset(const std::string& schema) {
  resets.fetch_add(1);
  passed.store(0);
  STELE_CHECK(empty_model(writer, schema));
  stored = {};
  resets.fetch_add(1);
  return {};
}

// Model and checkpoint in the one transaction that begin() opened: the promise of the whole room hangs on this.
result<std::vector<std::string>> Model::commit(const Checkpoint& now) {
  auto done = sums.write(writer);
  if (done) done = write_checkpoint(writer, stored.position, now);
  if (done) done = writer.commit();
  if (!done) {
    rollback();
    return done.error();
  }
  stored = now;
  sums.committed();
  make_unique(keys);
  return std::exchange(keys, {});
}

void Model::rollback() {
  keys.clear();
  sums.forget();
  writer.rollback();
}

void Model::passed_to(Position position) {
  passed.store(position.value());
  if (position.value() - stored.position.value() < passed_stride) return;
  Checkpoint now = stored;
  now.position = position;
  if (writer.begin()) (void)commit(now).has_value();  // an error here comes back with the next batch
}

result<void> Model::tune_for_building() {
  STELE_CHECK(writer.run("PRAGMA synchronous=OFF"));
  STELE_CHECK(writer.run("PRAGMA cache_size=-131072"));
  return writer.run("PRAGMA wal_autocheckpoint=16384");
}

// What was written without waiting for the disk is synced with the file as a whole.
result<void> Model::finish_building() {
  STELE_CHECK(writer.run("PRAGMA synchronous=FULL"));
  STELE_CHECK(writer.run("PRAGMA wal_checkpoint(TRUNCATE)"));
  STELE_CHECK(writer.run("PRAGMA synchronous=NORMAL"));
  STELE_CHECK(writer.run("PRAGMA cache_size=-2000"));
  return writer.run("PRAGMA wal_autocheckpoint=1000");
}

}  // namespace stele::targets
