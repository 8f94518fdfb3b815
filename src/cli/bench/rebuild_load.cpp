// rebuild_load.cpp - the same two events folded twice, with the same reader of JSON.
#include "cli/bench/rebuild_load.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "cli/bench/log_source.hpp"
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
    return model.add(
        "INSERT INTO balance VALUES(?1, ?2) ON CONFLICT(account) DO UPDATE SET cents = cents + "
        "excluded.cents",
        {account}, {cents});
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
  static void project(auto& model, const ledger::MoneyDeposited& event) { model.add(event.amount.units()); }
  static void project(auto& model, const ledger::MoneyWithdrawn& event) { model.add(-event.amount.units()); }
};

// `model` has the stream of the event in hand.
template <class Model>
result<std::uint64_t> fold_into(Model& model, EventStore& store) {
  std::uint64_t count = 0;
  STELE_TRY(const auto cursor, store.read({.query = events_of<MemoryBalances>(), .from = {}}));
  while (true) {
    STELE_TRY(const auto events, cursor->next_batch(rebuild_batch));
    if (events.empty()) return count;
    for (const auto& event : events) {
      model.stream = event.stream;
      STELE_TRY([[maybe_unused]] const bool listed,
                each_event<MemoryBalances::Events>(
                    event, [&](const auto& one) { MemoryBalances::project(model, one); }));
    }
    count += events.size();
  }
}

struct MovementList {
  Movements movements;
  std::unordered_map<std::string, std::uint32_t, NameHash, std::equal_to<>> numbers;
  std::string_view stream;
  void add(std::int64_t cents) {
    auto found = numbers.find(stream);
    if (found == numbers.end()) {
      found = numbers.emplace(stream, static_cast<std::uint32_t>(numbers.size())).first;
      movements.accounts.emplace_back(stream);
    }
    movements.list.push_back({found->second, static_cast<std::int32_t>(cents)});
  }
};

result<void> read_sums(SqliteTarget& target, RebuildMeasured& measured) {
  STELE_TRY(auto model, target.snapshot());
  STELE_CHECK(
      model.first("SELECT count(*), coalesce(sum(cents), 0) FROM balance", {}, [&](const SqlRow& row) {
        measured.accounts = static_cast<std::uint64_t>(row.integer(0));
        measured.cents = row.integer(1);
      }));
  return {};
}

}  // namespace

result<Movements> movements_of(EventStore& store) {
  MovementList list;
  list.movements.list.reserve(store.head().position.value());
  STELE_CHECK(fold_into(list, store));
  return std::move(list.movements);
}

result<RebuildMeasured> rebuild_in_memory(EventStore& store) {
  MemoryModel model;
  RebuildMeasured measured;
  const auto begin = Clock::now();
  STELE_TRY(measured.events, fold_into(model, store));
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
  STELE_CHECK(read_sums(*target, measured));
  return measured;
}

// ---- Beside a model that serves

namespace {

// Appends and questions at their pace until it is destroyed.
class LiveTraffic {
 public:
  LiveTraffic(EventStore& store, SqliteTarget& target, const LiveRebuildPlan& plan, std::uint64_t accounts)
      : writer_([&store, plan, this](const std::stop_token& stop) { write(store, plan, stop); }),
        reader_([&target, plan, accounts, this](const std::stop_token& stop) {
          ask(target, plan, accounts, stop);
        }) {}

  result<void> finish() {
    for (auto* thread : {&writer_, &reader_}) {
      thread->request_stop();
      thread->join();
    }
    for (const auto* failed : {&not_written_, &not_answered_})
      if (*failed) return **failed;
    return {};
  }
  [[nodiscard]] std::uint64_t appended() const { return appended_; }
  [[nodiscard]] std::uint64_t questions() const { return questions_; }

 private:
  void write(EventStore& store, const LiveRebuildPlan& plan, const std::stop_token& stop) {
    Pace pace(Clock::now(), plan.appends_per_second);
    while (!stop.stop_requested() && !not_written_) {
      pace.wait_next(Clock::time_point::max());
      NewEvent event;
      event.type = "MoneyDeposited";
      event.data = R"({"amount":"1.00"})";
      AppendRequest request;
      request.writes.push_back({stream_of(appended_ % plan.streams), {}, {std::move(event)}});
      if (const auto done = store.append(std::move(request)); !done) not_written_ = done.error();
      ++appended_;
    }
  }

  // Every account is there from the beginning, and positions never step back, whichever model answers.
  result<void> ask_once(SqliteTarget& target, std::uint64_t accounts) {
    STELE_TRY(auto model, target.snapshot());
    std::uint64_t found = 0;
    STELE_CHECK(model.first("SELECT count(*) FROM balance", {},
                            [&](const SqlRow& row) { found = static_cast<std::uint64_t>(row.integer(0)); }));
    const bool whole = found == accounts && model.position() >= seen_;
    seen_ = model.position();
    if (whole) return {};
    return Error(errc::corrupt, "a question met a model that was not whole")
        .with("accounts", found)
        .with("position", seen_.value());
  }
  void ask(SqliteTarget& target, const LiveRebuildPlan& plan, std::uint64_t accounts,
           const std::stop_token& stop) {
    Pace pace(Clock::now(), plan.questions_per_second);
    for (; !stop.stop_requested() && !not_answered_; ++questions_) {
      pace.wait_next(Clock::time_point::max());
      if (const auto asked = ask_once(target, accounts); !asked) not_answered_ = asked.error();
    }
  }

  std::uint64_t appended_ = 0;
  std::uint64_t questions_ = 0;
  Position seen_;
  std::optional<Error> not_written_;
  std::optional<Error> not_answered_;
  std::jthread writer_;
  std::jthread reader_;
};

result<void> until_it_serves(Runner& runner, const std::stop_token& stop) {
  while (true) {
    const auto status = runner.status().rebuild;
    if (!status) return {};
    if (status->state == RebuildState::failed) return Error(errc::unavailable, status->reason);
    if (stop.stop_requested()) return Error(errc::unavailable, "interrupted");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

result<LiveRebuildMeasured> rebuild_beside(EventStore& store, const std::filesystem::path& models,
                                           const LiveRebuildPlan& plan, const std::stop_token& stop) {
  LiveRebuildMeasured measured;
  STELE_TRY(const auto target, SqliteTarget::open(models, sqlite_projection<ledger::Balances>()));
  Runner runner(store, target);
  runner.start();
  STELE_CHECK(runner.wait(store.head().position, std::chrono::minutes(10)));
  STELE_CHECK(read_sums(*target, measured.built));
  LiveTraffic traffic(store, *target, plan, measured.built.accounts);
  const auto begin = Clock::now();
  STELE_CHECK(runner.rebuild());
  STELE_CHECK(until_it_serves(runner, stop));
  measured.built.seconds = seconds_since(begin);
  measured.built.events = runner.position().value();
  STELE_CHECK(runner.rollback());
  STELE_CHECK(traffic.finish());
  STELE_CHECK(runner.wait(store.head().position, std::chrono::minutes(10)));
  STELE_CHECK(read_sums(*target, measured.built));
  measured.appended = traffic.appended();
  measured.questions = traffic.questions();
  return measured;
}

}  // namespace stele::cli::bench
