// model_file.hpp - the file behind a SQLite read model: its own small table (checkpoint, fingerprint of the
// schema), creation, emptying. The application's tables are none of its business.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/sqlite.hpp"
#include "stele/projection.hpp"

namespace stele::targets {

struct ModelFile {
  sqlite::Connection db;
  std::string note;  // why it was emptied; or nothing
};

// Opens or creates `path` (in memory when empty) and makes sure that it holds a model of this schema.
[[nodiscard]] result<ModelFile> open_model(const std::string& path, const std::string& schema);

// The file and what SQLite keeps beside it.
void remove_model(const std::filesystem::path& path);

// Drops everything and runs the schema, in one transaction.
[[nodiscard]] result<void> empty_model(sqlite::Connection& db, const std::string& schema);

[[nodiscard]] result<Checkpoint> read_checkpoint(sqlite::Connection& db);
// Inside the transaction. Refused (`conflict`) when the stored position is not `was`: another process has
// been at the model.
[[nodiscard]] result<void> write_checkpoint(sqlite::Connection& db, Position was, const Checkpoint& now);

}  // namespace stele::targets
