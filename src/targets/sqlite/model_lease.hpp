// model_lease.hpp - one process at a time writes a model: a lock of the kernel on a file beside it. It ends with the
// process, however that dies, so nothing has to be renewed and no clock is asked.
#pragma once

#include <filesystem>

#include "stele/projection.hpp"

namespace stele::targets {

// SQLite's own locks hold for a transaction only. What this one cannot prevent - somebody who writes without asking -
// is met by the checkpoint: a commit on top of another one's is refused (write_checkpoint).
class ModelLease final : public ProjectionLease {
 public:
  explicit ModelLease(std::filesystem::path file) : file_(std::move(file)) {}
  ~ModelLease() override { release(); }
  ModelLease(const ModelLease&) = delete;
  ModelLease& operator=(const ModelLease&) = delete;

  result<void> take() override;
  void release() override;

 private:
  const std::filesystem::path file_;
  int lock_ = -1;
};

}  // namespace stele::targets
