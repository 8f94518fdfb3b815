// folds.cpp - the list of folds, and State at a moment for applications that ask their own library.
#include "history/folds.hpp"

#include <chrono>
#include <fstream>
#include <iterator>

#include "history/place.hpp"

namespace stele::history {

void Folds::add(std::shared_ptr<const Aggregates> aggregates) {
  for (const auto& kind : aggregates->kinds)
    add(Fold{.category = kind.category, .name = kind.rules, .begin = kind.begin, .kind = &kind});
  kept_.push_back(std::move(aggregates));
}

result<void> Folds::add_text(std::string_view toml, const std::string& name) {
  STELE_TRY(auto folds, declared_folds(toml, name));
  for (Fold& fold : folds) add(std::move(fold));
  return {};
}

// Only the name of the file goes into answers: where it lies is nobody's business.
result<void> Folds::add_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error(errc::not_found, "there is no fold file at " + file.string());
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return add_text(text, "fold file " + file.filename().string());
}

result<std::shared_ptr<const Aggregates>> declared_aggregates(const std::filesystem::path& file) {
  Folds folds;
  STELE_CHECK(folds.add_file(file));
  auto out = std::make_shared<Aggregates>();
  for (const auto& fold : folds.all())
    out->kinds.push_back(
        {fold->category, fold->name, fold->begin,
         [](std::span<const RecordedEvent>, std::string_view) -> result<stele::detail::Retold> {
           return Error(errc::invalid, "a fold file has no rules to make a test of");
         }});
  return out;
}

result<const Fold*> Folds::find(std::string_view category) const {
  std::string known;
  for (const auto& fold : folds_) {
    if (fold->category == category) return fold.get();
    known += (known.empty() ? "" : ", ") + fold->category;
  }
  return Error(errc::not_found, "nobody here can say what the state of a " + std::string(category) + " is")
      .with("type", std::string(category))
      .help((known.empty() ? std::string() : "known are: " + known + "; ") +
            "a fold file (--fold FILE) declares it for any category, see docs/history.md");
}

}  // namespace stele::history

namespace stele {

// One look, so no copies are kept on the way.
result<AggregateThen> state_of(EventStore& store, const Aggregates& aggregates, std::string_view type,
                               std::string_view id, std::string_view moment) {
  const auto* const kind = aggregates.find(type);
  if (!kind) return Error(errc::not_found, "the application has no aggregates called " + std::string(type));
  history::StoreSource source(store);
  const history::Fold fold{
      .category = kind->category, .name = kind->rules, .begin = kind->begin, .kind = kind};
  AggregateThen then;
  then.stream = std::string(type) + "-" + std::string(id);
  STELE_TRY(const auto info, source.stream_info(then.stream));
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  STELE_TRY(then.revision, history::revision_at(source, info, moment, now));
  then.newest = info.last_revision;
  STELE_TRY(const auto timeline, history::open_timeline(source, fold, then.stream, {.copies = 0}));
  STELE_TRY(then.state, timeline->state_at(then.revision));
  if (!then.revision) return then;
  const auto note = [&](const EventView& event) -> result<bool> {
    then.changed_at = event.recorded_at;
    return false;
  };
  STELE_CHECK(source.read_stream(then.stream, *then.revision, *then.revision, note));
  return then;
}

}  // namespace stele
