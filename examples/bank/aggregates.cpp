// aggregates.cpp - what of the bank can be looked at through time.
#include "bank/account.hpp"
#include "bank/bank.hpp"
#include "bank/vigilance.hpp"
#include "stele/history.hpp"

namespace bank {

std::shared_ptr<const stele::Aggregates> aggregates() { return stele::aggregates<Account, Vigilance>(); }

}  // namespace bank
