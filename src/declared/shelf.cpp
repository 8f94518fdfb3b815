// shelf.cpp - placing projections, remembering their texts, taking them away.
#include "declared/shelf.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/json_text.hpp"
#include "stele/detail/json.hpp"

namespace stele::declared {
namespace {

constexpr std::string_view shelf_space = "declared";
constexpr std::string_view shelf_key = "projections";

}  // namespace

Error Shelf::taken(const Placed& placed) {
  return Error(errc::conflict, "there is a projection called " + placed.compiled.projection.name + " already")
      .with("projection", placed.compiled.projection.name)
      .help(placed.from.file.empty()
                ? "give this one another name"
                : "it comes from " + placed.from.file + ": change that file and restart the server");
}

Shelf::Shelf(EventStore& store, ShelfOptions options)
    : store_(store),
      options_(std::move(options)),
      projections_(store),
      building_(store),
      switching_([this](const std::stop_token& stop) { switch_when_ready(stop); }) {}

// Nobody switches any more, then nobody says that there is something to switch to.
Shelf::~Shelf() {
  switching_.request_stop();
  switching_.join();
  building_.stop();
  projections_.stop();
}

result<std::unique_ptr<Shelf>> Shelf::open(EventStore& store, ShelfOptions options) {
  std::unique_ptr<Shelf> shelf(new Shelf(store, std::move(options)));
  const std::lock_guard changing(shelf->changing_);  // nothing is switched to before everything is there
  STELE_CHECK(shelf->load_folder());
  STELE_CHECK(shelf->load_records());
  return shelf;
}

// They were compiled when they came; one that is refused now belongs to another version of this program.
result<void> Shelf::load_records() {
  STELE_TRY(const auto kept, store_.records().get(shelf_space, shelf_key));
  if (!kept) return {};
  STELE_TRY(const auto document, JsonDocument::parse(*kept));
  for (const JsonValue text : document.root().elements()) {
    STELE_TRY(auto compiled, compile(text.as_string().value_or(""), "a projection that was created over HTTP",
                                     options_.type_names));
    // The second of a name is the version that was being built.
    const auto there = find(compiled.projection.name);
    if (there && !there->from.file.empty()) return taken(*there);
    STELE_CHECK(there ? build(std::move(compiled), {}) : place(std::move(compiled), {}));
  }
  return {};
}

// The caller has `changing_`, or is alone.
result<std::shared_ptr<const Placed>> Shelf::place(Compiled compiled, Origin from) {
  if (const auto there = find(compiled.projection.name)) return taken(*there);
  STELE_TRY(auto placed, make(std::move(compiled), std::move(from), projections_));
  const std::lock_guard lock(looking_);
  placed_.emplace(placed->compiled.projection.name, placed);
  return std::shared_ptr<const Placed>(placed);
}

result<std::shared_ptr<Placed>> Shelf::make(Compiled compiled, Origin from, Projections& among) {
  auto projection = compiled.projection;
  if (compiled.lineage) {
    STELE_TRY(projection, with_lineage(std::move(projection)));
  }
  STELE_TRY(auto target, SqliteTarget::open(models_of(from), std::move(projection)));
  // The past needs no lineage of its own: it would be the beginning of the present one.
  auto past = std::make_shared<SqlitePast>(store_, compiled.projection,
                                           SqlitePast::Options{.folder = options_.models / "past"});
  auto placed = std::make_shared<Placed>(std::move(compiled), target, std::move(past), std::move(from));
  RunnerOptions options;
  options.synchronous = placed->compiled.synchronous;
  STELE_TRY(placed->runner, among.add(target, std::move(options)));
  return placed;
}

// All of them in one record: it is written as a whole or not at all. What serves stands before what is being built.
result<void> Shelf::write_records() {
  std::string json = "[";
  const auto add = [&](const std::shared_ptr<const Placed>& placed) {
    if (!placed || !placed->from.file.empty()) return;
    if (json.size() > 1) json += ',';
    base::append_json_string(json, placed->compiled.text);
  };
  for (const auto& placed : all()) {
    add(placed);
    add(upcoming(placed->compiled.projection.name));
  }
  return store_.records().put(shelf_space, shelf_key, json + "]");
}

// Remembered after it runs: a crash in between forgets a projection that nobody was told of.
result<Shelf::Creation> Shelf::create(std::string_view text) {
  STELE_TRY(auto compiled, compile(text, "the projection", options_.type_names));
  const std::lock_guard lock(changing_);
  if (const auto there = find(compiled.projection.name)) {
    if (there->from.file.empty()) return change(there, std::move(compiled));
    if (there->compiled.text != text) return taken(*there);
    return Creation{.placed = there, .outcome = Creation::Outcome::unchanged};
  }
  STELE_TRY(auto placed, place(std::move(compiled), {}));
  if (auto kept = write_records(); !kept) {
    const std::lock_guard map_lock(looking_);
    placed_.erase(placed->compiled.projection.name);
    (void)projections_.remove(placed->compiled.projection.name).has_value();
    return kept.error();
  }
  return Creation{.placed = std::move(placed), .outcome = Creation::Outcome::created};
}

result<void> Shelf::drop(std::string_view name) {
  const std::lock_guard lock(changing_);
  const auto there = find(name);
  if (!there)
    return Error(errc::not_found,
                 "no projection that was declared in SQL is called `" + std::string(name) + "`")
        .with("projection", std::string(name));
  if (!there->from.file.empty())
    return Error(errc::conflict, there->compiled.projection.name + " comes from a file")
        .with("path", there->from.file)
        .help("remove the file and restart the server");
  give_up(name);
  {
    const std::lock_guard map_lock(looking_);
    placed_.erase(there->compiled.projection.name);
  }
  STELE_CHECK(write_records());
  STELE_CHECK(projections_.remove(name));
  remove_files(*there, true);
  return {};
}

std::filesystem::path Shelf::models_of(const Origin& from) const {
  return from.beside ? options_.models / "beside" : options_.models;
}

// Whoever still reads goes on reading: the files are there until the last one has closed them.
void Shelf::remove_files(const Placed& placed, bool all_versions) const {
  const auto& projection = placed.compiled.projection;
  const auto stem = projection.name + "-v";
  const auto version = std::to_string(projection.version);
  // "NAME-v2" and then ".db", ".1.db", ".db-wal", "-<fingerprint>": not another projection called NAME-v2x.
  const auto is_its = [&](const std::string& file) {
    if (!file.starts_with(stem)) return false;
    const auto end = std::min(file.find_first_not_of("0123456789", stem.size()), file.size());
    const bool ends = end == file.size() || file[end] == '.' || file[end] == '-';
    const auto its_version = file.substr(stem.size(), end - stem.size());
    return ends && !its_version.empty() && (all_versions || its_version == version);
  };
  std::error_code ignored;
  for (const auto& folder : {models_of(placed.from), options_.models / "past"})
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
      if (is_its(entry.path().filename().string())) std::filesystem::remove_all(entry.path(), ignored);
}

std::shared_ptr<const Placed> Shelf::find(std::string_view name) const {
  const std::lock_guard lock(looking_);
  const auto found = placed_.find(name);
  return found == placed_.end() ? nullptr : found->second;
}

std::shared_ptr<const Placed> Shelf::upcoming(std::string_view name) const {
  const std::lock_guard lock(looking_);
  const auto found = upcoming_.find(name);
  return found == upcoming_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Placed>> Shelf::all() const {
  const std::lock_guard lock(looking_);
  std::vector<std::shared_ptr<const Placed>> all;
  all.reserve(placed_.size());
  for (const auto& [name, placed] : placed_) all.push_back(placed);
  return all;
}

result<Asked> ask(const Placed& placed, const CompiledQuery& query,
                  const std::vector<std::pair<std::string, std::string>>& given,
                  std::optional<Position> as_of, std::uint64_t most_rows) {
  Asked asked;
  const auto put = [&](SqliteSnapshot& model) -> result<void> {
    STELE_TRY(asked.rows, run_query(model, query, given, most_rows));
    asked.position = model.position();
    return {};
  };
  if (as_of) {
    STELE_CHECK(placed.past->ask(*as_of, put));
    return asked;
  }
  STELE_TRY(auto now, placed.target->snapshot());
  STELE_CHECK(put(now));
  return asked;
}

}  // namespace stele::declared
