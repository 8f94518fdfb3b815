// saga_worker.hpp - the order of things in a saga: one pass over the log, in which events are reacted to and the
// saga's own steps are carried out; then the timers that are due. Does what can be done now and never waits; the
// thread and the waiting are saga_runner.cpp's.
//
// Because steps are events, one position is the whole checkpoint: what stands before it was reacted to and carried
// out, or waits in `troubles`.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "domain/saga_handler.hpp"
#include "domain/saga_troubles.hpp"
#include "domain/timer_table.hpp"
#include "stele/saga.hpp"

namespace stele::domain {

class SagaWorker {
 public:
  SagaWorker(EventStore& store, std::unique_ptr<detail::SagaKind> kind, SagaOptions options);

  // True: something was done, there may be more. Errors: the store's; nothing is lost, call again.
  result<bool> turn();
  // Ends a turn in progress early, until resume().
  void interrupt() { interrupted_ = true; }
  void resume() { interrupted_ = false; }
  // Writes the checkpoint when it has moved. An error stands in status().reason too, until it could be written.
  result<void> save();

  // When turn() will have something to do, apart from new events.
  [[nodiscard]] std::optional<Timestamp> next_due();
  [[nodiscard]] bool is_idle();
  [[nodiscard]] SagaStatus status() const;
  [[nodiscard]] std::vector<SagaTrouble> troubles() const;
  [[nodiscard]] std::vector<SagaTimer> timers(std::size_t most);
  [[nodiscard]] Clock& clock() const { return clock_; }
  result<void> retry(std::string_view instance);
  result<void> skip(std::string_view instance);

 private:
  result<void> open();
  result<void> adopt_checkpoint();
  result<bool> last_event_stands();
  result<void> write_checkpoint();
  [[nodiscard]] Query query() const;
  result<bool> deliver();
  void take(const EventView& event);
  bool retry_due();
  bool fire_due();
  void work_off(const std::string& instance);
  result<void> handle(const std::string& instance, const EventView& event);
  result<void> handle(const std::string& instance, const SagaItem& item, Position seen);
  result<void> handle_unread(const EventView& event);
  result<void> skip_event(const HeldInstance& held, Position position);
  result<std::string> instance_of(const EventView& event) const;
  result<void> fire(const std::string& instance, const std::string& timer, Position seen);
  void hold(const std::string& instance, const SagaItem& item, std::string what, const Error& why);
  [[nodiscard]] Position seen_before(const HeldInstance& held) const;
  [[nodiscard]] TimerTable::Waits held_ones();
  void publish();

  EventStore& store_;
  const std::unique_ptr<detail::SagaKind> kind_;
  const SagaOptions options_;
  Clock& clock_;
  std::atomic<bool> interrupted_ = false;

  // Guarded by work_, which is held while anything is handled.
  std::mutex work_;
  SagaHandler handler_;
  Troubles troubles_;
  TimerTable timers_;
  std::unique_ptr<Subscription> subscription_;
  Position cursor_;
  Position last_event_;  // that came by; 0: none yet
  Uuid last_event_id_;
  bool opened_ = false;
  bool caught_up_ = false;
  unsigned patience_ = 0;      // turns in which due timers have waited for what is under way
  std::uint64_t unsaved_ = 0;  // events since the checkpoint was written
  bool troubles_moved_ = false;

  mutable std::mutex view_;  // of what others see
  SagaStatus shown_;
  std::vector<SagaTrouble> shown_troubles_;
};

}  // namespace stele::domain
