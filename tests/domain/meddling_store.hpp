// meddling_store.hpp - a store that lets somebody else act between a decision and its append. Everything
// else goes straight through to the store behind it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "stele/store.hpp"

namespace stele::test {

class MeddlingStore : public EventStore {
 public:
  explicit MeddlingStore(EventStore& behind) : behind_(behind) {}

  // Runs before each append, with its request.
  std::function<void(const AppendRequest&)> before_append;
  // Takes the place of the answer to an append, when set.
  std::function<result<AppendResult>(result<AppendResult>)> after_append;
  // Answers in place of the store behind it, when it gives an error.
  std::function<std::optional<Error>(const AppendRequest&)> refuse;
  int appends = 0;

  result<AppendResult> append(AppendRequest request) override {
    ++appends;
    if (before_append) before_append(request);
    if (refuse)
      if (auto why = refuse(request)) return *std::move(why);
    auto answer = behind_.append(std::move(request));
    return after_append ? after_append(std::move(answer)) : std::move(answer);
  }
  void append_async(AppendRequest request, AppendCompletion done) override {
    behind_.append_async(std::move(request), std::move(done));
  }
  result<std::unique_ptr<Cursor>> read_stream(StreamRead read) override {
    return behind_.read_stream(std::move(read));
  }
  result<std::unique_ptr<Cursor>> read(LogRead read) override { return behind_.read(std::move(read)); }
  result<std::unique_ptr<Subscription>> subscribe(Query query, Position after) override {
    return behind_.subscribe(std::move(query), after);
  }
  result<StreamInfo> stream_info(std::string_view stream) override { return behind_.stream_info(stream); }
  result<std::vector<StreamInfo>> list_streams(std::string_view prefix, std::string_view after,
                                               std::size_t limit) override {
    return behind_.list_streams(prefix, after, limit);
  }
  result<RecordedEvent> find_event(const Uuid& id) override { return behind_.find_event(id); }
  result<Position> position_at(Timestamp time) override { return behind_.position_at(time); }
  [[nodiscard]] Head head() const override { return behind_.head(); }
  result<void> wait_for(Position position, std::chrono::microseconds timeout) override {
    return behind_.wait_for(position, timeout);
  }
  std::unique_ptr<Watch> watch(std::function<void(Position)> moved) override {
    return behind_.watch(std::move(moved));
  }
  Records& records() override { return behind_.records(); }

 private:
  EventStore& behind_;
};

}  // namespace stele::test
