// standing.hpp - how far a model in another process's store is, as far as this process can know: what is stored, what
// was sent and never answered, what has merely been passed. Knows no store; SQLite always answers and needs none of it.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stele/projection.hpp"

namespace stele::targets {

// Threading: of the projecting thread, except glimpse() and visible().
class Standing {
 public:
  explicit Standing(std::string model) : model_(std::move(model)) {}

  [[nodiscard]] const Checkpoint& stored() const { return stored_; }
  [[nodiscard]] Checkpoint now() const;
  // Whether the stored model has this event already: it is to be skipped.
  [[nodiscard]] bool holds(Position event) const { return event <= stored_.position; }

  // A beginning: what the store says holds, whoever wrote it.
  void adopt(const Checkpoint& found);
  // A new connection in the middle of things. Either the store says what it said last, or the batch whose answer was
  // lost has arrived: then its events are held. Anything else is `conflict`. A batch that moves no checkpoint
  // (of a parked event) cannot be told from one that never came: its keys are told, once too often at worst.
  result<void> rejoin(const Checkpoint& found);

  // A batch is sent; until committed() or refused() it is in doubt. Its keys are kept, each once.
  void sending(const Checkpoint& next, std::vector<std::string> keys);
  [[nodiscard]] std::vector<std::string> committed();
  void refused() { doubt_.reset(); }
  // The keys of a batch that had arrived although its answer was lost; they still have to be told.
  [[nodiscard]] std::vector<std::string> arrived_keys() { return std::exchange(arrived_, {}); }

  // True when it is time to write it down; the rest is remembered here only.
  [[nodiscard]] bool pass(Position position);
  void emptying();  // readers must trust nothing but what they read until emptied()
  void emptied(const Checkpoint& found);

  // What may be added to the position a reader finds: to be taken before the reader looks, and applied to what it
  // found. A model that was emptied in between has passed nothing.
  struct Glimpse {
    std::uint64_t resets;
    Position passed;
  };
  [[nodiscard]] Glimpse glimpse() const { return {resets_.load(), Position(passed_.load())}; }
  [[nodiscard]] Position visible(const Glimpse& before, Position found) const;

 private:
  struct Sent {
    Checkpoint next;
    std::vector<std::string> keys;
  };
  const std::string model_;
  Checkpoint stored_;
  std::optional<Sent> doubt_;
  std::vector<std::string> arrived_;
  std::atomic<std::uint64_t> passed_{0};
  std::atomic<std::uint64_t> resets_{0};  // odd while the model is being emptied
};

// Rules for what projections are called; `longest` is what the store takes.
[[nodiscard]] result<void> check_name(const std::string& name, int version, std::size_t longest);
[[nodiscard]] result<void> check_projection(const std::string& name, int version, std::size_t longest,
                                            const Query& events, bool has_function);
// "<name>-v<version>"
[[nodiscard]] std::string space_of(const std::string& name, int version);
// "<name>-scratch-<random>": of one object.
[[nodiscard]] std::string scratch_space_of(const std::string& name);

// What stands for this process in a lease: host, process, and something no other has.
[[nodiscard]] std::string lease_holder();
// `busy`, as ProjectionLease::take() promises it.
[[nodiscard]] Error lease_taken(const std::string& model, const std::string& holder);
// `conflict`: a batch of somebody whose lease has gone.
[[nodiscard]] Error lease_lost(const std::string& model);
// `unavailable`: what a standby finds is for the holder to mend.
[[nodiscard]] Error not_ours_to_empty(const std::string& model);

// Text of a number as stores give it; nothing when it is none.
[[nodiscard]] std::optional<std::int64_t> integer_in(std::string_view text);

}  // namespace stele::targets
