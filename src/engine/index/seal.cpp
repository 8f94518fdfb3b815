// seal.cpp - section after section out of the columns and tables of a part.
#include "engine/index/seal.hpp"

#include <algorithm>
#include <numeric>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "engine/index/section_writers.hpp"

namespace stele::engine {
namespace {

constexpr std::size_t rows_at_once = 4096;

class Sealing {
 public:
  Sealing(const ActivePart& part, IndexFileWriter& file, TermHash hash)
      : part_(part), file_(file), hash_(hash), rows_(part.last().value() - part.first().value() + 1) {}

  void offsets() {
    file_.begin(layout::Section::offsets);
    std::vector<std::uint32_t> some;
    std::string bytes;
    for (std::uint64_t row = 0; row < rows_; row += some.size()) {
      some.resize(std::min<std::uint64_t>(rows_at_once, rows_ - row));
      part_.offsets().copy(row, some);
      bytes.resize(some.size() * 4);
      for (std::size_t i = 0; i < some.size(); ++i)
        base::store_le<std::uint32_t>(bytes.data() + i * 4, some[i]);
      file_.put(bytes);
    }
  }

  // The codes in memory go by appearance, those of the file by name.
  void column(ColumnKind kind) {
    const auto& column = part_.column(kind);
    auto names = column.names();
    std::ranges::sort(names, {}, &NameColumn::Name::text);
    std::vector<std::uint32_t> code_of(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) code_of[names[i].code] = static_cast<std::uint32_t>(i);
    CodeWriter codes(file_, kind, names.size());
    std::vector<std::uint32_t> some;
    for (std::uint64_t row = 0; row < rows_; row += some.size()) {
      some.resize(std::min<std::uint64_t>(rows_at_once, rows_ - row));
      column.codes(row, some);
      for (auto& code : some) code = code == Part::no_code ? Part::no_code : code_of[code];
      codes.put(some);
    }
    std::vector<DictionaryName> written;
    written.reserve(names.size());
    for (auto& name : names) {
      written.push_back({std::move(name.text), name.count, name.first_row, name.last_row});
    }
    write_names(file_, kind, written);
  }

  void terms() {
    TermWriter terms(file_);
    for (const auto kind : {TermKind::stream, TermKind::tag}) {
      for (const auto* const term : part_.terms(kind).sorted()) {
        hashes_.push_back({hash_(kind, term->name()), terms.terms()});
        terms.put({.kind = kind,
                   .name = term->name(),
                   .tombstoned = term->tombstoned(),
                   .first_revision = term->first_revision()},
                  term->rows(), term->block_types());
      }
    }
    terms.write_places();
    std::ranges::sort(hashes_);
    HashWriter entries(file_, layout::Section::term_hashes, hashes_.size());
    for (const auto& [hash, term] : hashes_) {
      std::array<char, layout::hash_entry> entry{};
      base::store_le<std::uint32_t>(entry.data(), hash);
      base::store_le<std::uint32_t>(entry.data() + 4, term);
      entries.put(hash, {entry.data(), entry.size()});
    }
    entries.finish();
    FilterWriter filter(hashes_.size(), layout::filter_bits_per_term);
    for (const auto& [hash, term] : hashes_) filter.put(hash, hash);
    filter.write(file_, layout::Section::filter);
  }

  void ids() {
    auto all = part_.ids().entries();
    std::ranges::sort(all, {},
                      [](const IdTable::Entry& entry) { return std::pair(hash_id(entry.id), entry.id); });
    HashWriter entries(file_, layout::Section::ids, all.size());
    FilterWriter filter(all.size(), layout::filter_bits_per_id);
    for (const auto& [id, row] : all) {
      std::array<char, layout::id_entry> entry{};
      std::ranges::copy(id.bytes(), entry.begin());
      base::store_le<std::uint32_t>(entry.data() + 16, row);
      entries.put(hash_id(id), {entry.data(), entry.size()});
      filter.put(hash_id(id), static_cast<std::uint32_t>(long_hash_id(id)));
    }
    entries.finish();
    filter.write(file_, layout::Section::id_filter);
  }

  void times() {
    file_.begin(layout::Section::times);
    for (const auto& [row, at] : part_.times()) {
      file_.put_u32(row);
      file_.put_u64(static_cast<std::uint64_t>(at.time_since_epoch().count()));
    }
  }

 private:
  const ActivePart& part_;
  IndexFileWriter& file_;
  TermHash hash_;
  std::uint64_t rows_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> hashes_;  // of a term, and which
};

}  // namespace

result<std::filesystem::path> seal(const ActivePart& part, const CoveredSegment& segment,
                                   const SealInto& into) {
  STELE_ASSERT(!part.empty() && segment.first == part.first(), "a part is sealed for its segment",
               part.first().value(), segment.first.value());
  STELE_TRY(auto file,
            IndexFileWriter::create(into.disk, into.directory, part.first(), part.last(), into.stop));
  Sealing sealing(part, *file, into.hash);
  write_segments(*file, std::span(&segment, 1));
  sealing.offsets();
  sealing.column(ColumnKind::type);
  sealing.column(ColumnKind::category);
  sealing.terms();
  sealing.ids();
  sealing.times();
  return file->finish(into.store, part.last_recorded_at());
}

}  // namespace stele::engine
