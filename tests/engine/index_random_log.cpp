// index_random_log.cpp - histories with few words, so that every list gets long and every word meets every other.
#include "index_random_log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace stele::engine::testing {
namespace {

void print_postings(std::ostream& out, const Postings& postings) {
  out << postings.count() << " from " << postings.first().value() << " to " << postings.last().value()
      << " rev " << postings.first_revision().value() << ':';
  std::array<Position, Postings::block_positions> decoded{};
  std::uint64_t ordinal = 0;
  for (std::size_t i = 0; i < postings.blocks(); ++i) {
    const auto block = *postings.block(i);
    const auto count = *postings.decode(i, decoded);
    EXPECT_EQ(count, block.count);
    EXPECT_EQ(decoded[0], block.first);
    EXPECT_EQ(decoded[count - 1], block.last);
    EXPECT_EQ(block.types & ~postings.types(), 0u) << "the list has the types of its blocks";
    for (std::size_t k = 0; k < count; ++k, ++ordinal) {
      out << ' ' << decoded[k].value();
      const auto place = *static_cast<const IndexPostings&>(postings).place_of(ordinal);
      EXPECT_EQ(place.block, i);
      EXPECT_EQ(place.skip, k);
    }
  }
  EXPECT_EQ(ordinal, postings.count());
}

// Codes are a part's own: the text has names, and every name's own account of itself must agree with the rows.
void print_column(std::ostream& out, const IndexPart& part, ColumnKind kind, std::vector<std::string> names) {
  std::vector<std::uint32_t> codes(part.last().value() - part.first().value() + 1);
  EXPECT_TRUE(part.codes(kind, part.first(), codes));
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  std::size_t explained = 0;
  for (const auto& name : names) {
    const auto known = *part.find_name(kind, name);
    out << '\n' << name << ':';
    if (!known) continue;
    out << known->count << " from " << known->first.value() << " to " << known->last.value();
    for (std::size_t row = 0; row < codes.size(); ++row) {
      if (codes[row] == known->code) out << ' ' << row;
    }
    explained += static_cast<std::size_t>(std::ranges::count(codes, known->code));
  }
  EXPECT_EQ(explained + static_cast<std::size_t>(std::ranges::count(codes, Part::no_code)), codes.size());
}

}  // namespace

RandomLog::RandomLog(std::uint64_t seed) : random_(seed) {
  const auto streams = 1 + draw(12);
  for (std::uint64_t i = 0; i < streams; ++i) {
    universe_.streams.push_back("c" + std::to_string(draw(3)) +
                                (draw(4) == 0 ? "" : "-" + std::to_string(i)));
  }
  std::ranges::sort(universe_.streams);
  universe_.streams.erase(std::ranges::unique(universe_.streams).begin(), universe_.streams.end());
  for (std::uint64_t i = 0, n = 1 + draw(6); i < n; ++i) universe_.types.push_back("T" + std::to_string(i));
  for (std::uint64_t i = 0, n = 1 + draw(8); i < n; ++i) universe_.tags.push_back("tag:" + std::to_string(i));
  revisions_.resize(universe_.streams.size());
}

void RandomLog::add_frame(std::span<ActivePart* const> parts, std::size_t events) {
  time_ += draw(5);
  for (auto* part : parts) part->begin_frame(0, Timestamp(std::chrono::microseconds(time_)));
  for (std::size_t left = events; left > 0;) {
    const auto stream = draw(universe_.streams.size());
    const auto some = 1 + draw(left);
    for (auto* part : parts) part->begin_write(Revision(revisions_[stream]));
    for (std::uint64_t i = 0; i < some; ++i, ++next_) {
      std::array<std::uint8_t, 16> bytes{};
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(draw(3));
      // A log that holds an id twice was not written by us; the first one counts then.
      const Uuid id = draw(50) == 0 ? Uuid(bytes) : Uuid::from_name({}, std::to_string(next_));
      const auto type = draw(40) == 0 ? "$tombstone" : universe_.types[draw(universe_.types.size())];
      for (auto* part : parts) part->add_event(id, type, offset_);
      ids_.push_back(id);
      for (const auto& tag : universe_.tags) {
        if (draw(universe_.tags.size() + 2) != 0) continue;
        for (auto* part : parts) part->add_tag(tag);
      }
      offset_ += 8 + draw(100);
    }
    for (auto* part : parts) part->end_write(universe_.streams[stream]);
    revisions_[stream] += some;
    left -= some;
  }
  offset_ += 64;
  for (auto* part : parts) part->end_frame(part == whole_.get() ? whole_end_ += 1 : offset_);
}

std::shared_ptr<ActivePart> RandomLog::segment(std::size_t least, std::size_t most) {
  auto part = std::make_shared<ActivePart>(Position(next_));
  std::vector<ActivePart*> parts{part.get()};
  if (whole_) parts.push_back(whole_.get());
  const auto end = next_ + least + draw(most - least + 1);
  offset_ = 4096;
  while (next_ < end) add_frame(parts, 1 + draw(std::min<std::uint64_t>(end - next_, 7)));
  return part;
}

CoveredSegment RandomLog::covered(const ActivePart& part) const {
  const auto events = part.last().value() - part.first().value() + 1 - part.missing();
  return {part.first(), part.end(), part.first().value() * 31, part.frames(), events};
}

std::string answers_of(const IndexPart& part, const RandomLog& log, Position until) {
  std::ostringstream out;
  out << part.first().value() << ".." << part.last().value() << '\n';
  for (auto p = part.first(); p <= part.last(); p = p.next()) out << (*part.location(p)).offset << ' ';
  auto universe = log.universe();
  universe.streams.push_back("nobody-1");
  universe.tags.push_back("nothing");
  universe.types.insert(universe.types.end(), {"$tombstone", "Nothing"});
  print_column(out, part, ColumnKind::type, universe.types);
  std::vector<std::string> categories{"none"};
  for (const auto& stream : universe.streams) categories.emplace_back(category_of(stream));
  print_column(out, part, ColumnKind::category, categories);
  const auto lists = [&](TermKind kind, const std::vector<std::string>& names) {
    for (const auto& name : names) {
      const auto postings = *part.postings(kind, name, until);
      out << '\n' << name << ' ';
      if (postings) print_postings(out, *postings);
    }
  };
  lists(TermKind::stream, universe.streams);
  lists(TermKind::tag, universe.tags);
  for (const auto& stream : universe.streams) {
    const auto end = (*part.stream_end(stream)).value_or(StreamEnd{});
    out << end.next.value() << '@' << end.last.value() << (end.ended ? "! " : " ");
  }
  for (const auto* prefix : {"", "c1", "c1-", "x"}) {
    for (const auto* after : {"", "c0-3", "c1", "zz"}) {
      const auto names = part.streams(prefix, after, 4);
      out << "\n|";
      for (const auto& name : *names) out << name << '|';
    }
  }
  for (const auto& id : log.ids()) out << (*part.find_id(id)).value_or(Position{}).value() << ' ';
  EXPECT_EQ(*part.find_id(index_store), std::nullopt);
  return std::move(out).str();
}

std::string times_of(const IndexPart& part) {
  std::ostringstream out;
  for (std::int64_t time = -1; time < 3000; time += 7) {
    const auto bracket = *part.around(Timestamp(std::chrono::microseconds(time)));
    out << bracket.after.value() << ' ' << bracket.before.value() << '\n';
  }
  return std::move(out).str();
}

std::shared_ptr<SealedPart> open_sealed(io::Disk& disk, const std::filesystem::path& path, TermHash hash) {
  const auto file = disk.open(path, io::Mode::read);
  EXPECT_TRUE(file);
  auto part = SealedPart::open(**file, hash);
  EXPECT_TRUE(part) << part.error().to_string();
  (*part)->bind(std::vector<std::uint32_t>((*part)->segments().size(), 0));
  return *part;
}

std::shared_ptr<SealedPart> sealed(const ActivePart& part, const RandomLog& log, io::Disk& disk,
                                   TermHash hash) {
  EXPECT_TRUE(disk.make_directory(index_directory));
  const auto path = seal(part, log.covered(part), {disk, index_directory, index_store, nullptr, hash});
  EXPECT_TRUE(path) << path.error().to_string();
  return open_sealed(disk, *path, hash);
}

void make_nonsense(io::simulated::MemoryDisk& disk, const std::filesystem::path& path) {
  auto bytes = disk.bytes(path);
  auto header = *layout::parse_header(bytes);
  const auto sums = header.sections.back().second;
  const auto terms =
      std::ranges::find(header.sections, layout::Section::terms, [](const auto& s) { return s.first; });
  bytes[terms->second.offset] = 9;
  for (std::uint64_t page = 1; page * layout::page_bytes < sums.offset; ++page) {
    const auto sum =
        base::crc32c(std::string_view(bytes).substr(page * layout::page_bytes, layout::page_bytes));
    base::store_le<std::uint32_t>(bytes.data() + sums.offset + (page - 1) * 4, sum);
  }
  header.pages_crc = base::crc32c(std::string_view(bytes).substr(sums.offset, sums.size));
  bytes.replace(0, layout::page_bytes, layout::encode_header(header));
  disk.put(path, bytes);
}

}  // namespace stele::engine::testing
