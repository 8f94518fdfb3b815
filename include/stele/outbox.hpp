// outbox.hpp - effects outside the store: mail, payment providers, other systems. Not for read models, which may be
// built again at will (projection.hpp), and not for commands to aggregates (saga.hpp).
//
//   struct WelcomeMail {
//     static constexpr std::string_view name = "welcome-mail";          // persisted: never change it
//     using Events = stele::events<CustomerRegistered>;
//     Mailer& mailer;
//     stele::result<void> perform(const CustomerRegistered& e, const stele::EffectKey& key) {
//       return mailer.send(e.email, "Welcome!", key.text);               // the provider drops a repeated key
//     }
//   };
//   auto outbox = stele::Outbox::of(store, WelcomeMail{mailer});
//   STELE_TRY(stele::Runner* mails, projections.add(*outbox));
//
// What is promised
//   at least once  per event after the beginning. A repeat happens only when the process dies, or the record cannot
//                  be written, between the effect and the record that it was done; it carries the same key.
//   never again    for what lies before the recorded position: no replay, no rebuild, no new version of anything
//                  repeats an effect. When the log turns out to be another or shorter one (a restored backup), the
//                  outbox goes on at its head.
//   in order       by position. An effect that fails is retried by the Runner, then the Runner stops at it and says
//                  why; start() goes on at it, skip() before that goes on behind it.
//
// An old event that upcasting makes several (STELE_WAS) has an effect for each, in their order, each with a key of its
// own: the first one that is listed under Events has the event's, the others "<key>/1", "<key>/2". When one fails, the
// ones before it are done again, with the same keys.
//
// The first start of all begins at the head of the log, or after OutboxOptions::begin_after, and records that. Where
// an outbox stands is kept in Records (space "outbox"): unlike other positions kept there it cannot be found out from
// the log, so it belongs into the backup.
//
// Threading: as ProjectionTarget; skip() while the Runner does not run.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "stele/projection.hpp"

namespace stele {

// The same for every try of one effect for one event; different for everything else.
struct EffectKey {
  std::string text;  // "welcome-mail/90211"; of the second effect of one event: "welcome-mail/90211/1"
  Position position;
};

struct OutboxOptions {
  // Of the first start: effects are for events behind it. Nothing: the head of the log at that moment.
  std::optional<Position> begin_after{};
};

class Outbox final : public ProjectionTarget {
 public:
  // Events that the effect has nothing to do for are answered with success.
  using Perform = std::function<result<void>(const EventView& event, const EffectKey& key)>;

  // Errors: invalid (the name), or the store's.
  [[nodiscard]] static result<std::shared_ptr<Outbox>> open(EventStore& store, std::string name, Query events,
                                                            Perform perform, OutboxOptions options = {});
  // From a struct as above. decider.hpp must be included where this is used.
  template <class Effect>
  [[nodiscard]] static result<std::shared_ptr<Outbox>> of(EventStore& store, Effect effect,
                                                          OutboxOptions options = {});

  // Gives up the effects up to `position` that have not been done.
  result<void> skip(Position position);

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] const Query& events() const override { return events_; }
  [[nodiscard]] std::string note() const override;
  result<Checkpoint> checkpoint() override;
  result<void> reset() override;
  result<void> begin() override;
  result<void> apply(const EventView& event) override;
  result<std::vector<std::string>> commit(const Checkpoint& now) override;
  void rollback() override {}
  void passed(Position position) override;

 private:
  Outbox(EventStore& store, std::string name, Query events, Perform perform)
      : store_(store), name_(std::move(name)), events_(std::move(events)), perform_(std::move(perform)) {}
  result<void> adopt(const OutboxOptions& options);
  result<void> record(const Checkpoint& done);

  EventStore& store_;
  const std::string name_;
  const Query events_;
  const Perform perform_;
  mutable std::mutex mutex_;  // of the two below
  Checkpoint done_;
  std::string note_;
};

template <class Effect>
result<std::shared_ptr<Outbox>> Outbox::of(EventStore& store, Effect effect, OutboxOptions options) {
  auto shared = std::make_shared<Effect>(std::move(effect));
  const auto perform = [shared](const EventView& event, const EffectKey& key) -> result<void> {
    result<void> done;
    std::uint64_t number = 0;
    STELE_TRY([[maybe_unused]] const bool listed,
              each_event<typename Effect::Events>(event, [&](const auto& read) {
                EffectKey own = key;
                if (number > 0) own.text += "/" + std::to_string(number);
                ++number;
                if (done) done = shared->perform(read, own);
              }));
    return done;
  };
  return open(store, std::string(Effect::name), events_of<Effect>(), perform, options);
}

}  // namespace stele
