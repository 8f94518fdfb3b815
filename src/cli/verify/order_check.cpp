// order_check.cpp - one pass over the events with one entry per stream in memory.
#include "cli/verify/order_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/crc32c.hpp"
#include "cli/output/text.hpp"

namespace stele::cli {
namespace {

constexpr std::size_t listed_findings = 100;

}  // namespace

std::uint32_t add_id(std::uint32_t sum, const Uuid& id) {
  const auto& bytes = id.bytes();
  return base::crc32c(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), sum);
}

void add_finding(Layer& layer, Finding finding) {
  if (layer.findings.size() < listed_findings)
    layer.findings.push_back(std::move(finding));
  else
    ++layer.more;
}

void OrderCheck::find(const EventView& event, const std::string& file, std::string what) {
  add_finding(layer_, {.first = event.position,
                       .last = event.position,
                       .stream = std::string(event.stream),
                       .file = file,
                       .what = std::move(what)});
}

// After a gap the check goes on from what it found: one hole is one finding, not one per event behind it.
void OrderCheck::take(const EventView& event, const std::string& file) {
  if (event.position != last_.next() && (!dropped_ || event.position <= last_))
    find(event, file, fmt::format("follows p{}: positions must be dense", last_.value()));
  if (event.recorded_at < last_time_)
    find(event, file,
         fmt::format("recorded at {}, before the event in front of it", to_string(event.recorded_at)));
  check_revision(event, file);
  last_ = event.position;
  last_time_ = event.recorded_at;
  id_sum_ = add_id(id_sum_, event.id);
  ++events_;
}

void OrderCheck::take_mark(Position first, Position durable, const std::string& file) {
  const auto wrong = [&](std::string what) {
    add_finding(layer_, {.first = first, .last = first, .stream = {}, .file = file, .what = std::move(what)});
  };
  if (durable >= first)
    wrong(fmt::format("its append calls p{} durable, which comes behind it", durable.value()));
  if (durable < last_mark_)
    wrong(
        fmt::format("its append calls p{} durable, the one before p{}", durable.value(), last_mark_.value()));
  last_mark_ = std::max(last_mark_, durable);
}

void OrderCheck::check_revision(const EventView& event, const std::string& file) {
  const auto [entry, is_new] = streams_.try_emplace(std::string(event.stream));
  auto& stream = entry->second;
  const auto begin = dropped_ ? event.revision : Revision{};
  const auto expected = is_new ? begin : stream.last_revision.next();
  if (event.revision != expected)
    find(event, file,
         fmt::format("is v{}, but v{} comes next in its stream", event.revision.value(), expected.value()));
  ++stream.events;
  stream.last_revision = event.revision;
  stream.last_position = event.position;
}

Layer OrderCheck::layer() const {
  Layer layer = layer_;
  layer.summary =
      fmt::format("{} in {}: positions and versions dense{}, times never go back", counted(events_, "event"),
                  counted(streams_.size(), "stream"), dropped_ ? " apart from what was compacted" : "");
  return layer;
}

}  // namespace stele::cli
