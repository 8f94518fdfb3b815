// world.hpp - a whole domain on a simulated machine, under a seed: its aggregates, sagas with their timers, and
// projections, while processes die, the power goes, replies are lost, requests come twice, people and sagas get in
// between each other's decisions, and time jumps. For tests only; one thread, no real disk, no real clock.
//
//   TEST(Bank, money_is_neither_made_nor_lost) {
//     stele::world("bank")
//         .begins([](stele::World& w) { ... w.send<Account>(OpenAccount{...}); return stele::result<void>(); })
//         .people([](stele::World& w) -> stele::result<void> {                   // one thing that somebody does
//           STELE_TRY(const auto done, w.send<Account>(DepositMoney{...}));
//           ...
//         })
//         .always("money is conserved", [](stele::World& w) -> stele::result<void> { ... })
//         .run();
//   }
//
// What the world does by itself
//   the process dies   at any change of the disk, also while it is starting; with the power on or off. What was not
//                      synced may be lost, in parts, in any order.
//   replies are lost   an append has happened and its caller hears `timeout`. Whoever asks through send() or ask()
//                      asks again with the same idempotency key, as a good client does.
//   requests repeat    some requests are delivered twice; the second answer must be the first one.
//   others act first   between a decision and its append somebody else may act: other people, a saga. So what
//                      happens in one stream comes early or late for another, and conflicts are real.
//   time jumps         by seconds or by hours. Pending timers become due in between.
//   records are lost   now and then the checkpoints of the sagas are gone after a death.
//
// What is checked without being asked for
//   every append that was answered is in the log; a request has effects at one place of the log only; no timer fires
//   twice; in the end no saga is stuck, and none has a timer left that could still fire; each projection shows what
//   one shows that is built anew.
//
// A world that fails says its seed. STELE_WORLD_SEED=17 runs that one alone, STELE_WORLD_SEEDS=1000 runs many, and
// STELE_WORLD_STEPS says how long each is. Who hears of a failure: as in spec.hpp.
//
// Rules given to it must be deterministic: no clock of their own, no random numbers but World::below(). State that
// they keep belongs into begins(), which runs once for each seed. people() may be called again before it has
// returned, whenever it asks something of the world; nested calls end with an error when the process dies in them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "stele/handler.hpp"
#include "stele/projection.hpp"
#include "stele/saga.hpp"
#include "stele/spec.hpp"

namespace stele {

namespace detail {

class Simulation;

// One request on its way, as often as it takes.
struct Delivery {
  Context context;
  HandleOptions options;
  unsigned times = 0;
  std::optional<std::optional<Position>> answered;  // where its events end, if it has any
};
// What the answer of a handler says about the log; nothing for answers of other kinds.
template <class Answer>
std::optional<std::optional<Position>> place_in_log(const Answer& answer) {
  if constexpr (requires { answer.appended->last; })
    return answer.appended ? std::optional(answer.appended->last) : std::optional<Position>();
  else if constexpr (requires { answer.outcome.appended->last; })
    return answer.outcome.appended ? std::optional(answer.outcome.appended->last) : std::optional<Position>();
  else
    return std::nullopt;
}

}  // namespace detail

// ---- What rules and invariants see

class World {
 public:
  explicit World(detail::Simulation& simulation) : simulation_(simulation) {}

  // As it is now, for reading. Deciding goes through send() and ask().
  [[nodiscard]] EventStore& store();
  // Of the machine.
  [[nodiscard]] Timestamp now() const;
  // From 0 to `end`, exclusive, by the seed. `end` is at least 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t end);
  template <class T>
  [[nodiscard]] const T& one_of(const std::vector<T>& list) {
    return list[below(list.size())];
  }

  // Puts a command to its aggregate until there is an answer. Errors: as handle(); in a nested call unavailable, when
  // the process has died in it.
  template <decider D, recorded C>
  [[nodiscard]] result<Handled<D>> send(const C& command) {
    return ask([&](EventStore& store, const Context& context, const HandleOptions& options) {
      return handle<D>(store, command, context, options);
    });
  }
  // The same for a function that handles a request itself, e.g. with transact(). It must hand context and options on.
  template <class F>
  [[nodiscard]] auto ask(F&& handles) {
    detail::Delivery delivery = begin_delivery();
    while (true) {
      auto answer = handles(store(), std::as_const(delivery.context), std::as_const(delivery.options));
      const bool again = answer ? delivered(delivery, place_of(answer)) : failed(delivery, answer.error());
      if (!again) return answer;
    }
  }

 private:
  template <class Answered>
  static std::optional<std::optional<Position>> place_of(const Answered& answer) {
    if constexpr (std::is_void_v<decltype(*answer)>)
      return std::nullopt;
    else
      return detail::place_in_log(*answer);
  }
  [[nodiscard]] detail::Delivery begin_delivery();
  // True: once more.
  bool delivered(detail::Delivery& delivery, std::optional<std::optional<Position>> place);
  bool failed(detail::Delivery& delivery, const Error& why);

  detail::Simulation& simulation_;
};

// ---- What has happened

// Sums over all seeds. A test that wants to be sure that its world was rough looks here: lives, repeats and meddled
// are zero where nothing went wrong.
struct WorldReport {
  std::uint64_t seeds = 0;
  std::uint64_t failed = 0;  // of them
  std::uint64_t steps = 0;
  std::uint64_t lives = 0;  // of the process, over all seeds
  std::uint64_t requests = 0;
  std::uint64_t repeats = 0;  // deliveries of a request after its first
  std::uint64_t meddled = 0;  // appends before which somebody else acted
  std::uint64_t events = 0;   // in the logs in the end
  std::uint64_t timers = 0;   // that fired
  Uuid digest;  // of all logs: streams, types and data in order. The same seeds give the same one
};

// ---- Saying what to run
//
// Every word answers the same object, so that they stand in one sentence that ends with run(). Several people, claims,
// sagas and projections are as many calls. What is not said is left as it is: five seeds of 200 steps each.

class Worlds {
 public:
  using Act = std::function<result<void>(World&)>;
  using Shows = std::function<std::vector<std::string>(ProjectionTarget&)>;

  explicit Worlds(std::string name, std::source_location where) : name_(std::move(name)), where_(where) {}

  // How many, beginning with which, and how long each: things that people do.
  Worlds& seeds(std::uint64_t count, std::uint64_t first = 1);
  Worlds& steps(std::uint64_t each);
  // How often the process dies: once in so many changes of the disk, on average. 0: never.
  Worlds& dies_every(std::uint64_t changes);

  template <saga S>
  Worlds& saga() {
    return add_saga([] { return std::make_unique<detail::SagaKindOf<S>>(); });
  }
  // `open` makes an empty target, e.g. SqliteTarget::scratch; `shows` asks it for everything it shows.
  Worlds& projection(std::function<result<std::shared_ptr<ProjectionTarget>>()> open, Shows shows);

  Worlds& begins(Act act);  // before anything goes wrong
  Worlds& people(Act act);  // one of several, if there are several
  // Asked now and then, at every start of the process and in the end. An error: it does not hold.
  Worlds& always(std::string what, Act holds);
  // Asked when nothing more will happen by itself: all sagas are at rest, all timers have run out.
  Worlds& in_the_end(std::string what, Act holds);

  // Failures are reported, and counted in the answer.
  WorldReport run();

 private:
  friend class detail::Simulation;
  struct Claim {
    std::string what;
    Act holds;
  };
  struct Projected {
    std::function<result<std::shared_ptr<ProjectionTarget>>()> open;
    Shows shows;
  };
  Worlds& add_saga(std::function<std::unique_ptr<detail::SagaKind>()> kind);
  void run_one(std::uint64_t seed, WorldReport& report) const;

  std::string name_;
  std::source_location where_;
  std::uint64_t seeds_ = 5;
  std::uint64_t first_seed_ = 1;
  std::uint64_t steps_ = 200;
  std::uint64_t dies_every_ = 150;
  std::vector<std::function<std::unique_ptr<detail::SagaKind>()>> sagas_;
  std::vector<Projected> projections_;
  std::vector<Act> begins_;
  std::vector<Act> people_;
  std::vector<Claim> always_;
  std::vector<Claim> in_the_end_;
};

[[nodiscard]] inline Worlds world(std::string name,
                                  std::source_location where = std::source_location::current()) {
  return Worlds(std::move(name), where);
}

}  // namespace stele
