// index_agreement.hpp - whether the index files say of every event what the log says: its place, its type and category,
// its id, its stream and revision, its tags, and nothing of any other. Fed with the log's frames in order; whether the
// pages of the files match their checksums is asked elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/verify/verifier.hpp"
#include "engine/index/sealed_part.hpp"
#include "engine/log/frame.hpp"

namespace stele::cli {

// What the log says of one stream or tag within one file; rows are summed in their order.
struct TermTotals {
  std::uint64_t count = 0;
  std::uint32_t first_row = 0;
  std::uint32_t last_row = 0;
  std::uint32_t row_sum = 0;
  Revision first_revision;
  bool tombstoned = false;
};

class IndexAgreement {
 public:
  // The files that a reader would believe, none overlapping.
  IndexAgreement() = default;
  explicit IndexAgreement(std::vector<std::shared_ptr<engine::SealedPart>> parts);

  void take(std::uint64_t offset, const engine::log::FrameView& frame);
  // Everything was taken. Findings go to the layer.
  void finish(Layer& layer);

  [[nodiscard]] std::uint64_t files() const { return parts_.size(); }
  [[nodiscard]] std::uint64_t terms() const { return terms_; }

 private:
  using Term = std::pair<engine::TermKind, std::string>;

  // The part that covers the position; null: none does.
  const engine::SealedPart* part_of(Position position);
  void take_event(const engine::SealedPart& part, std::uint64_t offset, const EventView& event);
  void check_row(const engine::SealedPart& part, std::uint64_t offset, const EventView& event);
  void add_row(engine::TermKind kind, std::string_view name, std::uint32_t row, const EventView& event);
  void finish_part();
  void check_term(const engine::SealedPart& part, std::uint32_t index);
  void compare(const engine::SealedPart& part, const engine::SealedTerm& term, std::uint32_t row_sum);
  void find(const engine::SealedPart& part, Position at, std::string stream, std::string what);

  std::vector<std::shared_ptr<engine::SealedPart>> parts_;
  std::size_t at_ = 0;               // the part that is being compared
  std::map<Term, TermTotals> seen_;  // in it
  bool unreadable_ = false;  // a page of it is damaged: told elsewhere, and nothing more is asked of it
  std::uint64_t terms_ = 0;
  Layer found_{.name = "index", .summary = {}, .findings = {}, .more = 0};
};

}  // namespace stele::cli
