// sealed_part.cpp - look-ups in the mapped sections. Every number out of the file is checked before it is used:
// a checksum proves that bytes are those that were written, not that they make sense.
#include "engine/index/sealed_part.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "engine/index/sealed_postings.hpp"

namespace stele::engine {
namespace {

using base::load_le;
using layout::Section;

}  // namespace

result<std::shared_ptr<SealedPart>> SealedPart::open(const io::File& file, TermHash hash) {
  STELE_TRY(auto opened, SealedFile::open(file));
  std::shared_ptr<SealedPart> part(new SealedPart(std::move(opened), hash));
  STELE_CHECK(part->read_segments());
  if (part->file_->place(Section::offsets).size != part->rows() * 4) {
    return part->file_->damaged("it has not one place for every event");
  }
  // A stream or tag that is new is looked for in every part: each "no" would cost a page.
  part->file_->prefetch(Section::filter);
  return part;
}

void SealedPart::expect_new_ids() const { file_->prefetch(Section::id_filter); }

result<void> SealedPart::read_segments() {
  const auto size = file_->place(Section::segments).size;
  STELE_TRY(const auto bytes, file_->view(Section::segments, 0, size));
  for (std::size_t at = 0; at + layout::segment_entry <= bytes.size(); at += layout::segment_entry) {
    const char* const entry = bytes.data() + at;
    segments_.push_back({Position(load_le<std::uint64_t>(entry)), load_le<std::uint64_t>(entry + 8),
                         load_le<std::uint64_t>(entry + 16), load_le<std::uint64_t>(entry + 24),
                         load_le<std::uint64_t>(entry + 32)});
  }
  const bool ordered = std::ranges::is_sorted(segments_, {}, &CoveredSegment::first);
  if (segments_.empty() || !ordered || segments_.front().first != first() ||
      segments_.back().first > last()) {
    return file_->damaged("its segments are not those of its events");
  }
  return {};
}

void SealedPart::bind(std::vector<std::uint32_t> ordinals) {
  STELE_ASSERT(ordinals_.empty() && ordinals.size() == segments_.size(), "every segment has an ordinal, once",
               ordinals.size(), segments_.size());
  ordinals_ = std::move(ordinals);
}

result<Location> SealedPart::location(Position position) const {
  STELE_ASSERT(position >= first() && position <= last(), "the position lies in the part", position.value());
  STELE_ASSERT(ordinals_.size() == segments_.size(), "the part was bound", ordinals_.size());
  STELE_TRY(const auto bytes, file_->view(Section::offsets, row_of(position) * 4, 4));
  const auto offset = load_le<std::uint32_t>(bytes.data());
  if (offset == 0) return Location{};
  const auto behind = std::ranges::upper_bound(segments_, position, {}, &CoveredSegment::first);
  return Location{ordinals_[static_cast<std::size_t>(behind - segments_.begin()) - 1], offset};
}

// ---- Columns

result<SealedPart::NameAt> SealedPart::name(ColumnKind kind, std::uint32_t code) const {
  const auto section = names_section(kind);
  const auto& place = file_->place(section);
  STELE_TRY(const auto entry,
            file_->view(section, std::uint64_t{code} * layout::name_entry, layout::name_entry));
  const auto at =
      std::uint64_t{place.parameter} * layout::name_entry + load_le<std::uint32_t>(entry.data() + 16);
  STELE_TRY(const auto text, file_->view(section, at, load_le<std::uint32_t>(entry.data() + 20)));
  return NameAt{text, load_le<std::uint64_t>(entry.data()), load_le<std::uint32_t>(entry.data() + 8),
                load_le<std::uint32_t>(entry.data() + 12)};
}

result<std::optional<ColumnName>> SealedPart::find_name(ColumnKind kind, std::string_view wanted) const {
  std::uint32_t low = 0;
  std::uint32_t high = file_->place(names_section(kind)).parameter;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(const auto known, name(kind, middle));
    if (known.text == wanted) {
      return ColumnName{middle, known.count, Position(first().value() + known.first_row),
                        Position(first().value() + known.last_row)};
    }
    (known.text < wanted ? low : high) = known.text < wanted ? middle + 1 : middle;
  }
  return std::nullopt;
}

result<void> SealedPart::codes(ColumnKind kind, Position from, std::span<std::uint32_t> into) const {
  STELE_ASSERT(from >= first() && from.value() + into.size() <= last().value() + 1,
               "the rows lie in the part", from.value(), into.size());
  const auto section = kind == ColumnKind::type ? Section::types : Section::categories;
  const auto width = file_->place(section).parameter;
  STELE_TRY(const auto bytes, file_->view(section, row_of(from) * width, into.size() * width));
  const char* at = bytes.data();
  if (width == 1) {
    for (auto& code : into) {
      code = static_cast<std::uint8_t>(*at++);
      if (code == 0xFF) code = no_code;
    }
  } else if (width == 2) {
    for (auto& code : into) {
      code = load_le<std::uint16_t>(at);
      if (code == 0xFFFF) code = no_code;
      at += 2;
    }
  } else if (width == 4) {
    for (auto& code : into) {
      code = load_le<std::uint32_t>(at);
      at += 4;
    }
  } else {
    return file_->damaged("a column has codes of a width that does not exist");
  }
  return {};
}

// ---- Terms

result<bool> SealedPart::may_have(Section filter, std::uint32_t place, std::uint32_t bits) const {
  const auto blocks = file_->place(filter).size / 64;
  if (blocks == 0) return false;
  STELE_TRY(const auto block, file_->view(filter, layout::filter_block(place, blocks) * 64, 64));
  bool all = true;
  layout::filter_bits(bits, [&](std::uint32_t bit) {
    all = all && (static_cast<std::uint8_t>(block[bit / 8]) >> bit % 8 & 1) != 0;
  });
  return all;
}

result<std::string_view> SealedPart::entries_of(Section section, std::size_t entry_bytes,
                                                std::uint32_t hash) const {
  const auto& place = file_->place(section);
  const auto fan_out = ((std::uint64_t{1} << (place.parameter & 31)) + 1) * 4;
  if (place.parameter > 26 || fan_out > place.size) return file_->damaged("a hash table is too short");
  const auto entries = place.size - fan_out;
  STELE_TRY(const auto bounds,
            file_->view(section, entries + layout::fan_out_of(hash, place.parameter) * 4, 8));
  const auto begin = std::uint64_t{load_le<std::uint32_t>(bounds.data())} * entry_bytes;
  const auto end = std::uint64_t{load_le<std::uint32_t>(bounds.data() + 4)} * entry_bytes;
  if (begin > end || end > entries) return file_->damaged("a hash table points behind its end");
  return file_->view(section, begin, end - begin);
}

result<std::optional<SealedTerm>> SealedPart::find_term(TermKind kind, std::string_view name) const {
  const auto hash = hash_(kind, name);
  STELE_TRY(const bool maybe, may_have(Section::filter, hash, hash));
  if (!maybe) return std::nullopt;
  STELE_TRY(const auto entries, entries_of(Section::term_hashes, layout::hash_entry, hash));
  for (std::size_t at = 0; at < entries.size(); at += layout::hash_entry) {
    if (load_le<std::uint32_t>(entries.data() + at) != hash) continue;
    STELE_TRY(const auto found, term(load_le<std::uint32_t>(entries.data() + at + 4)));
    if (found.kind == kind && found.name == name) return found;
  }
  return std::nullopt;
}

result<SealedTerm> SealedPart::term(std::uint32_t index) const { return parse_sealed_term(*file_, index); }

result<SealedPart::Block> SealedPart::block(const SealedTerm& term, std::uint64_t index) const {
  return sealed_block(*file_, term, index);
}

result<std::size_t> SealedPart::decode(const SealedTerm& term, const Block& block,
                                       std::span<std::uint32_t> into) const {
  return decode_sealed_block(*file_, term, block, into);
}

result<std::unique_ptr<Postings>> SealedPart::postings(TermKind kind, std::string_view name,
                                                       Position until) const {
  if (until < first()) return nullptr;
  STELE_TRY(const auto found, find_term(kind, name));
  if (!found) return nullptr;
  return SealedPostings::open(*this, *found, until);
}

result<std::optional<StreamEnd>> SealedPart::stream_end(std::string_view stream) const {
  STELE_TRY(const auto found, find_term(TermKind::stream, stream));
  if (!found) return std::nullopt;
  return StreamEnd{Revision(found->first_revision.value() + found->count),
                   Position(first().value() + found->last_row), found->tombstoned};
}

result<std::vector<std::string>> SealedPart::streams(std::string_view prefix, std::string_view after,
                                                     std::size_t limit) const {
  // Streams come first, and the first name that is wanted is found by halving.
  std::uint32_t low = 0;
  const auto count = std::min(file_->place(Section::term_places).parameter, terms());
  auto high = count;
  const auto behind = [&](std::string_view name) { return prefix > after ? name >= prefix : name > after; };
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(const auto known, term(middle));
    (behind(known.name) ? high : low) = behind(known.name) ? middle : middle + 1;
  }
  std::vector<std::string> some;
  for (; low < count && some.size() < limit; ++low) {
    STELE_TRY(const auto known, term(low));
    if (!known.name.starts_with(prefix)) break;
    some.emplace_back(known.name);
  }
  return some;
}

// ---- Ids and times

void SealedPart::expect(Section filter, std::uint32_t place) const {
  const auto blocks = file_->place(filter).size / 64;
  if (blocks > 0) file_->fetch(filter, layout::filter_block(place, blocks) * 64);
}

void SealedPart::expect_term(TermKind kind, std::string_view name) const {
  expect(Section::filter, hash_(kind, name));
}

void SealedPart::expect_id(const Uuid& id) const {
  expect(Section::id_filter, static_cast<std::uint32_t>(long_hash_id(id) >> 32));
}

result<std::optional<Position>> SealedPart::find_id(const Uuid& id) const {
  const auto hash = long_hash_id(id);
  const auto place = static_cast<std::uint32_t>(hash >> 32);
  STELE_TRY(const bool maybe, may_have(Section::id_filter, place, static_cast<std::uint32_t>(hash)));
  if (!maybe) return std::nullopt;
  STELE_TRY(const auto entries, entries_of(Section::ids, layout::id_entry, place));
  for (std::size_t at = 0; at < entries.size(); at += layout::id_entry) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(entries.data() + at);
    if (!std::equal(id.bytes().begin(), id.bytes().end(), bytes)) continue;
    const auto row = load_le<std::uint32_t>(entries.data() + at + 16);
    if (row >= rows()) return file_->damaged("an id stands for an event behind the last one");
    return Position(first().value() + row);
  }
  return std::nullopt;
}

result<TimeBracket> SealedPart::around(Timestamp time) const {
  const auto read = [this](std::uint64_t index) -> result<std::pair<Position, Timestamp>> {
    STELE_TRY(const auto entry, file_->view(Section::times, index * layout::time_entry, layout::time_entry));
    const auto at = static_cast<std::int64_t>(load_le<std::uint64_t>(entry.data() + 4));
    return std::pair(Position(first().value() + load_le<std::uint32_t>(entry.data())),
                     Timestamp(std::chrono::microseconds(at)));
  };
  TimeBracket bracket;
  std::uint64_t low = 0;
  auto high = file_->place(Section::times).size / layout::time_entry;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(const auto known, read(middle));
    (known.second <= time ? bracket.after : bracket.before) = known.first;
    (known.second <= time ? low : high) = known.second <= time ? middle + 1 : middle;
  }
  return bracket;
}

}  // namespace stele::engine
