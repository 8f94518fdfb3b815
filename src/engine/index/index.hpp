// index.hpp - everything that can be found without scanning: where a position lies, which positions a stream
// has, where an id stands, what queries need. Derived from the log alone: rebuilt by adding its frames in order.
//
// It is an immutable list of parts (part.hpp), oldest first, each the range behind the one before: sealed files,
// then what waits to be sealed, then the part that grows. The list is replaced as a whole; whoever holds an old
// one goes on with it.
//
// Threading: adding, roll() and adopt() by one thread at a time; the rest from any thread. Entries are added when
// an append is staged, before it is durable: readers pass the visible head and never see beyond it, the writer,
// who must see staged appends, passes last().
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/index/active_part.hpp"
#include "engine/log/frame.hpp"

namespace stele::engine {

// A frame of the log into a part that grows; positions skipped before it have no events.
void add_frame(ActivePart& part, std::uint32_t segment, std::uint64_t offset, const log::FrameView& frame);

class Index {
 public:
  using Parts = std::vector<std::shared_ptr<const Part>>;
  // Makes the parts for the range of a damaged one anew, from the log.
  using Rebuild = std::function<result<Parts>(const Part& damaged)>;

  Index();

  // ---- Adding

  // A frame of the log, in recovery or while following. Positions skipped before it are remembered as lost.
  void add(std::uint32_t segment, std::uint64_t offset, const log::FrameView& frame);
  // The same for a frame that is being staged: `first_revisions` per write.
  void add(std::uint32_t segment, std::uint64_t offset, Position first, std::span<const StreamWrite> writes,
           std::span<const Revision> first_revisions, const log::EncodedFrame& frame);
  // Positions up to `last` have no events: the end of a rewritten segment.
  void pass(Position last);
  // A part that stands in a file follows what was added so far; positions between the two have no events.
  void adopt(std::shared_ptr<const IndexPart> sealed);
  // The growing part is complete, another one begins. Frames of another segment than those before do the same.
  void roll();

  // ---- Parts

  [[nodiscard]] std::shared_ptr<const Parts> parts() const;
  // Puts `with` in the place of neighbours that cover the same range; false when they are not there any more.
  bool replace(std::span<const std::shared_ptr<const Part>> old, const Parts& with) const;
  // Makes the part anew when it is still in use; to be called on `corrupt`, then ask again.
  result<void> heal(const Part& damaged) const;
  void set_rebuild(Rebuild rebuild) { rebuild_ = std::move(rebuild); }
  // Runs after every roll(): somebody may want to seal what is complete.
  void set_rolled(std::function<void()> rolled) { rolled_ = std::move(rolled); }

  // ---- Asking. A damaged part is healed on the way; errors are those of healing.

  // The last position that was added.
  [[nodiscard]] Position last() const { return Position(last_.load(std::memory_order_acquire)); }
  result<Location> location(Position position) const;
  // Where a lost event would be: nowhere.
  [[nodiscard]] static bool is_lost(Location location) { return location.offset == 0; }

  // With everything that is staged.
  result<StreamEnd> stream_end(std::string_view stream) const;
  // The revision that the next event of the stream gets, for a reader at `head` or, without one, with
  // everything that is staged.
  result<Revision> next_revision(std::string_view stream) const { return next_revision(stream, last()); }
  result<Revision> next_revision(std::string_view stream, Position head) const;
  // The positions of revisions [from, from + count) that are not beyond `head`; 0 for one that is not there any
  // more. Empty: none, or no such stream.
  result<std::vector<Position>> positions(std::string_view stream, Revision from, std::size_t count,
                                          Position head) const;
  result<std::optional<StreamInfo>> info(std::string_view stream, Position head) const;
  // By name, behind `after`, with this prefix.
  result<std::vector<StreamInfo>> list(std::string_view prefix, std::string_view after, std::size_t limit,
                                       Position head) const;
  // Whether the stream was ended for good by an event at or before `until`.
  result<bool> ended(std::string_view stream, Position until) const;
  result<std::optional<Position>> find_id(const Uuid& id) const;
  // What is known of the events around a time without reading them; `before` is beyond the last one when none is
  // known to be later.
  result<TimeBracket> around(Timestamp time) const;

 private:
  // Calls ask(parts, asked) again after every part that turned out damaged and could be healed, a few times each;
  // `asked` is the part that an error came from.
  template <class Ask>
  auto asking(const Ask& ask) const -> decltype(ask(Parts{}, std::declval<const Part*&>()));
  void publish(Parts parts) const;  // under mutex_
  void begin_part(Position first);
  void begin_segment(std::uint32_t segment);

  mutable std::mutex mutex_;  // over the pointer, for as long as it takes to copy it
  mutable std::shared_ptr<const Parts> parts_;
  std::shared_ptr<ActivePart> active_;  // the last of parts_; the adding thread's
  std::atomic<std::uint64_t> last_{0};
  mutable std::mutex healing_;
  Rebuild rebuild_;
  std::function<void()> rolled_;
};

}  // namespace stele::engine
