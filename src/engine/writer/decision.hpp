// decision.hpp - what an append does to a log in a given state: the rules, and nothing else.
//
// A deterministic function of the state and the request: no time, no randomness, no threads, no hash order.
// So the same code decides for an embedded append and for a replica that reads requests from an ordered log.
#pragma once

#include <optional>
#include <vector>

#include "engine/index/index.hpp"
#include "engine/writer/condition.hpp"
#include "stele/store.hpp"

namespace stele::engine {

// What does not depend on the state: names, sizes, counts, a stream written twice, ids repeated inside the
// request. Runs on the caller's thread.
[[nodiscard]] result<void> check_request(const AppendRequest& request);

struct Decision {
  Position first;                         // of the first event
  std::vector<Revision> first_revisions;  // per write
  // All of the ids are there already, the first of them at `first`: nothing is to be written, but the content
  // must be compared before the first answer is given again.
  bool seems_duplicate = false;
};

// The part of the state that the index alone does not tell. None: no stream was ever deleted.
class Deletions {
 public:
  virtual ~Deletions() = default;
  // Whether everything that the stream has, up to `next`, was deleted. Asked only where it makes a difference.
  virtual result<bool> deleted(const std::string& stream, Revision next) const = 0;
};

// `fresh_ids`: every id was made just now, so none needs to be looked up. `foreseen` saves work and changes nothing.
// A repeated append is known before anything that it expects is looked at: its own events would stand in its way.
[[nodiscard]] result<Decision> decide(const Index& state, const AppendRequest& request, bool fresh_ids,
                                      const Deletions* deletions = nullptr, const Foreseen& foreseen = {});

}  // namespace stele::engine
