// vigilance.hpp - the bank's fraud rule: three withdrawals of 1000.00 or more from one account within ten minutes are
// suspicious. A saga follows the live feed and hands large withdrawals on; the account's file counts them and says once
// what it finds, whenever the process dies. It finds, it does not block: money that moved has moved.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bank/account.hpp"
#include "stele/saga.hpp"

namespace bank {

// ---- The file of one account

struct LargeWithdrawalNoted {
  std::string account_id;
  Money amount;
  stele::Timestamp at;
};
STELE_EVENT(LargeWithdrawalNoted, 1, account_id, amount, at);

struct SuspiciousActivityDetected {
  std::string account_id;
  std::uint64_t withdrawals;
  Money total;
  stele::Timestamp since;
  stele::Timestamp until;
};
STELE_EVENT(SuspiciousActivityDetected, 1, account_id, withdrawals, total, since, until);

struct NoteWithdrawal {
  std::string account_id;
  Money amount;
  stele::Timestamp at;  // when the money moved, not when it was noticed
};
STELE_COMMAND(NoteWithdrawal, account_id, amount, at);

struct NotLarge {
  Money amount;
};
STELE_REFUSAL(NotLarge, amount);

struct Vigilance : stele::aggregate<stele::commands<NoteWithdrawal>,
                                    stele::events<LargeWithdrawalNoted, SuspiciousActivityDetected>,
                                    stele::refusals<NotLarge>> {
  static constexpr std::string_view category = "Vigilance";
  static const std::string& id(const auto& command) { return command.account_id; }

  static constexpr Money large = Money::from_units(100'000);
  static constexpr std::size_t many = 3;
  static constexpr std::chrono::minutes window{10};

  struct Noted {
    Money amount;
    stele::Timestamp at;
  };
  struct State {
    std::vector<Noted> recent{};  // since the last finding, and not older than the window
  };

  static Decision decide(const NoteWithdrawal& c, const State& file) {
    if (c.amount < large) return stele::refuse(NotLarge{c.amount});
    const LargeWithdrawalNoted noted{c.account_id, c.amount, c.at};
    const auto recent = evolve(file, noted).recent;
    if (recent.size() < many) return stele::happened(noted);
    SuspiciousActivityDetected finding{c.account_id, recent.size(), {}, recent.front().at, c.at};
    for (const Noted& each : recent) finding.total += each.amount;
    return stele::happened(noted, finding);
  }

  static State evolve(const State& file, const LargeWithdrawalNoted& e) {
    State now;
    for (const Noted& each : file.recent)
      if (e.at - each.at <= window) now.recent.push_back(each);
    now.recent.push_back({e.amount, e.at});
    return now;
  }
  // A finding is told once: the next one needs withdrawals of its own.
  static State evolve(const State&, const SuspiciousActivityDetected&) { return {}; }
};
static_assert(stele::decider<Vigilance>);

// ---- Who looks

struct FraudWatch {
  static constexpr std::string_view name = "FraudWatch";
  using Reacts = stele::events<MoneyWithdrawn>;
  using Reaction = stele::reaction<Vigilance>;
  static std::string route(const MoneyWithdrawn& event) { return event.account_id; }
  struct State {};

  static Reaction on(const MoneyWithdrawn& e, const State&, const stele::Asked& withdrawn) {
    if (e.amount < Vigilance::large) return {};
    return Reaction().send(NoteWithdrawal{e.account_id, e.amount, withdrawn.at});
  }
};
static_assert(stele::saga<FraudWatch>);

}  // namespace bank
