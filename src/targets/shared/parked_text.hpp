// parked_text.hpp - parked events as text, for stores without tables; and what of them every store can keep. When an
// event is parked is the runner's decision.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/projection.hpp"

namespace stele::targets {

// Any bytes in the names come back as they were; the reason is one to keep (below).
[[nodiscard]] std::string text_of(const ParkedEvent& event);
// What text_of() wrote, one after the other. Nothing: it was not written by text_of().
[[nodiscard]] std::optional<std::vector<ParkedEvent>> parked_in(std::string_view text);

[[nodiscard]] ParkedEvent::State parked_state(std::string_view name);
// Without what stores refuse in a text (zero bytes, broken UTF-8), and not longer than anybody reads.
[[nodiscard]] std::string reason_to_keep(std::string_view why);

// `conflict`: somebody has applied or skipped it meanwhile - maybe this process, which never heard the answer.
[[nodiscard]] Error not_parked_any_more(const std::string& model, Position position);
// `busy`: parked events were to be changed while it turned out that a batch had arrived whose answer was lost.
[[nodiscard]] Error batch_on_its_way(const std::string& model);

}  // namespace stele::targets
