// sums.hpp - what a batch adds to rows, kept back and written once per row: SqliteModel::add. Knows statements and
// their values, not what they mean; when to write is the model's business.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/sqlite.hpp"
#include "stele/sqlite.hpp"

namespace stele::targets {

// Threading: one thread, the projecting one.
class Sums {
 public:
  Sums();
  ~Sums();
  Sums(const Sums&) = delete;
  Sums& operator=(const Sums&) = delete;

  result<void> add(sqlite::Connection& db, std::string_view sql, std::span<const SqlValue> keys,
                   std::span<const SqlValue> amounts);
  [[nodiscard]] bool empty() const { return !kept_; }
  // Writes everything that is kept back. After an error nothing is kept, and the batch has to be rolled back; the next
  // ones write at once, so that the event shows whose amount was refused.
  result<void> write(sqlite::Connection& db);
  // Nothing of the batch counts.
  void forget();
  void committed();

 private:
  struct Kept;

  result<Kept*> kept_for(sqlite::Connection& db, std::string_view sql, std::size_t keys, std::size_t amounts);
  result<void> write_one_by_one(sqlite::Connection& db);

  std::vector<std::unique_ptr<Kept>> statements_;  // in the order of their first use
  bool kept_ = false;                              // whether any amount is
  std::uint64_t at_once_ = 0;                      // commits until amounts are kept back again
};

}  // namespace stele::targets
