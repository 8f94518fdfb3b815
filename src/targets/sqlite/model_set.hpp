// model_set.hpp - the models of one projection: the one that serves, the one before it, the one being built; who may
// write them, and what is parked. What a SqliteTarget is made of.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "stele/sqlite.hpp"
#include "targets/sqlite/model.hpp"
#include "targets/sqlite/model_lease.hpp"
#include "targets/sqlite/serving_file.hpp"

namespace stele {

// Threading: one projecting thread; `mutex` is for those who ask which model serves meanwhile.
struct SqliteTarget::Impl final : ProjectionParking, SideBySide, ProjectionTrial {
  Impl(SqliteProjection what, std::optional<targets::ModelNames> where,
       std::shared_ptr<targets::Model> opened)
      : projection(std::move(what)), names(std::move(where)), model(std::move(opened)) {}

  static result<std::unique_ptr<Impl>> open(const std::filesystem::path& models, SqliteProjection projection);

  [[nodiscard]] std::shared_ptr<targets::Model> served() const {
    const std::lock_guard lock(mutex);
    return model;
  }
  // Not a scratch one, and not one beside another.
  [[nodiscard]] bool is_whole() const { return lease.has_value(); }

  result<std::vector<ParkedEvent>> list() override;
  result<void> put(const ParkedEvent& event) override;
  result<void> remove(Position position) override;

  result<std::shared_ptr<ProjectionTarget>> build(const RebuildOptions& options) override;
  [[nodiscard]] std::optional<RebuildOptions> building() const override;
  result<void> discard() override;
  result<std::shared_ptr<ProjectionTarget>> previous() override;
  [[nodiscard]] bool has_previous() const override;
  result<void> swap(ProjectionTarget& other) override;
  result<bool> refresh() override;
  result<std::vector<TableComparison>> compare(ProjectionTarget& other, std::size_t examples) override;
  result<std::shared_ptr<ProjectionTarget>> scratch() override;

  result<void> settle() override { return model->sums.write(model->writer); }

  result<void> record(const targets::Serving& now);
  result<std::shared_ptr<ProjectionTarget>> beside(std::uint64_t number, bool building);

  const SqliteProjection projection;
  const std::optional<targets::ModelNames> names;
  std::optional<targets::ModelLease> lease;
  mutable std::mutex mutex;
  std::shared_ptr<targets::Model> model;
  targets::Serving serving;
};

}  // namespace stele
