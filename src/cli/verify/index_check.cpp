// index_check.cpp - the index from outside: its files page by page, then every answer that it can give.
#include <fmt/format.h>

#include <algorithm>

#include "cli/output/text.hpp"
#include "cli/verify/log_check.hpp"
#include "engine/index/sealed_file.hpp"
#include "engine/log/directory.hpp"
#include "io/world.hpp"
#include "stele/store.hpp"

namespace stele::cli {
namespace {

namespace elog = engine::log;

constexpr std::size_t events_per_batch = 1024;

Finding index_finding(std::string stream, Position at, std::string what) {
  return {.first = at, .last = at, .stream = std::move(stream), .file = {}, .what = std::move(what)};
}

// The event that ends the stream in the log must be the one the index leads to.
result<void> check_stream(EventStore& store, const std::string& name, const StreamTotals& totals,
                          Position log_end, Layer& layer) {
  auto cursor = store.read_stream({.stream = name, .from = totals.last_revision, .limit = 1});
  // What a stream's retention hides from its readers is in the log all the same.
  if (!cursor && (cursor.error().kind() == errc::not_found || cursor.error().kind() == errc::gone)) {
    Query query;
    query.items.emplace().push_back({.types = {}, .tags = {}, .streams = {name}, .categories = {}});
    cursor = store.read({.query = std::move(query),
                         .from = totals.last_position,
                         .direction = Direction::backward,
                         .limit = 1});
  }
  if (!cursor) {
    add_finding(layer, index_finding(name, totals.last_position, cursor.error().to_string()));
    return {};
  }
  const auto events = (*cursor)->next_batch(1);
  if (!events) {
    add_finding(layer, index_finding(name, totals.last_position, events.error().to_string()));
  } else if (!events->empty() && events->front().position > log_end) {
    return {};  // written meanwhile, by rules that hide what was checked
  } else if (events->empty() || events->front().position != totals.last_position) {
    add_finding(layer,
                index_finding(name, totals.last_position,
                              fmt::format("v{} is not where the log has it", totals.last_revision.value())));
  }
  return {};
}

// Every position up to there, through the index: the ids must come in the same order.
result<void> check_positions(EventStore& store, const LogCheck& check, Position end, Layer& layer) {
  const auto unseen = check.report.damages.empty() ? check.order.last().value() - end.value() : 0;
  const auto expected = check.order.events() - std::min(unseen, check.order.events());
  STELE_TRY(const auto cursor, store.read({.query = Query::all(), .from = {}, .limit = no_limit}));
  std::uint32_t sum = 0;
  std::uint64_t seen = 0;
  while (seen < check.order.events()) {
    const auto events = cursor->next_batch(events_per_batch);
    if (!events) {
      add_finding(layer, index_finding({}, {}, events.error().to_string()));
      if (events.error().kind() != errc::corrupt) return {};
      continue;  // reading goes on behind the damage
    }
    if (events->empty()) break;
    for (const auto& event : *events) {
      if (event.position > check.order.last()) break;
      sum = add_id(sum, event.id);
      ++seen;
    }
  }
  if (seen == expected && (unseen > 0 || sum == check.order.id_sum())) return {};
  add_finding(
      layer, index_finding({}, check.order.last(),
                           fmt::format("reading by position gave {} events, or others than the {} of the log",
                                       seen, expected)));
  return {};
}

// Every page of the files that the index stands in. A writer may be merging them: one that is gone was replaced.
result<void> check_index_files(const std::string& directory, Layer& layer) {
  auto& disk = io::real_world().disk;
  const auto path = elog::index_path(directory);
  STELE_TRY(const bool there, disk.exists(path));
  if (!there) return {};
  STELE_TRY(const auto names, disk.list(path));
  for (const auto& name : names) {
    const auto range = engine::layout::parse_file_name(name);
    if (!range) continue;
    const auto file = disk.open(path / name, io::Mode::read);
    if (!file && file.error().kind() == errc::not_found) continue;
    if (!file) return file.error();
    const auto opened = engine::SealedFile::open(**file);
    const auto verified = opened ? (*opened)->verify() : result<std::uint64_t>(opened.error());
    if (verified) continue;
    add_finding(layer, {.first = range->first,
                        .last = range->second,
                        .stream = {},
                        .file = "index/" + name,
                        .what = verified.error().to_string()});
  }
  return {};
}

}  // namespace

// Asking the index for everything proves that it leads back to the same events.
result<Layer> check_index(const std::string& directory, LogCheck& check, EventStore& store, Position end) {
  Layer layer{.name = "index", .summary = {}, .findings = {}, .more = 0};
  STELE_CHECK(check_index_files(directory, layer));
  check.agreement.finish(layer);
  STELE_CHECK(check_positions(store, check, end, layer));
  const bool unseen = check.report.damages.empty() && end < check.order.last();
  for (const auto& [name, totals] : check.order.streams()) {
    if (unseen && totals.last_position > end) continue;
    STELE_CHECK(check_stream(store, name, totals, check.order.last(), layer));
  }
  layer.summary = fmt::format(
      "{} compared row by row; {} and the end of {} looked up", counted(check.agreement.files(), "file"),
      counted(check.order.events(), "position"), counted(check.order.streams().size(), "stream"));
  if (unseen)
    layer.summary += fmt::format("; what stands behind p{} is not known to be durable", grouped(end.value()));
  return layer;
}

}  // namespace stele::cli
