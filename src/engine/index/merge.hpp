// merge.hpp - neighbouring index files become one: column behind column, list behind list. Nothing of the log is
// read, and memory stays bounded: eight bytes per term, four per name, a block of rows at a time.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "engine/index/seal.hpp"
#include "engine/index/sealed_part.hpp"

namespace stele::engine {

// Nothing: they must stay apart, because a stream lost some of its events where they meet, or because together they
// would be larger than the numbers of a file. Otherwise the path of the new file, durable, name and all; its inputs
// are as they were. Errors as those of seal(); corrupt: an input is damaged, and `damaged` says which.
result<std::optional<std::filesystem::path>> merge(std::span<const std::shared_ptr<const SealedPart>> parts,
                                                   const SealInto& into, const SealedPart*& damaged);

// Which neighbours to merge next: [begin, begin + count) of parts with so many segments each; none when count is 0.
struct MergeChoice {
  std::size_t begin = 0;
  std::size_t count = 0;
};
[[nodiscard]] MergeChoice choose_merge(std::span<const std::size_t> segments);

}  // namespace stele::engine
