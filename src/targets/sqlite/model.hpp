// model.hpp - one model in one file (or in memory): the connection that writes, the ones that read, and how far it is.
// Which of several models a projection serves is model_set.hpp's.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stele/sqlite.hpp"
#include "targets/sqlite/model_file.hpp"
#include "targets/sqlite/read_pool.hpp"
#include "targets/sqlite/sums.hpp"

namespace stele::targets {

// Sorted, each once.
void make_unique(std::vector<std::string>& keys);

struct Model {
  Model(std::uint64_t the_number, std::filesystem::path where, ModelFile opened)
      : number(the_number),
        file(std::move(where)),
        note(std::move(opened.note)),
        writer(std::move(opened.db)),
        readers(file.string()) {}
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  [[nodiscard]] static result<std::shared_ptr<Model>> open(std::uint64_t number,
                                                           const std::filesystem::path& file,
                                                           const std::string& schema);

  result<Checkpoint> checkpoint();
  result<void> reset(const std::string& schema);
  result<std::vector<std::string>> commit(const Checkpoint& now);
  void rollback();
  void passed_to(Position position);

  // While it is built nobody waits for its commits, and no power cut is survived; afterwards everything is on disk and
  // it is a model like others.
  result<void> tune_for_building();
  result<void> finish_building();

  const std::uint64_t number;
  const std::filesystem::path file;
  const std::string note;
  sqlite::Connection writer;
  Checkpoint stored;              // as in the file; of the projecting thread
  std::vector<std::string> keys;  // changed in the open batch
  Sums sums;                      // of the open batch: not written yet
  ReadPool readers;
  // What a reader may add to the stored position. Read before the snapshot is taken, so that the rows hold at
  // least as much; `resets` tells that the model was emptied in between.
  std::atomic<std::uint64_t> passed{0};
  std::atomic<std::uint64_t> resets{0};
  std::atomic<bool> scratch_in_use{false};
};

}  // namespace stele::targets
