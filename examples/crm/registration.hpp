// registration.hpp - a new user, under an e-mail address that nobody else has. One decision over a stream and the whole
// log: of any number who register with the same address at once, one does.
#pragma once

#include "crm/user.hpp"

namespace crm {

// Errors as stele::transact.
[[nodiscard]] stele::result<stele::Outcome<User::Refusals>> register_customer(
    stele::EventStore& store, const RegisterCustomer& command, const stele::Context& context = {},
    const stele::HandleOptions& options = {});

}  // namespace crm
