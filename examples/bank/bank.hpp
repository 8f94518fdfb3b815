// bank.hpp - the bank as an application: its read models on a store, and its HTTP addresses on a stele::App.
// What makes it a process (directories, ports, signals) is the caller's; `stele demo` is one such caller.
//
//   POST /api/accounts                       {"accountId"?, "owner"}         open an account
//   POST /api/accounts/{id}/deposit          {"amount", "description"?}
//   POST /api/accounts/{id}/withdraw         {"amount", "description"?}
//   POST /api/accounts/{id}/close
//   POST /api/transfers                      {"fromAccountId", "toAccountId", "amount", "description"?}
//   GET  /api/accounts                       ?limit=&cursor=
//   GET  /api/accounts/{id}/summary          ?as_of= or ?after_version=, ?after_position=; live too
//   GET  /api/accounts/{id}/history          ?as_of=&limit=&cursor=, the audit trail, from the stream itself
//   GET  /api/accounts/{id}/statement        ?month=2026-03
//   GET  /api/suspicions                     ?limit=, what the fraud rule has found, newest first
//
// Amounts are JSON strings or numbers with at most two decimals, and strings in answers.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "stele/app.hpp"
#include "stele/projection.hpp"
#include "stele/saga.hpp"

namespace stele {
struct Aggregates;
}

namespace bank {

// What the bank answers for when somebody looks through time (stele/history.hpp).
[[nodiscard]] std::shared_ptr<const stele::Aggregates> aggregates();

// Commands and queries share the log and nothing else, so each side may be a process of its own: the one with the
// commands writes the store, the other follows it read-only and has the read models.
enum class Side : std::uint8_t { both, commands, queries };

struct BankOptions {
  Side side = Side::both;
  std::chrono::microseconds hold_back{0};  // read models lag by this, to show what waiting is for
  // The fraud rule looks at what was recorded after this; what is before it is taken for known. Must stay the same as
  // long as the store lives.
  stele::Timestamp watch_after{};
};

class Bank {
 public:
  // Opens the read models in the folder `models` and starts to keep them up to date. `store` must outlive the
  // bank. Errors: as SqliteTarget::open.
  static stele::result<std::unique_ptr<Bank>> open(stele::EventStore& store,
                                                   const std::filesystem::path& models,
                                                   BankOptions options = {});
  ~Bank();
  Bank(const Bank&) = delete;
  Bank& operator=(const Bank&) = delete;

  // Adds addresses, readiness and metrics. The bank must outlive the server.
  void attach(stele::App& app);
  [[nodiscard]] stele::Projections& projections() const;  // none on the side of the commands
  // Sends commands, so it must not be asked for on the side of the queries.
  [[nodiscard]] stele::SagaRunner& fraud_watch() const;

 private:
  struct Impl;
  explicit Bank(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bank
