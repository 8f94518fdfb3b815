// summary_feed.cpp - clients by account, and the message they get.
#include "bank/summary_feed.hpp"

namespace bank {

SummaryFeed::SummaryFeed(stele::Runner& runner, stele::SqliteTarget& accounts)
    : accounts_(accounts),
      watch_(runner.on_change([this](const stele::ModelChange& change) { changed(change); })) {}

void SummaryFeed::add(const std::string& account_id, std::shared_ptr<stele::EventStream> client) {
  const std::lock_guard lock(mutex_);
  forget_who_left();
  clients_[account_id].push_back(client);
  send(account_id, {std::move(client)});
}

void SummaryFeed::changed(const stele::ModelChange& change) {
  const std::lock_guard lock(mutex_);
  for (const auto& key : change.keys)
    if (const auto found = clients_.find(key); found != clients_.end()) send(key, found->second);
}

// The same version may be told twice (a change that is announced after its state was sent), none is left out for good.
// A model that cannot be read now is read at the next change; the client keeps what it has.
void SummaryFeed::send(const std::string& account_id, const Clients& to) {
  auto snapshot = accounts_.snapshot();
  if (!snapshot) return;
  const auto summary = summary_of(*snapshot, account_id);
  if (!summary) return;
  const stele::LiveMessage message{
      .data = stele::to_json(*summary), .event = "summary", .id = std::to_string(summary->version)};
  for (const auto& client : to) client->send_latest(message);
}

void SummaryFeed::forget_who_left() {
  for (auto account = clients_.begin(); account != clients_.end();) {
    std::erase_if(account->second, [](const auto& client) { return !client->open(); });
    account = account->second.empty() ? clients_.erase(account) : std::next(account);
  }
}

}  // namespace bank
