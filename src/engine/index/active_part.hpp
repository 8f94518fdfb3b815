// active_part.hpp - the index of one segment while it grows, in memory: columns, posting lists, ids, times. Also
// what a segment without an index file is answered from. Sealing (seal.hpp) turns it into a file.
//
// Threading: adding by one thread at a time; the rest from any thread. What was added is seen once end_frame()
// has moved last(), and readers are bounded by the visible head besides.
#pragma once

#include <atomic>
#include <vector>

#include "engine/index/growing_column.hpp"
#include "engine/index/id_table.hpp"
#include "engine/index/index_part.hpp"
#include "engine/index/name_column.hpp"
#include "engine/index/term_table.hpp"

namespace stele::engine {

class ActivePart final : public IndexPart {
 public:
  explicit ActivePart(Position first) : first_(first), last_(first.value() - 1) {}

  // ---- Adding: a frame is begun, each of its writes with its events and their tags is added, the frame ends.
  // `frame_end`: the byte behind it.
  void begin_frame(std::uint32_t segment, Timestamp recorded_at);
  void begin_write(Revision first_revision);
  void add_event(const Uuid& id, std::string_view type, std::uint64_t offset);
  void add_tag(std::string_view tag);  // of the event added last
  void end_write(std::string_view stream);
  void end_frame(std::uint64_t frame_end);
  // Events up to `last` are not there: damaged, or removed by compaction.
  void add_nothing(Position last);

  // Whether the stream can go on at this revision here: inside a part a stream's revisions are dense.
  [[nodiscard]] bool fits(std::string_view stream, Revision next) const;
  [[nodiscard]] bool empty() const { return last() < first_; }
  // How many positions of the range have no event.
  [[nodiscard]] std::uint64_t missing() const { return missing_; }
  // The segment it stands for, as far as it was added; `first` and `salt` are not known here.
  [[nodiscard]] std::uint32_t segment() const { return segment_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  [[nodiscard]] Timestamp last_recorded_at() const { return last_recorded_at_; }

  // ---- Answering

  [[nodiscard]] Position first() const override { return first_; }
  [[nodiscard]] Position last() const override { return Position(last_.load(std::memory_order_acquire)); }
  result<Location> location(Position position) const override;
  result<std::unique_ptr<Postings>> postings(TermKind kind, std::string_view name,
                                             Position until) const override;
  result<std::optional<ColumnName>> find_name(ColumnKind kind, std::string_view name) const override;
  result<void> codes(ColumnKind kind, Position from, std::span<std::uint32_t> into) const override;
  result<std::optional<Position>> find_id(const Uuid& id) const override;
  result<std::vector<std::string>> streams(std::string_view prefix, std::string_view after,
                                           std::size_t limit) const override;
  result<std::optional<StreamEnd>> stream_end(std::string_view stream) const override;
  result<TimeBracket> around(Timestamp time) const override;
  [[nodiscard]] bool sealed() const override { return false; }

  // ---- For sealing, when nothing is added any more.

  struct Time {
    std::uint32_t row;
    Timestamp at;
  };
  // At least so many events lie between two known times.
  static constexpr std::uint32_t time_step = 1024;

  [[nodiscard]] const GrowingColumn<std::uint32_t>& offsets() const { return offsets_; }
  [[nodiscard]] const NameColumn& column(ColumnKind kind) const {
    return kind == ColumnKind::type ? types_ : categories_;
  }
  [[nodiscard]] const TermTable& terms(TermKind kind) const {
    return kind == TermKind::stream ? streams_ : tags_;
  }
  [[nodiscard]] const IdTable& ids() const { return ids_; }
  [[nodiscard]] std::vector<Time> times() const;

 private:
  [[nodiscard]] std::uint32_t row_of(Position position) const {
    return static_cast<std::uint32_t>(position.value() - first_.value());
  }

  Position first_;
  std::atomic<std::uint64_t> last_;
  GrowingColumn<std::uint32_t> offsets_;  // 0: not there
  NameColumn types_;
  NameColumn categories_;
  TermTable streams_;
  TermTable tags_;
  IdTable ids_;
  mutable std::mutex times_mutex_;
  std::vector<Time> times_;

  // Of the adding thread.
  std::uint32_t rows_ = 0;
  std::uint32_t segment_ = 0;
  bool bound_ = false;  // to segment_
  std::uint64_t end_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t missing_ = 0;
  Timestamp last_recorded_at_;
  Revision write_revision_;
  std::vector<TypeMask> write_types_;  // of the events of the write that is being added
  std::vector<Uuid> frame_ids_;        // of those of the frame
  bool write_ends_stream_ = false;
};

}  // namespace stele::engine
