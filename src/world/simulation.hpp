// simulation.hpp - one seed of a world: the machine, the process on it and its lives, and the dice. What may go wrong
// when is decided here; what must be true anyway is checked in checks.cpp.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "domain/saga_worker.hpp"
#include "engine/embedded_store.hpp"
#include "io/simulated/manual_clock.hpp"
#include "io/simulated/memory_disk.hpp"
#include "io/simulated/seeded_random.hpp"
#include "stele/world.hpp"
#include "world/beside.hpp"
#include "world/world_store.hpp"

namespace stele::detail {

class Simulation {
 public:
  Simulation(const Worlds& plan, std::uint64_t seed, WorldReport& report);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;
  ~Simulation();

  // Empty: everything held. Otherwise what did not, and when.
  [[nodiscard]] std::string run(std::uint64_t steps);

  // For World.
  [[nodiscard]] EventStore& store() { return seen_; }
  [[nodiscard]] Timestamp now() { return clock_.now(); }
  [[nodiscard]] std::uint64_t below(std::uint64_t end);
  [[nodiscard]] Delivery begin_delivery();
  bool delivered(Delivery& delivery, std::optional<std::optional<Position>> place);
  bool failed(Delivery& delivery, const Error& why);

 private:
  struct Saga {
    std::unique_ptr<domain::SagaWorker> worker;
    bool busy = false;  // its turn is on the stack
  };
  // Between a decision and its append; deeper nothing meddles.
  class Nested {
   public:
    explicit Nested(unsigned& depth) : depth_(depth) { ++depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    ~Nested() { --depth_; }

   private:
    unsigned& depth_;
  };

  // The process.
  void live();
  void die();
  bool open_store();
  void start_sagas();
  void arm();
  [[nodiscard]] bool dead() const { return dead_ || disk_.stopped(); }
  void meddle();

  // One of the things that happen.
  void step();
  void act(const Worlds::Act& act, std::string_view what);
  void people();
  bool turn(std::size_t saga);
  void model_step(std::size_t model);
  void pass_time(std::chrono::microseconds time);
  void jump();
  void calm_down();
  void settle();
  bool turn_all();
  [[nodiscard]] std::optional<Timestamp> next_timer();

  // What must be true (checks.cpp).
  void check(const std::vector<Worlds::Claim>& claims);
  void check_log();
  void check_event(const EventView& event);
  void check_sagas();
  void check_models();
  void fail(const std::string& what);

  const Worlds& plan_;
  const std::uint64_t seed_;
  WorldReport& report_;
  World world_{*this};

  io::simulated::SeededRandom dice_;
  io::simulated::SeededRandom entropy_;  // the machine's
  io::simulated::MemoryDisk disk_;
  io::simulated::ManualClock clock_;
  ManualClock saga_clock_;
  worlds::Beside beside_;
  io::World machine_{disk_, clock_, entropy_, &beside_};
  worlds::WorldStore seen_;
  std::unique_ptr<engine::EmbeddedStore> store_;
  std::vector<Saga> sagas_;
  std::vector<std::shared_ptr<ProjectionTarget>> models_;

  bool wild_ = false;  // things go wrong
  bool dead_ = false;
  unsigned depth_ = 0;
  std::uint64_t step_ = 0;
  std::uint64_t lives_ = 0;
  std::uint64_t requests_ = 0;
  std::string failure_;

  std::map<std::string, std::uint64_t>
      last_effect_;              // by the key of the request: the position of its last event
  std::set<std::string> fired_;  // timers, by stream, step and name
};

}  // namespace stele::detail
