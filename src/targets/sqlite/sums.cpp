// sums.cpp - a small hash table per statement: keys in one text, amounts in one list.
#include "targets/sqlite/sums.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <numeric>

#include "base/assert.hpp"

namespace stele::targets {
namespace {

// More rows, or more bytes of keys, than this are written before the commit: a batch has no bound of its own.
constexpr std::uint64_t most_kept_rows = 1u << 20u;
constexpr std::uint64_t most_key_bytes = 64u << 20u;
// How many batches write at once after one in which a sum could not be written.
constexpr std::uint64_t careful_commits = 8;

Error wrong_amount(std::string_view sql) {
  return Error(errc::invalid, "what is added up is whole numbers").with("sql", std::string(sql));
}

// The values themselves first, so that sorting keys sorts rows; behind them the type and length of each, so that
// different keys are never the same text.
class KeyText {
 public:
  std::string_view of(std::span<const SqlValue> keys) {
    text_.clear();
    ends_.clear();
    for (const SqlValue& key : keys) put(key);
    return text_.append(ends_);
  }

 private:
  void put(const SqlValue& key) {
    const auto begin = text_.size();
    char type = 'n';
    if (const auto* number = std::get_if<std::int64_t>(&key.get())) {
      type = 'i';
      const auto ordered = std::byteswap(static_cast<std::uint64_t>(*number) ^ (std::uint64_t{1} << 63u));
      text_.append(reinterpret_cast<const char*>(&ordered), sizeof ordered);
    } else if (const auto* words = std::get_if<std::string_view>(&key.get())) {
      type = 't';
      text_.append(*words);
    }
    const auto length = static_cast<std::uint32_t>(text_.size() - begin);
    ends_.push_back(type);
    ends_.append(reinterpret_cast<const char*>(&length), sizeof length);
  }

  std::string text_;
  std::string ends_;
};
constexpr std::size_t end_bytes = 1 + sizeof(std::uint32_t);

// The way back. Texts are borrowed from the key.
void bind_key(sqlite::Statement& statement, std::string_view key, std::size_t count) {
  std::string_view ends = key.substr(key.size() - count * end_bytes);
  for (std::size_t i = 0; i < count; ++i, ends.remove_prefix(end_bytes)) {
    std::uint32_t length = 0;
    std::memcpy(&length, ends.data() + 1, sizeof length);
    const int index = static_cast<int>(i) + 1;
    if (ends.front() == 't') statement.bind(index, key.substr(0, length));
    if (ends.front() == 'n') statement.bind_null(index);
    if (ends.front() == 'i') {
      std::uint64_t ordered = 0;
      std::memcpy(&ordered, key.data(), sizeof ordered);
      statement.bind(index, static_cast<std::int64_t>(std::byteswap(ordered) ^ (std::uint64_t{1} << 63u)));
    }
    key.remove_prefix(length);
  }
}

}  // namespace

// One statement, and what it is to be run with.
struct Sums::Kept {
  struct Row {
    std::uint32_t key_at;
    std::uint32_t key_size;
  };
  // Half of the hash, so that most other keys are told apart without looking at them. row + 1; 0: free.
  struct Slot {
    std::uint32_t hash;
    std::uint32_t row;
  };

  [[nodiscard]] std::string_view key(std::size_t row) const {
    return std::string_view(keys_text).substr(rows[row].key_at, rows[row].key_size);
  }
  static std::uint32_t hash_of(std::string_view text) {
    return static_cast<std::uint32_t>(std::hash<std::string_view>{}(text) >> 32u);
  }

  // The row of this key, made with zeros where there was none.
  std::size_t row_of(std::string_view wanted) {
    if ((rows.size() + 1) * 2 > slots.size()) grow();
    const std::uint32_t hash = hash_of(wanted);
    for (std::size_t at = hash & (slots.size() - 1);; at = (at + 1) & (slots.size() - 1)) {
      const Slot slot = slots[at];
      if (slot.row == 0) {
        slots[at] = {hash, append(wanted)};
        return rows.size() - 1;
      }
      if (slot.hash == hash && key(slot.row - 1) == wanted) return slot.row - 1;
    }
  }

  std::uint32_t append(std::string_view fresh) {
    rows.push_back({static_cast<std::uint32_t>(keys_text.size()), static_cast<std::uint32_t>(fresh.size())});
    keys_text.append(fresh);
    sums.resize(sums.size() + amounts);
    return static_cast<std::uint32_t>(rows.size());
  }

  void grow() {
    slots.assign(std::max<std::size_t>(64, slots.size() * 2), Slot{});
    for (std::uint32_t row = 0; row < rows.size(); ++row) {
      const std::uint32_t hash = hash_of(key(row));
      std::size_t at = hash & (slots.size() - 1);
      while (slots[at].row != 0) at = (at + 1) & (slots.size() - 1);
      slots[at] = {hash, row + 1};
    }
  }

  // As many places as were of use this time, or a batch of one event would pay for the largest ever.
  void clear() {
    slots.assign(std::min(slots.size(), std::bit_ceil(std::max<std::size_t>(64, rows.size() * 2))), Slot{});
    rows.clear();
    keys_text.clear();
    sums.clear();
  }

  // In the order of the keys: neighbours in a table that is kept by its key.
  result<void> write(sqlite::Connection& db) {
    std::vector<std::uint32_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
    STELE_TRY(sqlite::Statement * statement, db.cached(sql));
    for (const std::uint32_t row : order) {
      bind_key(*statement, key(row), keys);
      for (std::size_t i = 0; i < amounts; ++i)
        statement->bind(static_cast<int>(keys + i) + 1, sums[row * amounts + i]);
      STELE_CHECK(statement->run());
    }
    return {};
  }

  std::string sql;
  std::size_t keys = 0;
  std::size_t amounts = 0;
  std::vector<Slot> slots;  // a power of two, at most half full
  std::vector<Row> rows;
  std::string keys_text;
  std::vector<std::int64_t> sums;
  KeyText key_text;
};

Sums::Sums() = default;
Sums::~Sums() = default;

// A statement is checked once, with its first amount.
result<Sums::Kept*> Sums::kept_for(sqlite::Connection& db, std::string_view sql, std::size_t keys,
                                   std::size_t amounts) {
  for (const auto& one : statements_)
    if (one->sql == sql && one->keys == keys && one->amounts == amounts) return one.get();
  STELE_TRY(const sqlite::Statement* statement, db.cached(sql));
  if (statement->only_reads() || statement->columns() > 0)
    return Error(errc::invalid, "amounts are added by a statement that changes rows and answers none")
        .with("sql", std::string(sql));
  if (static_cast<std::size_t>(statement->parameters()) != keys + amounts || amounts == 0)
    return Error(errc::invalid, "the statement takes " + std::to_string(statement->parameters()) +
                                    " values, " + std::to_string(keys) + " keys and " +
                                    std::to_string(amounts) + " amounts were given")
        .with("sql", std::string(sql));
  auto fresh = std::make_unique<Kept>();
  fresh->sql = sql;
  fresh->keys = keys;
  fresh->amounts = amounts;
  return statements_.emplace_back(std::move(fresh)).get();
}

result<void> Sums::add(sqlite::Connection& db, std::string_view sql, std::span<const SqlValue> keys,
                       std::span<const SqlValue> amounts) {
  STELE_TRY(Kept * kept, kept_for(db, sql, keys.size(), amounts.size()));
  const auto whole = [](const SqlValue& amount) {
    return std::holds_alternative<std::int64_t>(amount.get());
  };
  if (!std::ranges::all_of(amounts, whole)) return wrong_amount(sql);
  const auto key = kept->key_text.of(keys);
  if (kept->rows.size() >= most_kept_rows || kept->keys_text.size() + key.size() > most_key_bytes)
    STELE_CHECK(write(db));
  std::size_t row = kept->row_of(key);
  const auto fits = [&](std::size_t i) {
    std::int64_t sum = 0;
    return !__builtin_add_overflow(kept->sums[row * amounts.size() + i],
                                   std::get<std::int64_t>(amounts[i].get()), &sum);
  };
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    if (fits(i)) continue;
    STELE_CHECK(write(db));  // what does not fit here is for the table to take or refuse
    row = kept->row_of(key);
    break;
  }
  for (std::size_t i = 0; i < amounts.size(); ++i)
    kept->sums[row * amounts.size() + i] += std::get<std::int64_t>(amounts[i].get());
  kept_ = true;
  if (at_once_ > 0) return write(db);
  return {};
}

result<void> Sums::write_one_by_one(sqlite::Connection& db) {
  for (const auto& kept : statements_) STELE_CHECK(kept->write(db));
  return {};
}

result<void> Sums::write(sqlite::Connection& db) {
  if (empty()) return {};
  auto written = write_one_by_one(db);
  forget();
  if (!written) at_once_ = careful_commits;
  return written;
}

// The statements stay for the next batch, and so does their memory.
void Sums::forget() {
  if (empty()) return;
  for (const auto& kept : statements_)
    if (!kept->rows.empty()) kept->clear();
  kept_ = false;
}

void Sums::committed() {
  STELE_ASSERT(empty(), "nothing is kept back behind a commit", statements_.size());
  if (at_once_ > 0) --at_once_;
}

}  // namespace stele::targets
