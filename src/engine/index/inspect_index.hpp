// inspect_index.hpp - an index file as lines for `stele inspect`: its header, what it covers, its sections. Not its
// terms and rows: those say nothing that the log does not say.
#pragma once

#include "engine/log/inspect.hpp"
#include "io/file.hpp"

namespace stele::engine {

// Returns what is wrong with the file; empty: every page matches its checksum. Errors: the file cannot be read.
result<std::string> inspect_index_file(const io::File& file, log::InspectForm form, const log::LineSink& out);

}  // namespace stele::engine
