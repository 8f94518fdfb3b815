// stele.cpp - stele itself as one of the compared, embedded, through its public headers and nothing else.
#include "stele/store.hpp"

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "rival.hpp"
#include "stele/decider.hpp"
#include "stele/decimal.hpp"
#include "stele/sqlite.hpp"

namespace stele::compare {
namespace {

constexpr std::size_t cursor_batch = 1024;

AppendRequest request_of(const Append& append) {
  AppendRequest request;
  auto& write = request.writes.emplace_back();
  write.stream = append.stream;
  write.expected = append.expected == 0 ? ExpectedVersion::no_stream()
                                        : ExpectedVersion::exact(Revision(append.expected - 1));
  for (std::uint64_t i = 0; i < append.count; ++i) {
    auto& event = write.events.emplace_back();
    event.id = Uuid(fresh_id());
    event.type = event_type;
    event.data = payload();
  }
  return request;
}

// ---- The read model

struct MoneyDeposited {
  Money amount;
};
STELE_EVENT(MoneyDeposited, 1, amount);

constexpr std::string_view upsert_balance =
    "INSERT INTO balance VALUES(?1, ?2) ON CONFLICT(account) DO UPDATE SET cents = cents + excluded.cents";

struct SummedBalances {
  static constexpr std::string_view name = "balances";
  static constexpr int version = 1;
  static constexpr std::string_view schema =
      "CREATE TABLE balance(account TEXT PRIMARY KEY, cents INTEGER NOT NULL) STRICT, WITHOUT ROWID";
  using Events = stele::events<MoneyDeposited>;
  static result<void> project(SqliteModel& model, const MoneyDeposited& event, const EventView& at) {
    return model.add(upsert_balance, {at.stream}, {event.amount});
  }
};

struct EachBalances : SummedBalances {
  static constexpr std::string_view name = "balances-each";
  static result<void> project(SqliteModel& model, const MoneyDeposited& event, const EventView& at) {
    STELE_CHECK(model.run(upsert_balance, {at.stream, event.amount}));
    return {};
  }
};

class SteleConnection final : public Connection {
 public:
  explicit SteleConnection(EventStore& store) : store_(store) {}
  result<void> append(const Append& append) override {
    STELE_CHECK(store_.append(request_of(append)));
    return {};
  }

 private:
  EventStore& store_;
};

class StelePipeline final : public Pipeline {
 public:
  explicit StelePipeline(EventStore& store) : store_(store) {}

  result<void> send(const Append& append, std::uint32_t slot) override {
    store_.append_async(request_of(append), [this, slot](const result<AppendResult>& outcome) {
      const std::lock_guard lock(mutex_);
      if (!outcome && !failed_) failed_ = outcome.error();
      ready_.push_back(slot);
      if (ready_.size() == 1) arrived_.notify_one();
    });
    return {};
  }
  result<void> receive(std::vector<std::uint32_t>& slots) override {
    slots.clear();
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !ready_.empty(); });
    slots.swap(ready_);
    if (failed_) return *failed_;
    return {};
  }

 private:
  EventStore& store_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::uint32_t> ready_;
  std::optional<Error> failed_;
};

class Stele final : public Rival {
 public:
  Stele(std::unique_ptr<EventStore> store, std::string models)
      : store_(std::move(store)), models_(std::move(models)) {}

  [[nodiscard]] std::string durability() const override { return "fdatasync, group commit"; }
  result<std::unique_ptr<Connection>> connect() override {
    return std::make_unique<SteleConnection>(*store_);
  }
  result<std::unique_ptr<Pipeline>> pipeline() override { return std::make_unique<StelePipeline>(*store_); }

  // One append of many streams each time.
  result<void> append_all(std::span<const Append> appends) override {
    for (; !appends.empty(); appends = appends.subspan(std::min<std::size_t>(appends.size(), 500))) {
      AppendRequest request;
      for (const auto& append : appends.first(std::min<std::size_t>(appends.size(), 500)))
        request.writes.push_back(std::move(request_of(append).writes.front()));
      STELE_CHECK(store_->append(std::move(request)));
    }
    return {};
  }

  result<std::uint64_t> replay(const OnEvent& event) override {
    STELE_TRY(const auto cursor, store_->read({.query = Query::all(), .from = {}}));
    return walk(*cursor, event);
  }
  result<std::uint64_t> load(const std::string& stream) override {
    STELE_TRY(const auto cursor, store_->read_stream({.stream = stream, .from = {}}));
    return walk(*cursor, {});
  }
  result<Balances> rebuild(bool each) override {
    std::filesystem::remove_all(models_);
    STELE_TRY(const auto target, SqliteTarget::open(models_, each ? sqlite_projection<EachBalances>()
                                                                  : sqlite_projection<SummedBalances>()));
    Runner runner(*store_, target);
    runner.start();
    STELE_CHECK(runner.wait(store_->head().position, std::chrono::hours(1)));
    Balances balances{.events = runner.status().applied};
    STELE_TRY(auto model, target->snapshot());
    STELE_CHECK(model.first("SELECT sum(cents) FROM balance", {},
                            [&](const SqlRow& row) { balances.cents = row.integer(0); }));
    return balances;
  }

 private:
  static result<std::uint64_t> walk(Cursor& cursor, const OnEvent& event) {
    std::uint64_t events = 0;
    while (true) {
      STELE_TRY(const auto batch, cursor.next_batch(cursor_batch));
      if (batch.empty()) return events;
      events += batch.size();
      if (!event) continue;
      for (const auto& one : batch) event(one.stream, one.data);
    }
  }

  std::unique_ptr<EventStore> store_;
  std::string models_;
};

}  // namespace

result<std::unique_ptr<Rival>> open_rival(const Place& place) {
  STELE_TRY(auto store, open(place.directory + "/store"));
  return std::make_unique<Stele>(std::move(store), place.directory + "/models");
}

}  // namespace stele::compare
