// summary_feed.hpp - tells people who look at an account's summary when it changes. One reading of the model
// per change and account, however many look on.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bank/views.hpp"
#include "stele/app.hpp"

namespace bank {

class SummaryFeed {
 public:
  // Both must outlive it.
  SummaryFeed(stele::Runner& runner, stele::SqliteTarget& accounts);

  // Sends the summary as it is, then each newer one that the client has room for; skipped ones are only the
  // outdated.
  void add(const std::string& account_id, std::shared_ptr<stele::EventStream> client);

 private:
  using Clients = std::vector<std::shared_ptr<stele::EventStream>>;
  void changed(const stele::ModelChange& change);
  void send(const std::string& account_id, const Clients& to);
  void forget_who_left();

  stele::SqliteTarget& accounts_;
  std::mutex mutex_;  // held while reading and sending, so that nobody gets an older state after a newer one
  std::map<std::string, Clients, std::less<>> clients_;
  std::unique_ptr<stele::Watch> watch_;  // last: ends before the rest goes
};

}  // namespace bank
