// merge.cpp - each section of the output is written front to back out of the same sections of the inputs.
#include "engine/index/merge.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "engine/index/section_writers.hpp"

namespace stele::engine {
namespace {

using base::load_le;
using layout::Section;

constexpr std::uint64_t copied_at_once = 64u << 10;
constexpr std::uint64_t largest_merge_rows = std::uint64_t{1} << 31;
constexpr std::uint64_t largest_merge_terms = std::uint64_t{12} << 30;  // bytes
// Lists up to here are made anew, so that small ones fill their blocks; longer ones keep the blocks they have.
constexpr std::uint64_t rows_made_anew = 4096;

using SealedInputs = std::span<const std::shared_ptr<const SealedPart>>;

class Merging {
 public:
  Merging(SealedInputs parts, IndexFileWriter& file, const SealedPart*& reading)
      : parts_(parts), file_(file), reading_(reading) {
    for (const auto& part : parts_) {
      shifts_.push_back(static_cast<std::uint32_t>(part->first().value() - parts_.front()->first().value()));
    }
  }

  // False: they must stay apart.
  result<bool> run() {
    segments();
    STELE_CHECK(copy_offsets());
    for (const auto kind : {ColumnKind::type, ColumnKind::category}) STELE_CHECK(merge_column(kind));
    STELE_TRY(const bool dense, merge_terms());
    if (!dense) return false;
    STELE_CHECK(merge_hashes());
    STELE_CHECK(merge_ids());
    STELE_CHECK(merge_times());
    return true;
  }

 private:
  [[nodiscard]] std::uint32_t shifted(std::size_t input, std::uint32_t row) const {
    return shifts_[input] + row;
  }
  const SealedPart& input(std::size_t i) {
    reading_ = parts_[i].get();
    return *reading_;
  }

  // ---- Segments, offsets, times: one behind the other

  void segments() {
    std::vector<CoveredSegment> all;
    for (const auto& part : parts_) all.insert(all.end(), part->segments().begin(), part->segments().end());
    write_segments(file_, all);
  }

  result<void> copy_offsets() {
    file_.begin(Section::offsets);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const auto& from = input(i).file();
      const auto size = from.place(Section::offsets).size;
      for (std::uint64_t at = 0; at < size && !file_.failed(); at += copied_at_once) {
        STELE_TRY(const auto bytes, from.view_some(Section::offsets, at, copied_at_once));
        file_.put(bytes);
      }
    }
    return {};
  }

  result<void> merge_times() {
    file_.begin(Section::times);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const auto& from = input(i).file();
      const auto size = from.place(Section::times).size / layout::time_entry * layout::time_entry;
      STELE_TRY(const auto bytes, from.view(Section::times, 0, size));
      for (std::size_t at = 0; at < bytes.size(); at += layout::time_entry) {
        file_.put_u32(shifted(i, load_le<std::uint32_t>(bytes.data() + at)));
        file_.put_u64(load_le<std::uint64_t>(bytes.data() + at + 4));
      }
    }
    return {};
  }

  // ---- Columns: names by merging sorted dictionaries, codes through a table per input

  result<void> merge_column(ColumnKind kind) {
    std::vector<DictionaryName> names;
    std::vector<std::vector<std::uint32_t>> code_of(parts_.size());
    std::vector<std::uint32_t> at(parts_.size());
    for (;;) {
      std::optional<std::string> least;
      for (std::size_t i = 0; i < parts_.size(); ++i) {
        STELE_TRY(const auto count, input(i).names(kind));
        if (at[i] == count) continue;
        STELE_TRY(const auto name, input(i).name(kind, at[i]));
        if (!least || name.text < *least) least.emplace(name.text);
      }
      if (!least) break;
      STELE_CHECK(take_name(kind, *std::move(least), names, code_of, at));
    }
    CodeWriter codes(file_, kind, names.size());
    for (std::size_t i = 0; i < parts_.size(); ++i) STELE_CHECK(copy_codes(kind, i, code_of[i], codes));
    write_names(file_, kind, names);
    return {};
  }

  result<void> take_name(ColumnKind kind, std::string text, std::vector<DictionaryName>& names,
                         std::vector<std::vector<std::uint32_t>>& code_of, std::vector<std::uint32_t>& at) {
    DictionaryName merged{std::move(text), 0, 0, 0};
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      STELE_TRY(const auto count, input(i).names(kind));
      if (at[i] == count) continue;
      STELE_TRY(const auto name, input(i).name(kind, at[i]));
      if (name.text != merged.text) continue;
      if (merged.count == 0) merged.first_row = shifted(i, name.first_row);
      merged.last_row = shifted(i, name.last_row);
      merged.count += name.count;
      code_of[i].push_back(static_cast<std::uint32_t>(names.size()));
      ++at[i];
    }
    names.push_back(std::move(merged));
    return {};
  }

  result<void> copy_codes(ColumnKind kind, std::size_t i, const std::vector<std::uint32_t>& code_of,
                          CodeWriter& codes) {
    const auto& part = input(i);
    std::vector<std::uint32_t> some;
    for (std::uint64_t row = 0; row < part.rows() && !file_.failed(); row += some.size()) {
      some.resize(std::min<std::uint64_t>(4096, part.rows() - row));
      STELE_CHECK(part.codes(kind, Position(part.first().value() + row), some));
      for (auto& code : some) {
        if (code == Part::no_code) continue;
        if (code >= code_of.size()) return part.file().damaged("a column has a code without a name");
        code = code_of[code];
      }
      codes.put(some);
    }
    return {};
  }

  // ---- Terms: sorted lists merged, a term's rows behind one another

  struct Source {
    std::size_t input;
    SealedTerm term;
  };

  result<bool> merge_terms() {
    TermWriter terms(file_);
    std::vector<std::optional<SealedTerm>> heads(parts_.size());
    merged_term_.resize(parts_.size());
    for (std::size_t i = 0; i < parts_.size(); ++i) STELE_CHECK(next_head(i, heads[i]));
    while (!file_.failed()) {
      const SealedTerm* least = nullptr;
      for (const auto& head : heads) {
        if (head && (least == nullptr || by_kind_and_name(*head) < by_kind_and_name(*least))) least = &*head;
      }
      if (least == nullptr) break;
      const auto key = by_kind_and_name(*least);
      std::vector<Source> sources;
      for (std::size_t i = 0; i < heads.size(); ++i) {
        if (heads[i] && by_kind_and_name(*heads[i]) == key) sources.push_back({i, *heads[i]});
      }
      STELE_TRY(const bool dense, put_term(terms, sources));
      if (!dense) return false;
      for (const auto& source : sources) {
        merged_term_[source.input].push_back(terms.terms() - 1);
        STELE_CHECK(next_head(source.input, heads[source.input]));
      }
    }
    terms.write_places();
    return true;
  }

  static std::pair<TermKind, std::string_view> by_kind_and_name(const SealedTerm& term) {
    return {term.kind, term.name};
  }

  result<void> next_head(std::size_t i, std::optional<SealedTerm>& head) {
    const auto next = static_cast<std::uint32_t>(merged_term_[i].size());
    head.reset();
    if (next == input(i).terms()) return {};
    STELE_TRY(head, input(i).term(next));
    return {};
  }

  result<bool> put_term(TermWriter& terms, const std::vector<Source>& sources) {
    TermHead head{.kind = sources.front().term.kind,
                  .name = sources.front().term.name,
                  .tombstoned = sources.back().term.tombstoned,
                  .first_revision = sources.front().term.first_revision,
                  .first_row = shifted(sources.front().input, sources.front().term.first_row),
                  .last_row = shifted(sources.back().input, sources.back().term.last_row)};
    for (const auto& [i, term] : sources) {
      const bool stream = term.kind == TermKind::stream;
      if (stream && term.first_revision.value() != head.first_revision.value() + head.count) return false;
      head.count += term.count;
      head.types |= term.types;
    }
    STELE_CHECK(head.count <= rows_made_anew ? put_anew(terms, head, sources)
                                             : put_blocks(terms, head, sources));
    return true;
  }

  result<void> put_anew(TermWriter& terms, const TermHead& head, const std::vector<Source>& sources) {
    std::vector<std::uint32_t> rows;
    std::vector<TypeMask> types;
    std::array<std::uint32_t, Postings::block_positions> decoded{};
    for (const auto& [i, term] : sources) {
      for (std::uint64_t b = 0; b < term.blocks; ++b) {
        STELE_TRY(const auto block, input(i).block(term, b));
        STELE_TRY(const auto count, input(i).decode(term, block, decoded));
        for (std::size_t k = 0; k < count; ++k) {
          if (rows.size() % Postings::block_positions == 0) types.push_back(0);
          types.back() |= block.types;  // of the whole block: a bit too many now and then
          rows.push_back(shifted(i, decoded[k]));
        }
      }
    }
    terms.put(head, rows, types);
    return {};
  }

  result<void> put_blocks(TermWriter& terms, const TermHead& head, const std::vector<Source>& sources) {
    std::vector<TermSkip> skips;
    std::uint64_t before = 0;
    std::uint64_t bytes = 0;
    for (const auto& [i, term] : sources) {
      for (std::uint64_t b = 0; b < term.blocks; ++b) {
        STELE_TRY(const auto block, input(i).block(term, b));
        skips.push_back({shifted(i, block.first_row), shifted(i, block.last_row),
                         static_cast<std::uint32_t>(before + block.before),
                         static_cast<std::uint32_t>(bytes + block.at), block.types});
      }
      before += term.count;
      STELE_TRY(const auto size, rows_bytes(i, term));
      bytes += size;
    }
    terms.begin(head, skips, bytes);
    for (const auto& [i, term] : sources) STELE_CHECK(copy_rows(terms, i, term));
    terms.end();
    return {};
  }

  // Only lists of several blocks tell how many bytes their rows have.
  result<std::uint64_t> rows_bytes(std::size_t i, const SealedTerm& term) {
    if (term.blocks > 1) return term.rows_bytes;
    std::array<std::uint32_t, Postings::block_positions> decoded{};
    STELE_TRY(const auto block, input(i).block(term, 0));
    STELE_TRY(const auto count, input(i).decode(term, block, decoded));
    std::string steps;
    put_row_steps(steps, std::span(decoded).first(count));
    return steps.size();
  }

  result<void> copy_rows(TermWriter& terms, std::size_t i, const SealedTerm& term) {
    STELE_TRY(const auto size, rows_bytes(i, term));
    for (std::uint64_t at = 0; at < size; at += copied_at_once) {
      STELE_TRY(const auto bytes,
                input(i).file().view(Section::terms, term.rows_at + at, std::min(copied_at_once, size - at)));
      terms.put_rows(bytes);
    }
    return {};
  }

  // ---- Hashes: entries of all inputs in order of the hash

  // Walks the entries of one input; `hash_of(entry)` grows.
  struct Walk {
    const SealedFile* file;
    Section section;
    std::size_t entry_bytes;
    std::uint64_t at = 0;
    std::uint64_t end = 0;
    std::string_view entry;
    std::uint32_t hash = 0;
    bool more = false;
  };

  Walk walk_of(std::size_t i, Section section, std::size_t entry_bytes) {
    const auto& place = input(i).file().place(section);
    const auto fan_out = ((std::uint64_t{1} << (place.parameter & 31)) + 1) * 4;
    return {&input(i).file(),
            section,
            entry_bytes,
            0,
            place.size > fan_out ? place.size - fan_out : 0,
            {},
            0,
            false};
  }

  static std::uint32_t hash_of(const Walk& walk) {
    if (walk.section == Section::term_hashes) return load_le<std::uint32_t>(walk.entry.data());
    return hash_id(id_of(walk.entry));
  }
  static Uuid id_of(std::string_view entry) {
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(reinterpret_cast<const std::uint8_t*>(entry.data()), bytes.size(), bytes.begin());
    return Uuid(bytes);
  }

  result<void> step(std::size_t i, Walk& walk) {
    reading_ = parts_[i].get();
    walk.more = walk.at + walk.entry_bytes <= walk.end;
    if (!walk.more) return {};
    STELE_TRY(walk.entry, walk.file->view(walk.section, walk.at, walk.entry_bytes));
    walk.at += walk.entry_bytes;
    const auto before = walk.hash;
    walk.hash = hash_of(walk);
    if (walk.hash < before) return walk.file->damaged("a hash table is not in order");
    return {};
  }

  // Calls `use(hash, group)` for every hash, with the (input, entry) pairs that have it, inputs in order.
  template <class Use>
  result<void> by_hash(Section section, std::size_t entry_bytes, const Use& use) {
    std::vector<Walk> walks;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      walks.push_back(walk_of(i, section, entry_bytes));
      STELE_CHECK(step(i, walks.back()));
    }
    std::vector<std::pair<std::size_t, std::string_view>> group;
    while (!file_.failed()) {
      std::optional<std::uint32_t> least;
      for (const auto& walk : walks) {
        if (walk.more && (!least || walk.hash < *least)) least = walk.hash;
      }
      if (!least) break;
      group.clear();
      for (std::size_t i = 0; i < walks.size(); ++i) {
        while (walks[i].more && walks[i].hash == *least) {
          group.emplace_back(i, walks[i].entry);
          STELE_CHECK(step(i, walks[i]));
        }
      }
      STELE_CHECK(use(*least, group));
    }
    return {};
  }

  using Group = std::vector<std::pair<std::size_t, std::string_view>>;

  result<void> merge_hashes() {
    std::uint64_t expected = 0;
    for (const auto& terms : merged_term_)
      expected = std::max<std::uint64_t>(expected, terms.empty() ? 0 : terms.back() + 1);
    HashWriter entries(file_, Section::term_hashes, expected);
    std::vector<std::uint32_t> hashes;  // for the filter, which comes behind
    hashes.reserve(expected);
    std::vector<std::uint32_t> terms;
    STELE_CHECK(by_hash(Section::term_hashes, layout::hash_entry,
                        [&](std::uint32_t hash, const Group& group) -> result<void> {
                          terms.clear();
                          for (const auto& [i, entry] : group) {
                            const auto term = load_le<std::uint32_t>(entry.data() + 4);
                            if (term >= merged_term_[i].size())
                              return input(i).file().damaged("a hash stands for no term");
                            terms.push_back(merged_term_[i][term]);
                          }
                          std::ranges::sort(terms);
                          terms.erase(std::ranges::unique(terms).begin(), terms.end());
                          for (const auto term : terms) {
                            std::array<char, layout::hash_entry> entry{};
                            base::store_le<std::uint32_t>(entry.data(), hash);
                            base::store_le<std::uint32_t>(entry.data() + 4, term);
                            entries.put(hash, {entry.data(), entry.size()});
                            hashes.push_back(hash);
                          }
                          return {};
                        }));
    entries.finish();
    FilterWriter filter(hashes.size(), layout::filter_bits_per_term);
    for (const auto hash : hashes) filter.put(hash, hash);
    filter.write(file_, Section::filter);
    return {};
  }

  // Of an id that stands twice the oldest counts: inputs come oldest first.
  result<void> merge_ids() {
    std::uint64_t expected = 0;
    for (const auto& part : parts_) expected += part->file().place(Section::ids).size / layout::id_entry;
    HashWriter entries(file_, Section::ids, expected);
    FilterWriter filter(expected, layout::filter_bits_per_id);
    std::vector<std::pair<Uuid, std::uint32_t>> same;
    STELE_CHECK(
        by_hash(Section::ids, layout::id_entry, [&](std::uint32_t hash, const Group& group) -> result<void> {
          same.clear();
          for (const auto& [i, entry] : group) {
            same.emplace_back(id_of(entry), shifted(i, load_le<std::uint32_t>(entry.data() + 16)));
          }
          std::ranges::sort(same);
          const auto one_id = [](const auto& a, const auto& b) { return a.first == b.first; };
          same.erase(std::ranges::unique(same, one_id).begin(), same.end());
          for (const auto& [id, row] : same) {
            std::array<char, layout::id_entry> entry{};
            std::ranges::copy(id.bytes(), entry.begin());
            base::store_le<std::uint32_t>(entry.data() + 16, row);
            entries.put(hash, {entry.data(), entry.size()});
            filter.put(hash, static_cast<std::uint32_t>(long_hash_id(id)));
          }
          return {};
        }));
    entries.finish();
    filter.write(file_, Section::id_filter);
    return {};
  }

  SealedInputs parts_;
  IndexFileWriter& file_;
  const SealedPart*& reading_;
  std::vector<std::uint32_t> shifts_;                    // rows in front of each input
  std::vector<std::vector<std::uint32_t>> merged_term_;  // per input: its terms' numbers in the output
};

bool fit_together(SealedInputs parts) {
  std::uint64_t rows = 0;
  std::uint64_t terms = 0;
  for (const auto& part : parts) {
    rows += part->rows();
    terms += part->file().place(Section::terms).size;
  }
  return rows <= largest_merge_rows && terms <= largest_merge_terms;
}

}  // namespace

result<std::optional<std::filesystem::path>> merge(std::span<const std::shared_ptr<const SealedPart>> parts,
                                                   const SealInto& into, const SealedPart*& damaged) {
  STELE_ASSERT(parts.size() >= 2, "there is something to merge", parts.size());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    STELE_ASSERT(parts[i]->first() == parts[i - 1]->last().next(), "neighbours are merged",
                 parts[i]->first().value());
  }
  damaged = nullptr;
  if (!fit_together(parts)) return std::nullopt;
  STELE_TRY(auto file, IndexFileWriter::create(into.disk, into.directory, parts.front()->first(),
                                               parts.back()->last(), into.stop, into.pause));
  STELE_TRY(const bool dense, Merging(parts, *file, damaged).run());
  damaged = nullptr;
  if (!dense) return std::nullopt;
  Timestamp last_recorded_at{};  // a part of which everything was dropped has none
  for (const auto& part : parts) last_recorded_at = std::max(last_recorded_at, part->last_recorded_at());
  STELE_TRY(auto path, file->finish(into.store, last_recorded_at));
  return path;
}

MergeChoice choose_merge(std::span<const std::size_t> segments) {
  constexpr std::size_t together = 4;
  constexpr std::size_t too_many = 16;
  const auto level = [](std::size_t count) { return (std::bit_width(count) - 1) / 2; };
  for (auto end = segments.size(); end >= together; --end) {
    const auto some = segments.subspan(end - together, together);
    const auto same = [&](std::size_t count) { return level(count) == level(some.front()); };
    if (!std::ranges::all_of(some, same)) continue;
    // The oldest of their like: newer ones will get company, older ones between larger neighbours would stay alone.
    auto begin = end - together;
    while (begin > 0 && same(segments[begin - 1])) --begin;
    STELE_ASSERT(begin + together <= end, "what is merged lies in the run", begin, end);
    return {begin, together};
  }
  // Odd sizes that never meet their like: the neighbours that are smallest together.
  MergeChoice best;
  std::size_t least = ~std::size_t{0};
  for (std::size_t begin = 0; segments.size() > too_many && begin + together <= segments.size(); ++begin) {
    std::size_t sum = 0;
    for (const auto count : segments.subspan(begin, together)) sum += count;
    if (sum < least) best = {begin, together};
    least = std::min(least, sum);
  }
  return best;
}

}  // namespace stele::engine
