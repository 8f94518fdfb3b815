// column_filter.cpp - rows are fetched through a window that grows while neighbours are asked for, so that a
// single look costs one row and a scan costs few calls.
#include "engine/query/column_filter.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

constexpr std::uint64_t largest_window = 1024;
constexpr std::uint64_t neighbourhood = 64;  // rows this close to the window are taken for a scan

}  // namespace

result<std::optional<ColumnFilter>> ColumnFilter::compile(const Part& part, ColumnKind kind,
                                                          std::span<const std::string> names,
                                                          const Extent& rows, Direction way) {
  STELE_ASSERT(!rows.empty() && rows.first >= part.first() && rows.last <= part.last(),
               "rows lie inside the part", rows.first.value(), rows.last.value());
  ColumnFilter filter(part, kind, way);
  filter.extent_ = {rows.last.next(), Position{}};
  for (const auto& name : names) {
    STELE_TRY(const auto found, part.find_name(kind, name));
    if (!found || found->last < rows.first || found->first > rows.last) continue;
    filter.wanted_.push_back(found->code);
    filter.count_ += found->count;
    filter.extent_.first = std::min(filter.extent_.first, std::max(found->first, rows.first));
    filter.extent_.last = std::max(filter.extent_.last, std::min(found->last, rows.last));
    if (kind == ColumnKind::type) filter.types_ |= mask_of_type(name);
  }
  if (filter.wanted_.empty()) return std::optional<ColumnFilter>{};
  std::ranges::sort(filter.wanted_);
  STELE_ASSERT(!filter.extent_.empty() && filter.extent_.last <= rows.last, "what occurs has an extent",
               filter.extent_.first.value(), filter.extent_.last.value());
  return std::optional(std::move(filter));
}

// One name is by far the most frequent case, and this is asked for every row of a scan.
bool ColumnFilter::is_wanted(std::uint32_t code) const {
  if (wanted_.size() == 1) return wanted_.front() == code;
  return std::ranges::binary_search(wanted_, code);
}

std::uint32_t ColumnFilter::code_at(Position at) const {
  STELE_ASSERT(window_.holds(at), "the window holds the row", at.value(), window_.first.value());
  return codes_[at.value() - window_.first.value()];
}

// The window lies ahead of the walk: rows behind it are not asked for again.
result<void> ColumnFilter::look_at(Position at) {
  STELE_ASSERT(extent_.holds(at), "rows are looked at inside the extent", at.value());
  if (window_.holds(at)) return {};
  const bool near = !window_.empty() && at.value() + neighbourhood >= window_.first.value() &&
                    at.value() <= window_.last.value() + neighbourhood;
  const auto size = near ? std::min(largest_window, 4 * window_.size()) : 1;
  window_ = {Position(1), Position(0)};
  Extent next{at, at};
  if (way_ == Direction::forward) {
    next.last = Position(at.value() + std::min(size - 1, extent_.last.value() - at.value()));
  } else {
    next.first = Position(at.value() - std::min(size - 1, at.value() - extent_.first.value()));
  }
  STELE_ASSERT(next.size() <= size && extent_.holds(next.first), "a window stays inside", next.size(), size);
  codes_.resize(next.size());
  STELE_CHECK(part_->codes(kind_, next.first, codes_));
  window_ = next;
  return {};
}

result<bool> ColumnFilter::admits(Position at) {
  if (!extent_.holds(at)) return false;
  STELE_CHECK(look_at(at));
  return is_wanted(code_at(at));
}

result<std::optional<Position>> ColumnFilter::seek(Position at, Position bound) {
  at = later(way_, at, near_end(way_, extent_));
  const auto end = precedes(way_, bound, far_end(way_, extent_)) ? bound : far_end(way_, extent_);
  for (; !precedes(way_, end, at); at = beyond(way_, at)) {
    STELE_CHECK(look_at(at));
    const auto stop = precedes(way_, end, far_end(way_, window_)) ? end : far_end(way_, window_);
    for (;; at = beyond(way_, at)) {
      if (is_wanted(code_at(at))) return std::optional(at);
      if (at == stop) break;
    }
  }
  return std::optional<Position>{};
}

}  // namespace stele::engine
