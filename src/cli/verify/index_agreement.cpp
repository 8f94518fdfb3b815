// index_agreement.cpp - row by row while the log is read, term by term when the log has gone past a file.
#include "cli/verify/index_agreement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/crc32c.hpp"
#include "cli/verify/order_check.hpp"
#include "event/retention.hpp"

namespace stele::cli {
namespace {

using engine::ColumnKind;
using engine::SealedPart;
using engine::TermKind;

std::uint32_t add_row_to(std::uint32_t sum, std::uint32_t row) {
  return base::crc32c(std::string_view(reinterpret_cast<const char*>(&row), sizeof row), sum);
}

std::uint32_t row_in(const SealedPart& part, Position position) {
  return static_cast<std::uint32_t>(position.value() - part.first().value());
}

// The name that a column has for a row; empty: none.
result<std::string_view> name_in(const SealedPart& part, ColumnKind kind, Position position) {
  std::uint32_t code = engine::Part::no_code;
  STELE_CHECK(part.codes(kind, position, std::span(&code, 1)));
  if (code == engine::Part::no_code) return std::string_view{};
  STELE_TRY(const auto name, part.name(kind, code));
  return name.text;
}

// The first thing that a row has otherwise; empty: nothing.
result<std::string> row_difference(const SealedPart& part, std::uint64_t offset, const EventView& event) {
  STELE_TRY(const auto place, part.location(event.position));
  if (place.offset != offset)
    return fmt::format("the index has it at byte {}, the log at {}", place.offset, offset);
  STELE_TRY(const auto type, name_in(part, ColumnKind::type, event.position));
  if (type != event.type) return fmt::format("the index has the type '{}', the log '{}'", type, event.type);
  STELE_TRY(const auto category, name_in(part, ColumnKind::category, event.position));
  if (category != category_of(event.stream))
    return fmt::format("the index has the category '{}', the log '{}'", category, category_of(event.stream));
  STELE_TRY(const auto by_id, part.find_id(event.id));
  if (by_id != event.position) return std::string("the index does not find it by its id");
  return std::string();
}

}  // namespace

IndexAgreement::IndexAgreement(std::vector<std::shared_ptr<SealedPart>> parts) : parts_(std::move(parts)) {
  for (const auto& part : parts_) part->bind(std::vector<std::uint32_t>(part->segments().size(), 0));
}

void IndexAgreement::find(const SealedPart& part, Position at, std::string stream, std::string what) {
  add_finding(found_, {.first = at,
                       .last = at,
                       .stream = std::move(stream),
                       .file = "index/" + part.file().path().filename().string(),
                       .what = std::move(what)});
}

const SealedPart* IndexAgreement::part_of(Position position) {
  while (at_ < parts_.size() && parts_[at_]->last() < position) finish_part();
  if (at_ == parts_.size() || position < parts_[at_]->first()) return nullptr;
  return parts_[at_].get();
}

void IndexAgreement::take(std::uint64_t offset, const engine::log::FrameView& frame) {
  for (engine::log::FrameEvents events(frame); events.next();) {
    if (const auto* const part = part_of(events.event().position))
      take_event(*part, offset + events.offset(), events.event());
  }
}

void IndexAgreement::take_event(const SealedPart& part, std::uint64_t offset, const EventView& event) {
  if (unreadable_) return;
  check_row(part, offset, event);
  const auto row = row_in(part, event.position);
  add_row(TermKind::stream, event.stream, row, event);
  for (const auto tag : event.tags) add_row(TermKind::tag, tag, row, event);
}

void IndexAgreement::check_row(const SealedPart& part, std::uint64_t offset, const EventView& event) {
  auto difference = row_difference(part, offset, event);
  unreadable_ = !difference;
  if (difference && !difference->empty())
    find(part, event.position, std::string(event.stream), *std::move(difference));
}

void IndexAgreement::add_row(TermKind kind, std::string_view name, std::uint32_t row,
                             const EventView& event) {
  auto& totals = seen_[Term(kind, name)];
  if (totals.count > 0 && totals.last_row == row) return;  // a tag that the event has twice
  if (totals.count++ == 0) {
    totals.first_row = row;
    if (kind == TermKind::stream) totals.first_revision = event.revision;
  }
  totals.last_row = row;
  totals.row_sum = add_row_to(totals.row_sum, row);
  totals.tombstoned = kind == TermKind::stream && event.type == tombstone_type;
}

// The log has gone past the file: its terms are those that were seen, and no others.
void IndexAgreement::finish_part() {
  const auto& part = *parts_[at_++];
  for (std::uint32_t i = 0; i < part.terms() && !unreadable_; ++i) check_term(part, i);
  for (const auto& [term, totals] : seen_) {
    if (unreadable_) break;
    if (totals.count > 0)
      find(part, Position(part.first().value() + totals.first_row), term.second,
           fmt::format("the index does not have the {} '{}'",
                       term.first == TermKind::stream ? "stream" : "tag", term.second));
  }
  seen_.clear();
  unreadable_ = false;
}

void IndexAgreement::check_term(const SealedPart& part, std::uint32_t index) {
  const auto term = part.term(index);
  unreadable_ = !term;
  std::uint32_t sum = 0;
  std::array<std::uint32_t, engine::Postings::block_positions> rows{};
  for (std::uint64_t i = 0; !unreadable_ && i < term->blocks; ++i) {
    const auto block = part.block(*term, i);
    const auto decoded = block ? part.decode(*term, *block, rows) : result<std::size_t>(block.error());
    unreadable_ = !decoded;
    for (std::uint32_t row = 0; !unreadable_ && row < block->count; ++row) sum = add_row_to(sum, rows[row]);
  }
  if (unreadable_) return;
  ++terms_;
  compare(part, *term, sum);
}

// A term that was compared is marked by having no rows any more.
void IndexAgreement::compare(const SealedPart& part, const engine::SealedTerm& term, std::uint32_t row_sum) {
  const auto seen = seen_.find(Term(term.kind, std::string(term.name)));
  const auto at = Position(part.first().value() + term.first_row);
  if (seen == seen_.end() || seen->second.count == 0)
    return find(part, at, std::string(term.name),
                "the index has a stream or tag that the log does not have there");
  auto& totals = seen->second;
  const bool rows = totals.count == term.count && totals.first_row == term.first_row &&
                    totals.last_row == term.last_row && totals.row_sum == row_sum;
  const bool stream = term.kind != TermKind::stream ||
                      (totals.first_revision == term.first_revision && totals.tombstoned == term.tombstoned);
  const auto found = part.postings(term.kind, term.name, part.last());
  if (!rows || !stream)
    find(part, at, std::string(term.name), "the index has other events of it than the log");
  else if (!found || !*found)
    find(part, at, std::string(term.name), "the index has it, and does not find it by its name");
  totals.count = 0;
}

void IndexAgreement::finish(Layer& layer) {
  while (at_ < parts_.size()) finish_part();
  for (auto& finding : found_.findings) add_finding(layer, std::move(finding));
  layer.more += found_.more;
  found_.findings.clear();
}

}  // namespace stele::cli
