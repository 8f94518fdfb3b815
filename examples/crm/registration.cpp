// registration.cpp - asks the log for the address, then the user's own rules.
#include "crm/registration.hpp"

namespace crm {

stele::result<stele::Outcome<User::Refusals>> register_customer(stele::EventStore& store,
                                                                const RegisterCustomer& command,
                                                                const stele::Context& context,
                                                                const stele::HandleOptions& options) {
  const auto decide = [&](stele::Work<User::Refusals>& work) -> stele::result<void> {
    STELE_TRY(auto user, work.load<User>(command.user_id, options.expected));
    if (!work.ask(user, command)) return {};
    STELE_TRY(const bool held, work.taken<UserDeactivated>("email", command.email));
    if (held) work.refuse(EmailTaken{command.email});
    return {};
  };
  return stele::transact<User::Refusals>(store, command, context, options, decide);
}

}  // namespace crm
