// aggregates.cpp - what of the crm can be looked at through time.
#include "crm/crm.hpp"
#include "crm/user.hpp"
#include "stele/history.hpp"

namespace crm {

std::shared_ptr<const stele::Aggregates> aggregates() { return stele::aggregates<User>(); }

}  // namespace crm
