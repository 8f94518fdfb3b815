// checks.hpp - a store held against the model, by every way of asking. Nothing here changes either, but for what only
// the store knew and the model takes over.
#pragma once

#include "io/simulated/seeded_random.hpp"
#include "model.hpp"

namespace stele::simulation {

using Dice = io::simulated::SeededRandom;

// The whole visible log, forward: every event that must be there, unchanged, in place; what is missing is noted as
// dropped, if it may be. False: it could not be read to its end, or was not as it must be.
bool check_log(EventStore& store, Model& model, Judge& judge);
// Some question, decided by the dice, and its answer.
void check_something(EventStore& store, const Model& model, Dice& dice, Judge& judge);
// One stream, both directions, and what is told about it.
void check_stream(EventStore& store, const Model& model, const std::string& stream, Dice& dice, Judge& judge);
// The same up to `head`, without learning anything.
bool compare_log(EventStore& store, const Model& model, Position head, Judge& judge);
// What a subscription hands over next, and how far that is. False: it answered with an error, and goes on behind it.
bool check_batch(Subscription& subscription, const Query& query, Position& at, const Model& model, Dice& dice,
                 Judge& judge);
// The answer to an append against what the model expects of it.
void check_answer(const result<AppendResult>& answer, const Expected& expected, Judge& judge);

[[nodiscard]] Query random_query(Dice& dice);

}  // namespace stele::simulation
