// rebuild_load.cpp - the same two events folded twice, with the same reader of JSON.
#include "cli/bench/rebuild_load.hpp"

#include <string>
#include <string_view>
#include <unordered_map>

#include "cli/bench/pace.hpp"
#include "stele/decider.hpp"
#include "stele/decimal.hpp"
#include "stele/sqlite.hpp"

namespace stele::cli::bench {
namespace ledger {

struct MoneyDeposited {
  Money amount;
};
STELE_EVENT(MoneyDeposited, 1, amount);

struct MoneyWithdrawn {
  Money amount;
};
STELE_EVENT(MoneyWithdrawn, 1, amount);

struct Balances {
  static constexpr std::string_view name = "bench-balances";
  static constexpr int version = 1;
  static constexpr std::string_view schema =
      "CREATE TABLE balance(account TEXT PRIMARY KEY, cents INTEGER NOT NULL) STRICT, WITHOUT ROWID";
  using Events = stele::events<MoneyDeposited, MoneyWithdrawn>;

  static result<void> add(SqliteModel& model, std::string_view account, std::int64_t cents) {
    STELE_CHECK(
        model.run("INSERT INTO balance VALUES(?1, ?2) ON CONFLICT(account) DO UPDATE SET cents = cents + "
                  "excluded.cents",
                  {account, cents}));
    return {};
  }
  static result<void> project(SqliteModel& model, const MoneyDeposited& event, const EventView& at) {
    return add(model, at.stream, event.amount.units());
  }
  static result<void> project(SqliteModel& model, const MoneyWithdrawn& event, const EventView& at) {
    return add(model, at.stream, -event.amount.units());
  }
};

}  // namespace ledger

namespace {

constexpr std::size_t rebuild_batch = 1024;
constexpr std::chrono::seconds rebuild_step{1};  // how often a request to stop is looked at

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
};
using AccountCents = std::unordered_map<std::string, std::int64_t, NameHash, std::equal_to<>>;

struct MemoryModel {
  AccountCents accounts;
  std::string_view stream;
  void add(std::int64_t cents) {
    const auto found = accounts.find(stream);
    auto& sum = found != accounts.end() ? found->second : accounts[std::string(stream)];
    sum += cents;
  }
};

struct MemoryBalances {
  using Events = ledger::Balances::Events;
  static void project(MemoryModel& model, const ledger::MoneyDeposited& event) {
    model.add(event.amount.units());
  }
  static void project(MemoryModel& model, const ledger::MoneyWithdrawn& event) {
    model.add(-event.amount.units());
  }
};

}  // namespace

result<RebuildMeasured> rebuild_in_memory(EventStore& store) {
  MemoryModel model;
  RebuildMeasured measured;
  const auto begin = Clock::now();
  STELE_TRY(const auto cursor, store.read({.query = events_of<MemoryBalances>(), .from = {}}));
  while (true) {
    STELE_TRY(const auto events, cursor->next_batch(rebuild_batch));
    if (events.empty()) break;
    for (const auto& event : events) {
      model.stream = event.stream;
      STELE_TRY([[maybe_unused]] const bool listed,
                each_event<MemoryBalances::Events>(
                    event, [&](const auto& one) { MemoryBalances::project(model, one); }));
    }
    measured.events += events.size();
  }
  measured.seconds = seconds_since(begin);
  measured.accounts = model.accounts.size();
  for (const auto& [account, cents] : model.accounts) measured.cents += cents;
  return measured;
}

result<RebuildMeasured> rebuild_in_sqlite(EventStore& store, const std::filesystem::path& models,
                                          const std::stop_token& stop) {
  RebuildMeasured measured;
  const auto head = store.head();
  const auto begin = Clock::now();
  STELE_TRY(const auto target, SqliteTarget::open(models, sqlite_projection<ledger::Balances>()));
  Runner runner(store, target);
  runner.start();
  while (true) {
    const auto reached = runner.wait(head.position, rebuild_step);
    if (reached) break;
    if (reached.error().kind() != errc::timeout) return reached.error();
    if (stop.stop_requested()) return reached.error();
  }
  measured.seconds = seconds_since(begin);
  runner.stop();
  measured.events = runner.status().applied;
  STELE_TRY(auto model, target->snapshot());
  STELE_CHECK(
      model.first("SELECT count(*), coalesce(sum(cents), 0) FROM balance", {}, [&](const SqlRow& row) {
        measured.accounts = static_cast<std::uint64_t>(row.integer(0));
        measured.cents = row.integer(1);
      }));
  return measured;
}

}  // namespace stele::cli::bench
