// crm.hpp - users and their premium plan as an application: read models on a store, and addresses on a stele::App.
// What makes it a process is the caller's; `stele demo` is one such caller.
//
//   POST /api/users                      {"userId"?, "firstName", "lastName"?, "email"}
//   GET  /api/users/{id}                 ?after_version=, ?after_position=
//   POST /api/users/{id}/premium         starts it
//   POST /api/users/{id}/premium/end     {"reason"?}
//   POST /api/users/{id}/deactivate
//   GET  /api/premium                    ?month=2026-06 (its end) or ?at=2026-06-15T12:00Z; without: now
#pragma once

#include <filesystem>
#include <memory>

#include "stele/app.hpp"
#include "stele/projection.hpp"

namespace stele {
struct Aggregates;
}

namespace crm {

// What the crm answers for when somebody looks through time (stele/history.hpp).
[[nodiscard]] std::shared_ptr<const stele::Aggregates> aggregates();

class Crm {
 public:
  // Opens the read models in the folder `models` and starts to keep them up to date. `store` must outlive the object.
  // Errors: as SqliteTarget::open.
  static stele::result<std::unique_ptr<Crm>> open(stele::EventStore& store,
                                                  const std::filesystem::path& models);
  ~Crm();
  Crm(const Crm&) = delete;
  Crm& operator=(const Crm&) = delete;

  // Adds addresses, readiness and metrics. The object must outlive the server.
  void attach(stele::App& app);
  [[nodiscard]] stele::Projections& projections() const;

 private:
  struct Impl;
  explicit Crm(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Four months of a small product, from May to August 2026, in the order of the log; the first of them as old programs
// recorded it. What is there already stays as it is, and a store whose last event is younger gets none of it: its log
// cannot be given a past any more.
stele::result<void> seed(stele::EventStore& store);

}  // namespace crm
