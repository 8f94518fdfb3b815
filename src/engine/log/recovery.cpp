// recovery.cpp - which segments belong to the log, frame after frame through them, and the verdict on every
// place where a frame should be and is not.
#include "engine/log/recovery.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/assert.hpp"
#include "engine/log/frame_layout.hpp"
#include "engine/log/patched_source.hpp"
#include "engine/log/scanner.hpp"

namespace stele::engine::log {
namespace {

// A segment file that has a place in this log.
struct Member {
  std::size_t input = 0;
  SegmentHeader header;
  std::uint64_t size = 0;
  std::string unreadable;  // why the header cannot be trusted; then only `first` is set, from the file's name
};

constexpr const char* ends_early =
    "this segment ends before the next one begins: it was cut short, or a segment between them is missing";

class Recovery {
 public:
  Recovery(const RecoveryInput& input, const FrameVisitor& visit) : input_(input), visit_(visit) {}

  result<RecoveryReport> run() {
    for (std::size_t i = 0; i < input_.segments.size(); ++i) STELE_CHECK(admit(i));
    sort_members();
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (!begin_segment(i) || accept_sealed(i)) continue;
      STELE_TRY(const bool there, is_there(i));
      if (!there) continue;
      patched_.reset();
      STELE_CHECK(members_[i].header.has_gaps() ? scan_rewritten(i) : scan(i));
      if (patched_ && !patched_->why().empty()) damage(name(members_[i]), 0, 0, patched_->why());
    }
    check_nothing_is_missing_at_the_end();
    report_.last = Position(expected_.value() - 1);
    STELE_ASSERT(report_.events <= report_.last.value(), "a position is counted once", report_.events,
                 report_.last.value());
    if (!report_.segments.empty()) report_.end_offset = report_.segments.back().end;
    return std::move(report_);
  }

 private:
  // ---- Which files are part of the log

  result<void> admit(std::size_t index) {
    const auto& segment = input_.segments[index];
    std::string bytes(segment_header_bytes, '\0');
    STELE_TRY(const auto got, segment.bytes->read_at(0, bytes));
    STELE_TRY(const auto size, segment.bytes->size());
    const auto parsed = parse_header(std::string_view(bytes).substr(0, got));
    const auto named = parse_segment_name(segment.name);
    if (!parsed.header) {
      Member member{index, {}, size, parsed.damage};
      member.header.first = named.value_or(Position());
      if (named) members_.push_back(std::move(member));
      if (!named) damage(segment.name, 0, size, parsed.damage);
      return {};
    }
    const auto& header = *parsed.header;
    if (auto refused = refuse(header, false)) return std::move(*refused).at(segment.name);
    if (header.store != input_.store) {
      damage(segment.name, 0, size,
             "this segment belongs to another store: " + stele::to_string(header.store));
      return {};
    }
    if (!parsed.damage.empty()) damage(segment.name, 0, segment_header_bytes, parsed.damage);
    if (named != header.first) {
      damage(segment.name, 0, 0, "the file was renamed: its header says " + segment_name(header.first));
    }
    members_.push_back({index, header, size, {}});
    return {};
  }

  void sort_members() {
    // Of two files for the same position the one that carries its right name goes first and wins.
    std::sort(members_.begin(), members_.end(), [this](const Member& a, const Member& b) {
      return std::tuple(a.header.first, !well_named(a), a.input) <
             std::tuple(b.header.first, !well_named(b), b.input);
    });
    const auto same = [](const Member& a, const Member& b) { return a.header.first == b.header.first; };
    for (auto it = members_.begin(); (it = std::adjacent_find(it, members_.end(), same)) != members_.end();) {
      const auto& extra = *(it + 1);
      damage(name(extra), 0, extra.size,
             "a second segment for the position of " + name(*it) + "; it is not used");
      members_.erase(it + 1);
    }
  }

  [[nodiscard]] std::tuple<Position, bool, bool, std::size_t> rank(const Member& member) const {
    return {member.header.first, !member.unreadable.empty(), !well_named(member), member.input};
  }
  [[nodiscard]] const std::string& name(const Member& member) const {
    return input_.segments[member.input].name;
  }
  [[nodiscard]] bool well_named(const Member& member) const {
    return name(member) == segment_name(member.header.first);
  }

  // ---- One segment

  // False: there is nothing in it to scan.
  bool begin_segment(std::size_t index) {
    STELE_ASSERT(expected_ > Position{}, "positions begin at 1", index);
    const auto& member = members_[index];
    const auto first = member.header.first;
    if (first > expected_) {
      // Behind a plain segment it was told where that one ends; a rewritten one ends where its header says.
      STELE_ASSERT(index == 0 || members_[index - 1].header.incompatible != 0,
                   "gaps are reported where a segment ends", first.value(), expected_.value());
      missing(name(member), 0, 0, Position(first.value() - 1), "the segment before this one is missing");
    } else if (first < expected_) {
      damage(name(member), 0, 0, "this segment begins inside the one before it");
    }
    if (!member.unreadable.empty()) {
      const auto until = is_last(index) ? std::max(input_.known_durable, first) : before_segment(index + 1);
      missing(name(member), 0, member.size, until, member.unreadable);
      return false;
    }
    report_.segments.push_back({.input = member.input,
                                .name = name(member),
                                .header = member.header,
                                .last = Position(first.value() - 1),
                                .end = segment_header_bytes,
                                .frames = 0});
    return true;
  }

  [[nodiscard]] bool is_last(std::size_t index) const { return index + 1 == members_.size(); }
  // The position before the first one of a segment.
  [[nodiscard]] Position before_segment(std::size_t index) const {
    return Position(members_[index].header.first.value() - 1);
  }

  // False: it lies in an archive that is not here, and no index file stands for it.
  result<bool> is_there(std::size_t index) {
    const auto& member = members_[index];
    if (!member.header.is_archived()) return true;
    std::array<char, 1> byte{};
    const auto got = input_.segments[member.input].bytes->read_at(segment_header_bytes, byte);
    if (got || got.error().kind() != errc::unavailable) return true;
    STELE_ASSERT(member.header.last >= member.header.first, "an archived segment is closed",
                 member.header.last.value());
    missing(name(member), 0, 0, member.header.last, got.error().message());
    return false;
  }

  // What cannot be read of a closed segment is damage to what lies there; of the last one it ends the recovery: a
  // tail that cannot be read must not be judged.
  [[nodiscard]] const io::ByteSource& bytes_of(std::size_t index) {
    const auto& bytes = *input_.segments[members_[index].input].bytes;
    if (is_last(index)) return bytes;
    return patched_.emplace(bytes);
  }

  result<void> scan(std::size_t index) {
    const auto& member = members_[index];
    SegmentScanner scanner(bytes_of(index), member.header.salt, segment_header_bytes, member.size);
    witnesses_.clear();
    witnessed_ = false;
    for (bool more = true; more;) {
      STELE_TRY(const auto parsed, scanner.next());
      if (parsed.status == FrameStatus::ok && parsed.frame.first() == expected_) {
        accept(scanner.frame_offset(), parsed.frame);
        continue;
      }
      STELE_TRY(more, go_on(index, scanner, parsed));
    }
    return {};
  }

  // ---- A segment that an index file stands for: what it holds is known, so it is not read. False: it is to be.

  bool accept_sealed(std::size_t index) {
    const auto& member = members_[index];
    const auto& sealed = input_.segments[member.input].sealed;
    // Its place among the others must be the expected one, and the last segment is never closed.
    if (!sealed || is_last(index) || before_segment(index + 1) != sealed->last) return false;
    if (member.header.first != expected_ || sealed->end > member.size) return false;
    auto& segment = report_.segments.back();
    segment.last = sealed->last;
    segment.end = sealed->end;
    segment.frames = sealed->frames;
    report_.frames += sealed->frames;
    report_.events += sealed->events;
    report_.last_recorded_at = std::max(report_.last_recorded_at, sealed->last_recorded_at);
    expected_ = sealed->last.next();
    STELE_ASSERT(expected_ > member.header.first, "a closed segment stands for events", expected_.value());
    return true;
  }

  // ---- A segment that was rewritten: positions between its frames may have been dropped, so its header says where
  // it ends and how many events it has. Anything else than that is damage.

  result<void> scan_rewritten(std::size_t index) {
    const auto& member = members_[index];
    const auto& header = member.header;
    SegmentScanner scanner(bytes_of(index), header.salt, segment_header_bytes, header.end);
    const auto damages = report_.damages.size();
    const auto events = report_.events;
    while (scanner.offset() < header.end) {
      STELE_TRY(const auto parsed, scanner.next());
      if (parsed.status == FrameStatus::ok && parsed.frame.first() >= expected_ &&
          parsed.frame.last() <= header.last) {
        expected_ = parsed.frame.first();
        accept(scanner.frame_offset(), parsed.frame);
      } else {
        if (parsed.status == FrameStatus::ok) scanner.seek(scanner.frame_offset());
        STELE_CHECK(step_over_rewritten(header, scanner, parsed));
      }
    }
    auto& segment = report_.segments.back();
    segment.end = header.end;
    if (damages == report_.damages.size() && report_.events - events != header.events) {
      missing(segment.name, 0, header.end, header.last,
              "the segment has " + std::to_string(report_.events - events) + " events, its header says " +
                  std::to_string(header.events));
    }
    STELE_ASSERT(expected_ <= header.last.next(), "nothing lies behind the segment's last position",
                 expected_.value(), header.last.value());
    expected_ = header.last.next();
    return {};
  }

  // Which positions a damaged place had is known from its own header, or only by what stands around it.
  result<void> step_over_rewritten(const SegmentHeader& header, SegmentScanner& scanner,
                                   const ParsedFrame& parsed) {
    const auto begin = scanner.offset();
    const auto& segment = report_.segments.back().name;
    if (parsed.status == FrameStatus::bad && parsed.front && parsed.front->first >= expected_ &&
        begin + parsed.front->total_size <= header.end) {
      const auto last = Position(parsed.front->first.value() + parsed.front->events - 1);
      expected_ = parsed.front->first;
      missing(segment, begin, begin + parsed.front->total_size, std::min(last, header.last), parsed.reason);
      scanner.seek(begin + parsed.front->total_size);
      return {};
    }
    const std::string reason = parsed.status == FrameStatus::ok ? "a frame is out of order" : parsed.reason;
    scanner.seek(begin + frame_alignment);
    STELE_TRY(bool found, scanner.seek_header());
    while (found) {
      STELE_TRY(const auto front, scanner.peek_front());
      if (front.first >= expected_ && front.first <= header.last) {
        missing(segment, begin, scanner.offset(), Position(front.first.value() - 1), reason);
        return {};
      }
      scanner.seek(scanner.offset() + frame_alignment);
      STELE_TRY(found, scanner.seek_header());
    }
    missing(segment, begin, header.end, header.last, reason);
    scanner.seek(header.end);
    return {};
  }

  // Something else than the next frame stands here. False: nothing more in this segment.
  result<bool> go_on(std::size_t index, SegmentScanner& scanner, const ParsedFrame& parsed) {
    if (parsed.status == FrameStatus::ok) {
      scanner.seek(scanner.frame_offset());
      return resynchronise(index, scanner, "a frame is missing, or one is out of order");
    }
    const bool blank = parsed.status == FrameStatus::blank;
    if (!is_last(index)) {
      // All is there; what stands behind it was never an event.
      if (before_segment(index + 1) < expected_) return false;
      if (blank) return resynchronise(index, scanner, ends_early);
      return step_over(index, scanner, parsed);
    }
    STELE_TRY(const bool torn, is_torn(scanner));
    if (torn) return false;
    return judge_again(index, scanner);
  }

  // A later mark says that this place was durable. A writer may have filled it after it was read, and before the mark
  // was: the mark was written when the place was on the disk, so what is read now counts.
  result<bool> judge_again(std::size_t index, SegmentScanner& scanner) {
    scanner.read_again();
    STELE_TRY(const auto parsed, scanner.next());
    if (parsed.status != FrameStatus::ok) return step_over(index, scanner, parsed);
    scanner.seek(scanner.frame_offset());
    if (parsed.frame.first() == expected_) return true;
    return resynchronise(index, scanner, "a frame is missing, or one is out of order");
  }

  void accept(std::uint64_t offset, const FrameView& frame) {
    auto& segment = report_.segments.back();
    STELE_ASSERT(frame.first() == expected_, "frames are taken in order", frame.first().value(),
                 expected_.value());
    STELE_ASSERT(offset >= segment.end, "frames do not overlap", offset, segment.end);
    segment.last = frame.last();
    segment.end = offset + frame.size();
    ++segment.frames;
    ++report_.frames;
    report_.events += frame.events();
    report_.last_recorded_at = frame.recorded_at();
    expected_ = frame.last().next();
    if (visit_) visit_(report_.segments.size() - 1, offset, frame);
  }

  // ---- The verdict on an invalid frame

  // Whether what stands at the scanner's place was never durable. If so the tail is noted.
  result<bool> is_torn(SegmentScanner& scanner) {
    if (input_.known_durable >= expected_) return false;
    const auto begin = scanner.offset();
    STELE_TRY(const auto end, scanner.last_written());
    STELE_ASSERT(scanner.offset() == begin && end >= begin, "looking ahead moves nothing", begin, end);
    if (end > begin) {
      STELE_TRY(const auto mark, highest_mark_from(scanner, begin));
      if (mark >= expected_) return false;
      report_.torn = TornTail{report_.segments.back().name, begin, layout::align(end)};
    }
    report_.segments.back().end = begin;
    return true;
  }

  // The highest durable mark of any frame header at `begin` or behind it. All headers are found once.
  result<Position> highest_mark_from(SegmentScanner& scanner, std::uint64_t begin) {
    if (!witnessed_) {
      STELE_TRY(bool found, scanner.seek_header());
      while (found) {
        STELE_TRY(const auto frame, scanner.peek_front());
        STELE_ASSERT(witnesses_.empty() || witnesses_.back().offset < scanner.offset(),
                     "headers are found in order", scanner.offset());
        witnesses_.push_back({scanner.offset(), frame.durable});
        scanner.seek(scanner.offset() + frame_alignment);
        STELE_TRY(found, scanner.seek_header());
      }
      // Each then carries the highest mark of itself and all behind it.
      for (auto i = witnesses_.size(); i-- > 1;) {
        witnesses_[i - 1].mark = std::max(witnesses_[i - 1].mark, witnesses_[i].mark);
      }
      witnessed_ = true;
      scanner.seek(begin);
    }
    const auto at =
        std::lower_bound(witnesses_.begin(), witnesses_.end(), begin,
                         [](const Witness& w, std::uint64_t offset) { return w.offset < offset; });
    return at == witnesses_.end() ? Position() : at->mark;
  }

  // Reports the damage at the scanner's place and moves behind it. False: nothing more in this segment.
  result<bool> step_over(std::size_t index, SegmentScanner& scanner, const ParsedFrame& parsed) {
    const auto begin = scanner.offset();
    if (!parsed.front || parsed.front->first != expected_ ||
        begin + parsed.front->total_size > members_[index].size) {
      return resynchronise(index, scanner, parsed.reason);
    }
    // The header is whole, so exactly this frame's events are lost.
    const auto end = begin + parsed.front->total_size;
    const auto last = Position(expected_.value() + parsed.front->events - 1);
    STELE_ASSERT(end > begin && last >= expected_, "stepping over goes forward", begin, end, last.value());
    missing(report_.segments.back().name, begin, end, last, parsed.reason);
    report_.segments.back().end = end;
    scanner.seek(end);
    return true;
  }

  // Goes on at the next frame header that can follow.
  result<bool> resynchronise(std::size_t index, SegmentScanner& scanner, const std::string& reason) {
    const auto begin = scanner.offset();
    const auto& segment = report_.segments.back().name;
    STELE_TRY(bool found, scanner.seek_header());
    while (found) {
      STELE_TRY(const auto front, scanner.peek_front());
      if (front.first > expected_ || (front.first == expected_ && scanner.offset() > begin)) {
        missing(segment, begin, scanner.offset(), Position(front.first.value() - 1), reason);
        return true;
      }
      scanner.seek(scanner.offset() + frame_alignment);
      STELE_TRY(found, scanner.seek_header());
    }
    return end_of_damaged_segment(index, begin, reason);
  }

  // No frame follows. What is lost reaches up to the next segment, or to what is known to have been durable.
  bool end_of_damaged_segment(std::size_t index, std::uint64_t begin, const std::string& reason) {
    const auto size = members_[index].size;
    const auto until = is_last(index) ? input_.known_durable : before_segment(index + 1);
    const bool was_durable = is_last(index) && until >= expected_;
    missing(report_.segments.back().name, begin, size, std::max(until, Position(expected_.value() - 1)),
            was_durable ? reason + "; the log had been durable further than this" : reason);
    return false;
  }

  // ---- Segments and positions that are not there

  void check_nothing_is_missing_at_the_end() {
    if (members_.empty()) {
      if (input_.known_durable.value() == 0) return;
      missing(segment_name(expected_), 0, 0, input_.known_durable, "every segment of the log is missing");
    } else if (members_.back().header.has_gaps() && input_.known_durable >= expected_) {
      missing(segment_name(expected_), 0, 0, input_.known_durable,
              "the segments behind the last one are missing");
    } else if (members_.back().header.is_cold()) {
      missing(
          segment_name(expected_), 0, 0, input_.known_durable,
          "the segments behind the last one are missing: it is compressed or archived, so there was another");
    }
  }

  void damage(const std::string& segment, std::uint64_t begin, std::uint64_t end, std::string reason) {
    report_.damages.push_back({segment, begin, end, {}, {}, std::move(reason)});
  }

  // Positions from the expected one to `last` cannot be read; the log goes on behind them.
  void missing(const std::string& segment, std::uint64_t begin, std::uint64_t end, Position last,
               const std::string& reason) {
    if (last < expected_) return damage(segment, begin, end, reason);
    report_.damages.push_back({segment, begin, end, expected_, last, reason});
    expected_ = last.next();
  }

  struct Witness {
    std::uint64_t offset;
    Position mark;
  };

  const RecoveryInput& input_;
  const FrameVisitor& visit_;
  RecoveryReport report_;
  std::vector<Member> members_;
  std::vector<Witness> witnesses_;
  bool witnessed_ = false;
  std::optional<PatchedSource> patched_;  // of the segment at hand
  Position expected_{1};
};

}  // namespace

std::string to_string(const Damage& damage) {
  auto text = damage.segment;
  if (damage.end > damage.begin) {
    text += " bytes " + std::to_string(damage.begin) + " to " + std::to_string(damage.end);
  }
  if (damage.first.value() > 0) {
    text +=
        ", positions " + std::to_string(damage.first.value()) + " to " + std::to_string(damage.last.value());
  }
  return text + ": " + damage.reason;
}

result<Position> rewritten_until(const std::vector<SegmentInput>& segments) {
  Position last;
  std::string bytes(segment_header_bytes, '\0');
  for (const auto& segment : segments) {
    STELE_TRY(const auto got, segment.bytes->read_at(0, bytes));
    const auto header = parse_header(std::string_view(bytes).substr(0, got)).header;
    if (header && header->has_gaps()) last = std::max(last, header->last);
  }
  return last;
}

result<RecoveryReport> recover(const RecoveryInput& input, const FrameVisitor& visit) {
  return Recovery(input, visit).run();
}

}  // namespace stele::engine::log
