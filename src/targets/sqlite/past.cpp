// past.cpp - models of the past: which earlier version to begin with, folding from there, and what is worth keeping.
#include <algorithm>
#include <charconv>
#include <list>
#include <mutex>

#include "base/assert.hpp"
#include "base/sha.hpp"
#include "stele/sqlite.hpp"
#include "targets/sqlite/model_set.hpp"

namespace stele {

// ---- Copies of a model

// A scratch model is one connection; whoever copies over it has it to himself.
result<void> SqliteTarget::become(SqliteTarget& other) {
  STELE_ASSERT(impl_->model->file.empty() && name() == other.name(), "only a scratch model becomes another",
               name());
  STELE_CHECK(other.impl_->model->writer.copy_to(impl_->model->writer));
  STELE_CHECK(impl_->model->checkpoint());
  return {};
}

result<void> SqliteTarget::load(const std::filesystem::path& file) {
  STELE_ASSERT(impl_->model->file.empty(), "only a scratch model is loaded", name());
  STELE_TRY(auto saved, sqlite::Connection::open(file.string(), sqlite::Mode::read_only));
  {
    STELE_TRY(auto schema, saved.prepare("SELECT schema FROM stele_checkpoint WHERE one = 1"));
    STELE_TRY(const bool found, schema.step());
    if (!found || schema.text(0) != impl_->projection.schema)
      return Error(errc::invalid, file.string() + ": this is a model of another schema")
          .with("path", file.string());
  }
  STELE_CHECK(saved.copy_to(impl_->model->writer));
  STELE_CHECK(impl_->model->checkpoint());
  return {};
}

// Half a file would be a damaged model, so it gets its name when it is whole.
result<void> SqliteTarget::save(const std::filesystem::path& file) {
  const auto unfinished = file.string() + ".new";
  targets::remove_model(unfinished);
  {
    STELE_TRY(auto copy,
              sqlite::Connection::open(unfinished, sqlite::Mode::read_write, sqlite::Sync::normal));
    STELE_CHECK(impl_->model->writer.copy_to(copy));
  }
  std::error_code failed;
  std::filesystem::rename(unfinished, file, failed);
  if (failed)
    return Error(errc::unavailable, file.string() + ": cannot be written: " + failed.message())
        .with("path", file.string());
  return {};
}

// ---- Versions

namespace {

struct KeptVersion {
  Position position;
  std::shared_ptr<SqliteTarget> model;
};

struct KeptFile {
  Position position;
  std::filesystem::path path;
  std::uint64_t bytes = 0;
};

// "p1204.db"
std::optional<Position> position_in(const std::filesystem::path& path) {
  const auto stem = path.stem().string();
  if (path.extension() != ".db" || stem.size() < 2 || stem.front() != 'p') return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(stem.data() + 1, stem.data() + stem.size(), value);
  if (failure != std::errc{} || end != stem.data() + stem.size()) return std::nullopt;
  return Position(value);
}

// Another schema is another projection, whatever it is called.
std::filesystem::path folder_of(const SqliteProjection& projection, const std::filesystem::path& folder) {
  if (folder.empty()) return {};
  return folder / (projection.name + "-v" + std::to_string(projection.version) + "-" +
                   base::sha256_hex(projection.schema).substr(0, 12));
}

}  // namespace

struct SqlitePast::Impl {
  Impl(EventStore& the_store, SqliteProjection what, Options how)
      : store(the_store), projection(std::move(what)), options(std::move(how)) {
    STELE_ASSERT(options.in_memory > 0, "a question is answered in memory", projection.name);
    folder = folder_of(projection, options.folder);
    find_files();
  }

  void find_files();
  result<std::shared_ptr<SqliteTarget>> version_at(Position at);
  result<std::shared_ptr<SqliteTarget>> begin_at(Position at);
  [[nodiscard]] std::list<KeptVersion>::iterator nearest_version(Position at);
  [[nodiscard]] std::list<KeptFile>::iterator nearest_file(Position at);
  result<bool> is_of_this_log(SqliteTarget& model);
  void keep_file(SqliteTarget& model, Position at);
  void drop_files();

  EventStore& store;
  const SqliteProjection projection;
  const Options options;
  std::filesystem::path folder;
  mutable std::mutex mutex;         // held while a question is answered
  std::list<KeptVersion> versions;  // the last one asked first
  std::list<KeptFile> files;        // the last one used first
  Counts counts;
};

// What is there was left by an earlier life; in which order it was used is forgotten.
void SqlitePast::Impl::find_files() {
  if (folder.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const auto position = position_in(entry.path());
    if (position) files.push_back({*position, entry.path(), entry.file_size(ignored)});
  }
  drop_files();
}

void SqlitePast::Impl::drop_files() {
  const auto bytes = [this] {
    std::uint64_t sum = 0;
    for (const auto& file : files) sum += file.bytes;
    return sum;
  };
  while (!files.empty() && (files.size() > options.files || bytes() > options.bytes)) {
    targets::remove_model(files.back().path);
    files.pop_back();
  }
}

// Best effort: what could not be kept is folded again.
void SqlitePast::Impl::keep_file(SqliteTarget& model, Position at) {
  if (folder.empty() || options.files == 0) return;
  const auto path = folder / ("p" + std::to_string(at.value()) + ".db");
  if (!model.save(path)) return;
  std::error_code ignored;
  files.push_front({at, path, std::filesystem::file_size(path, ignored)});
  ++counts.saved;
  drop_files();
}

std::list<KeptVersion>::iterator SqlitePast::Impl::nearest_version(Position at) {
  auto best = versions.end();
  for (auto it = versions.begin(); it != versions.end(); ++it)
    if (it->position <= at && (best == versions.end() || it->position > best->position)) best = it;
  return best;
}

std::list<KeptFile>::iterator SqlitePast::Impl::nearest_file(Position at) {
  auto best = files.end();
  for (auto it = files.begin(); it != files.end(); ++it)
    if (it->position <= at && (best == files.end() || it->position > best->position)) best = it;
  return best;
}

// A store that was restored to an earlier point and written anew has other events at the same positions.
result<bool> SqlitePast::Impl::is_of_this_log(SqliteTarget& model) {
  STELE_TRY(const Checkpoint at, model.checkpoint());
  if (at.position > store.head().position) return false;
  if (at.last_event == Position{}) return true;
  STELE_TRY(const auto cursor, store.read({.query = Query::all(), .from = at.last_event, .limit = 1}));
  STELE_TRY(const auto events, cursor->next_batch(1));
  return events.empty() || events.front().position != at.last_event || events.front().id == at.last_event_id;
}

// A model to fold on from: a copy, unless the version it comes from is about to be forgotten anyway.
result<std::shared_ptr<SqliteTarget>> SqlitePast::Impl::begin_at(Position at) {
  const auto version = nearest_version(at);
  const auto file = nearest_file(at);
  const bool from_file =
      file != files.end() && (version == versions.end() || file->position > version->position);
  STELE_TRY(auto model, SqliteTarget::scratch(projection));
  if (from_file) {
    auto loaded = model->load(file->path);
    const auto fits = loaded ? is_of_this_log(*model) : result<bool>(false);
    STELE_CHECK(fits);
    if (*fits) {
      ++counts.loaded;
      files.splice(files.begin(), files, file);
      return model;
    }
    targets::remove_model(file->path);
    files.erase(file);
    return begin_at(at);
  }
  if (version != versions.end()) STELE_CHECK(model->become(*version->model));
  return model;
}

result<std::shared_ptr<SqliteTarget>> SqlitePast::Impl::version_at(Position at) {
  const auto there = nearest_version(at);
  if (there != versions.end() && there->position == at) {
    versions.splice(versions.begin(), versions, there);
    return versions.front().model;
  }
  STELE_TRY(auto model, begin_at(at));
  STELE_TRY(const Checkpoint from, model->checkpoint());
  STELE_TRY(const Position reached, fold(*model, store, at));
  STELE_ASSERT(reached == at && from.position <= at, "a fold ends where it was told to", reached.value(),
               at.value());
  const std::uint64_t folded = at.value() - from.position.value();
  counts.folded += folded;
  if (folded >= options.keep_after) keep_file(*model, at);
  versions.push_front({at, model});
  if (versions.size() > options.in_memory) versions.pop_back();
  return model;
}

SqlitePast::SqlitePast(EventStore& store, SqliteProjection projection, Options options)
    : impl_(std::make_unique<Impl>(store, std::move(projection), std::move(options))) {}
SqlitePast::~SqlitePast() = default;

result<void> SqlitePast::ask(Position at, const std::function<result<void>(SqliteSnapshot&)>& question) {
  const std::lock_guard lock(impl_->mutex);
  ++impl_->counts.questions;
  STELE_TRY(const auto model, impl_->version_at(std::min(at, impl_->store.head().position)));
  STELE_TRY(auto snapshot, model->snapshot());
  return question(snapshot);
}

SqlitePast::Counts SqlitePast::counts() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counts;
}

}  // namespace stele
