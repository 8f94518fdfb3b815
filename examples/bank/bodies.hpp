// bodies.hpp - what the bank's HTTP requests and answers look like, as plain structs; field names become
// camelCase on the wire. Events and commands have their own shapes (account.hpp): these may change, those may
// not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bank/views.hpp"
#include "stele/decimal.hpp"
#include "stele/types.hpp"

namespace bank {

// ---- Asked

struct OpenBody {
  std::optional<std::string> account_id;  // none: the bank gives one
  std::string owner;
};
struct AmountBody {
  Money amount;
  std::optional<std::string> description;
};
struct TransferBody {
  std::string from_account_id;
  std::string to_account_id;
  Money amount;
  std::optional<std::string> description;
};

// ---- Answered

// What a command has made of an account, known from the decision itself: no read model has to be asked.
struct Booked {
  std::uint64_t version = 0;
  std::uint64_t position = 0;
  std::string account_id;
  Money balance;
};
struct BookedSide {
  std::string account_id;
  std::uint64_t version = 0;
  Money balance;
};
struct BookedTransfer {
  std::uint64_t position = 0;
  BookedSide from;
  BookedSide to;
};

struct AccountPage {
  std::vector<AccountRow> accounts;
  std::optional<std::string> next;  // give it back as ?cursor=
};

// One row of the audit trail: what, when, who, why.
struct AuditRow {
  std::uint64_t version = 0;
  std::uint64_t position = 0;
  std::string event_type;
  std::optional<Money> amount;
  std::optional<std::string> description;
  std::optional<std::string> user_id;
  std::optional<std::string> correlation_id;
  std::optional<std::string> causation_id;
  stele::Timestamp created_at;
};
struct AuditPage {
  std::string account_id;
  std::vector<AuditRow> events;
  std::optional<std::string> next;
};

// What the fraud rule has found.
struct Suspicion {
  std::string account_id;
  std::uint64_t withdrawals = 0;
  Money total;
  stele::Timestamp since;
  stele::Timestamp until;
  std::uint64_t position = 0;
};
struct Suspicions {
  std::vector<Suspicion> suspicions;  // newest first
};

}  // namespace bank
