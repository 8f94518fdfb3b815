// retelling.hpp - a moment of a real history as a test in C++: given what had happened, when somebody asks what was
// asked then, then what today's rules answer. And builds of rules in shared objects, to fold the same history twice.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "history/folds.hpp"

namespace stele::history {

// The source of one GoogleTest test that compiles beside `include` (the header of the domain; empty: left to the
// reader). The moment is the event at `revision`. What was asked is known where metadata names the command and the
// event holds its members; otherwise the test is about the state behind the event. Errors: invalid for a fold that is
// no decider, too_large for more events than a test should hold; corrupt.
[[nodiscard]] result<std::string> retold_as_test(EventSource& source, const Fold& fold,
                                                 const StreamInfo& info, Revision revision,
                                                 const std::string& include = {});

// The aggregates of a shared object with STELE_HISTORY_PLUGIN. It runs in this process with all its rights, so only
// files of one's own belong here; a server never does this. The folds keep it loaded. Errors: not_found, invalid.
[[nodiscard]] result<std::vector<Fold>> load_plugin(const std::filesystem::path& file);

}  // namespace stele::history
