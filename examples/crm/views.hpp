// views.hpp - what people ask about users, and the read models that answer: each user as they are now, and who was
// premium from when to when, so that any past instant can be asked about without folding the log again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crm/user.hpp"
#include "stele/sqlite.hpp"
#include "stele/wire.hpp"

namespace crm {

// ---- Answers

struct UserDocument {
  std::string user_id;
  std::string first_name;
  std::string last_name;
  std::string email;
  std::string status;  // "basic", "premium" or "deactivated"
  std::optional<stele::Timestamp> premium_since;
  std::uint64_t version = 0;  // the revision of the user's last event
};

struct PremiumCount {
  stele::Timestamp at;
  std::uint64_t premium = 0;
  std::uint64_t users = 0;  // registered by then and not deactivated
};

// ---- Models

struct Users {
  static constexpr std::string_view name = "users";
  static constexpr int version = 1;
  static constexpr std::string_view category = User::category;
  static constexpr std::string_view schema =
      "CREATE TABLE user(id TEXT PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL,"
      " email TEXT NOT NULL, status TEXT NOT NULL, premium_since INTEGER, version INTEGER NOT NULL)"
      " STRICT, WITHOUT ROWID";
  using Events = User::Events;
  using Done = stele::result<void>;
  static Done project(stele::SqliteModel& model, const CustomerRegistered& e, const stele::EventView& at);
  static Done project(stele::SqliteModel& model, const PremiumStarted& e, const stele::EventView& at);
  static Done project(stele::SqliteModel& model, const PremiumEnded& e, const stele::EventView& at);
  static Done project(stele::SqliteModel& model, const UserDeactivated& e, const stele::EventView& at);
};

// A row for each time somebody was a member of something: from its first instant to, but not with, its last.
struct Memberships {
  static constexpr std::string_view name = "memberships";
  static constexpr int version = 1;
  static constexpr std::string_view category = User::category;
  static constexpr std::string_view schema =
      "CREATE TABLE membership(kind TEXT NOT NULL, user TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER,"
      " revision INTEGER NOT NULL, PRIMARY KEY(kind, user, revision)) STRICT, WITHOUT ROWID;"
      "CREATE INDEX membership_since ON membership(kind, since)";
  using Events = User::Events;
  using Done = stele::result<void>;
  static Done project(stele::SqliteModel& model, const CustomerRegistered& e, const stele::EventView& at);
  static Done project(stele::SqliteModel& model, const PremiumStarted& e, const stele::EventView& at);
  static Done project(stele::SqliteModel& model, const PremiumEnded& e, const stele::EventView& at);
  static Done project(stele::SqliteModel& model, const UserDeactivated& e, const stele::EventView& at);
};

// ---- Questions

// Errors: not_found.
[[nodiscard]] stele::result<UserDocument> user_of(stele::SqliteSnapshot& users, std::string_view user_id);

// How many were premium at that instant, everything that happened in it included.
[[nodiscard]] stele::result<PremiumCount> premium_at(stele::SqliteSnapshot& memberships, stele::Timestamp at);

// The last microsecond of a month, "2026-06"; nothing when it is no month.
[[nodiscard]] std::optional<stele::Timestamp> end_of_month(std::string_view month);

}  // namespace crm
