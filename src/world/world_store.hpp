// world_store.hpp - the store as the processes of a simulated machine see it: the same object over all their lives,
// with another store behind it in each, and with keyed records that are as durable as a disk. Meddles where it is told
// to: before appends, with their replies, with writes of records. Not who decides when (simulation.hpp).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "stele/store.hpp"

namespace stele::worlds {

class WorldStore final : public EventStore, private Records {
 public:
  // A new life; null: it is over.
  void enter(EventStore* behind) { behind_ = behind; }

  std::function<void()> before_append = [] {};
  std::function<bool()> loses_reply = [] { return false; };
  std::function<bool()> dies_at_record = [] { return false; };  // instead of writing it

  // What was answered, by position: the ids of events that had one.
  [[nodiscard]] const std::map<std::uint64_t, Uuid>& acknowledged() const { return acknowledged_; }
  [[nodiscard]] Position acknowledged_up_to() const { return up_to_; }
  void lose_records(std::string_view space);

  result<AppendResult> append(AppendRequest request) override;
  void append_async(AppendRequest request, AppendCompletion done) override;
  result<std::unique_ptr<Cursor>> read_stream(StreamRead read) override;
  result<std::unique_ptr<Cursor>> read(LogRead read) override;
  result<std::unique_ptr<Subscription>> subscribe(Query query, Position after) override;
  result<StreamInfo> stream_info(std::string_view stream) override;
  result<std::vector<StreamInfo>> list_streams(std::string_view prefix, std::string_view after,
                                               std::size_t limit) override;
  result<RecordedEvent> find_event(const Uuid& id) override;
  result<Position> position_at(Timestamp time) override;
  [[nodiscard]] Head head() const override;
  result<void> wait_for(Position position, std::chrono::microseconds timeout) override;
  std::unique_ptr<Watch> watch(std::function<void(Position)> moved) override;
  Records& records() override { return *this; }

 private:
  using Name = std::pair<std::string, std::string>;  // space, key

  result<std::optional<std::string>> get(std::string_view space, std::string_view key) override;
  result<void> put(std::string_view space, std::string_view key, std::string_view value) override;
  result<bool> insert(std::string_view space, std::string_view key, std::string_view value) override;
  result<void> erase(std::string_view space, std::string_view key) override;
  result<std::uint64_t> erase_older(std::string_view space, Timestamp time) override;
  result<void> may_write();
  void acknowledge(const std::vector<Uuid>& ids, const AppendResult& appended);

  EventStore* behind_ = nullptr;
  std::map<Name, std::string> records_;
  std::map<std::uint64_t, Uuid> acknowledged_;
  Position up_to_;
};

}  // namespace stele::worlds
