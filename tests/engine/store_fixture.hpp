// store_fixture.hpp - a store in a temporary directory and short words for talking to it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "stele/store.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {

#if defined(STELE_SANITIZED)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

// The value of a result, or a test failure that says why there is none.
template <class T>
T must(result<T> from) {
  if (!from) {
    ADD_FAILURE() << from.error().to_string();
    throw std::runtime_error(from.error().to_string());
  }
  if constexpr (!std::is_void_v<T>) return *std::move(from);
}

inline NewEvent event(std::string type, std::string data = "{}", Uuid id = {}) {
  return {.id = id, .type = std::move(type), .data = std::move(data), .metadata = {}, .tags = {}};
}

inline AppendRequest write(std::string stream, std::vector<NewEvent> events, ExpectedVersion expected = {}) {
  AppendRequest request;
  request.writes.push_back({std::move(stream), expected, std::move(events)});
  return request;
}

inline std::vector<RecordedEvent> drain(Cursor& cursor, std::size_t batch = 100) {
  std::vector<RecordedEvent> all;
  for (;;) {
    const auto events = must(cursor.next_batch(batch));
    if (events.empty()) return all;
    for (const auto& view : events) all.push_back(view.to_owned());
  }
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() { reopen(); }

  void reopen() {
    store_.reset();
    store_ = must(open(directory_ / "store", options_));
  }
  AppendResult append(const std::string& stream, const std::string& type, const std::string& data = "{}") {
    return must(store_->append(write(stream, {event(type, data)})));
  }
  std::vector<RecordedEvent> stream(const std::string& name, Direction direction = Direction::forward) {
    return drain(*must(store_->read_stream({name, {}, direction, no_limit})));
  }
  std::vector<RecordedEvent> log(Direction direction = Direction::forward, Query query = {}) {
    return drain(*must(store_->read({std::move(query), {}, direction, no_limit})));
  }

  TempDirectory directory_;
  OpenOptions options_{.access = Access::read_write, .create = true, .segment_bytes = 1 << 20};
  std::unique_ptr<EventStore> store_;
};

}  // namespace stele::test
