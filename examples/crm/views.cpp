// views.cpp - how each event changes the read models of the crm, and the questions put to them.
#include "crm/views.hpp"

#include <charconv>

namespace crm {
namespace {

using stele::EventView;
using stele::result;
using stele::SqliteModel;
using stele::SqlRow;

constexpr std::string_view registered = "registered";
constexpr std::string_view premium = "premium";

std::string_view user_in(const EventView& at) { return at.stream.substr(User::category.size() + 1); }

result<void> done(const result<std::int64_t>& ran) {
  if (!ran) return ran.error();
  return {};
}

result<void> set_status(SqliteModel& model, const EventView& at, std::string_view status,
                        std::optional<stele::Timestamp> since) {
  model.changed(user_in(at));
  return done(model.run("UPDATE user SET status = ?2, premium_since = ?3, version = ?4 WHERE id = ?1",
                        {user_in(at), status, since, at.revision}));
}

result<void> begin_membership(SqliteModel& model, const EventView& at, std::string_view kind) {
  return done(model.run("INSERT INTO membership VALUES(?, ?, ?, NULL, ?)",
                        {kind, user_in(at), at.recorded_at, at.revision}));
}
result<void> end_membership(SqliteModel& model, const EventView& at, std::string_view kind) {
  return done(model.run("UPDATE membership SET until = ?3 WHERE kind = ?1 AND user = ?2 AND until IS NULL",
                        {kind, user_in(at), at.recorded_at}));
}

result<std::uint64_t> members_at(stele::SqliteSnapshot& memberships, std::string_view kind,
                                 stele::Timestamp at) {
  std::uint64_t count = 0;
  STELE_CHECK(memberships.first(
      "SELECT count(*) FROM membership WHERE kind = ?1 AND since <= ?2 AND (until IS NULL OR until > ?2)",
      {kind, at}, [&](const SqlRow& row) { count = static_cast<std::uint64_t>(row.integer(0)); }));
  return count;
}

// Digits only, all of them.
std::optional<unsigned> number_of(std::string_view text) {
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

// ---- users

Users::Done Users::project(SqliteModel& model, const CustomerRegistered& e, const EventView& at) {
  model.changed(user_in(at));
  return done(model.run("INSERT OR REPLACE INTO user VALUES(?, ?, ?, ?, 'basic', NULL, ?)",
                        {user_in(at), e.first_name, e.last_name, e.email, at.revision}));
}
Users::Done Users::project(SqliteModel& model, const PremiumStarted&, const EventView& at) {
  return set_status(model, at, "premium", at.recorded_at);
}
Users::Done Users::project(SqliteModel& model, const PremiumEnded&, const EventView& at) {
  return set_status(model, at, "basic", {});
}
Users::Done Users::project(SqliteModel& model, const UserDeactivated&, const EventView& at) {
  return set_status(model, at, "deactivated", {});
}

// ---- memberships

Memberships::Done Memberships::project(SqliteModel& model, const CustomerRegistered&, const EventView& at) {
  return begin_membership(model, at, registered);
}
Memberships::Done Memberships::project(SqliteModel& model, const PremiumStarted&, const EventView& at) {
  return begin_membership(model, at, premium);
}
Memberships::Done Memberships::project(SqliteModel& model, const PremiumEnded&, const EventView& at) {
  return end_membership(model, at, premium);
}
Memberships::Done Memberships::project(SqliteModel& model, const UserDeactivated&, const EventView& at) {
  return end_membership(model, at, registered);
}

// ---- Questions

result<UserDocument> user_of(stele::SqliteSnapshot& users, std::string_view user_id) {
  UserDocument user;
  STELE_TRY(const bool found,
            users.first("SELECT id, first_name, last_name, email, status, premium_since, version FROM user"
                        " WHERE id = ?",
                        {user_id}, [&](const SqlRow& row) {
                          user.user_id = row.text(0);
                          user.first_name = row.text(1);
                          user.last_name = row.text(2);
                          user.email = row.text(3);
                          user.status = row.text(4);
                          if (!row.is_null(5)) user.premium_since = row.time(5);
                          user.version = static_cast<std::uint64_t>(row.integer(6));
                        }));
  if (!found)
    return stele::Error(stele::errc::not_found, "there is no user " + std::string(user_id))
        .with("user", std::string(user_id));
  return user;
}

result<PremiumCount> premium_at(stele::SqliteSnapshot& memberships, stele::Timestamp at) {
  PremiumCount count{.at = at};
  STELE_TRY(count.premium, members_at(memberships, premium, at));
  STELE_TRY(count.users, members_at(memberships, registered, at));
  return count;
}

std::optional<stele::Timestamp> end_of_month(std::string_view month) {
  if (month.size() != 7 || month[4] != '-') return std::nullopt;
  const auto year = number_of(month.substr(0, 4));
  const auto number = number_of(month.substr(5));
  if (!year || !number || *number < 1 || *number > 12) return std::nullopt;
  const auto next =
      std::chrono::year_month(std::chrono::year(static_cast<int>(*year)), std::chrono::month(*number)) +
      std::chrono::months(1);
  return stele::Timestamp(std::chrono::sys_days(next / 1)) - std::chrono::microseconds(1);
}

}  // namespace crm
