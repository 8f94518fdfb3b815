// sql_link.hpp - one connection to a database server, as a model needs it: what PostgreSQL and MariaDB do in common,
// each in its own words. Not a general database interface.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/projection.hpp"
#include "stele/targets.hpp"

namespace stele::targets {

// Threading: one thread at a time. After an error of a lost connection broken() holds, and only destroying it makes
// sense.
class SqlLink {
 public:
  using Row = std::function<bool(const ServerRow&)>;  // false: enough

  virtual ~SqlLink() = default;
  SqlLink() = default;
  SqlLink(const SqlLink&) = delete;
  SqlLink& operator=(const SqlLink&) = delete;

  [[nodiscard]] virtual SqlDialect dialect() const = 0;
  [[nodiscard]] virtual bool broken() const = 0;

  // One or more statements without values; nothing comes back.
  virtual result<void> command(const std::string& sql) = 0;
  [[nodiscard]] virtual std::string quoted(std::string_view name) const = 0;
  // In another space than the one that was entered, too. An empty one: among the temporary tables.
  virtual result<bool> has_table(const std::string& space, const std::string& table) = 0;

  virtual result<void> begin() = 0;
  virtual result<void> begin_read() = 0;  // one consistent state, nothing may be changed
  virtual result<void> commit() = 0;
  void rollback();  // harmless outside a transaction

  // One statement, prepared and kept; answers the rows it touched. Rows that were added before are sent first.
  result<std::int64_t> execute(std::string_view sql, std::span<const SqlValue> values, const Row& row);
  // Rows gather until there is a block of them, or something else is asked for.
  result<void> add_row(std::string_view table, std::string_view columns, std::span<const SqlValue> row);
  result<void> send_rows();

  // ---- Spaces: a schema or database for each model

  // Names without a space in front are meant there from now on. It need not exist yet.
  virtual result<void> enter(const std::string& space) = 0;
  virtual result<std::vector<std::string>> spaces_beginning_with(const std::string& name) = 0;
  virtual result<void> drop_space(const std::string& space) = 0;
  // Commits need not wait for the disk any more, where one connection can have that for itself; what commits later
  // over another one brings them along.
  virtual result<void> tune_for_building() = 0;

  // ---- The model's own small table, in the space that was entered

  virtual result<std::optional<Checkpoint>> read_checkpoint() = 0;  // nothing: there is no finished model
  // False when the stored one is not `was`.
  virtual result<bool> write_checkpoint(const Checkpoint& was, const Checkpoint& now) = 0;
  virtual result<std::string> schema_text() = 0;  // empty: there is no finished model
  // The model without a row; afterwards read_checkpoint() answers {}. Killed in the middle, it leaves the old model or
  // none. `schema_changed`: the tables have to be made anew, too.
  virtual result<void> make_empty(const std::string& schema, bool schema_changed) = 0;

  // ---- Who may write. Held by the connection, so it ends with it.

  // Nothing when it is taken now; otherwise who holds it, or an empty text when nobody did any more.
  virtual result<std::optional<std::string>> take_lock(const std::string& name) = 0;
  [[nodiscard]] virtual std::string session() const = 0;  // what take_lock() would call this connection
  virtual void release_lock(const std::string& name) = 0;

 protected:
  virtual result<std::int64_t> run_statement(std::string_view sql, std::span<const SqlValue> values,
                                             const Row& row) = 0;
  virtual void roll_back() = 0;
  // Writes one row into a block, and sends a block.
  virtual result<void> encode_row(std::string& block, std::span<const SqlValue> row) = 0;
  virtual result<void> send_block(const std::string& table, const std::string& columns,
                                  const std::string& block) = 0;

 private:
  struct Block {
    std::string table;
    std::string columns;
    std::string rows;
  };
  Block block_;
};

// A checkpoint as the columns position, last_event, last_event_id (text).
[[nodiscard]] Checkpoint checkpoint_of(const ServerRow& row);

// A connection that has entered this space.
using ConnectSql = std::function<result<std::unique_ptr<SqlLink>>(const std::string& space)>;

}  // namespace stele::targets
