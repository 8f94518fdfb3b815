// ledger.hpp - what a test knows of a store from outside: the events it has read, and which of them were
// acknowledged to whom. Compares the two.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "support/http_client.hpp"

namespace stele::test {

// An acknowledgement: at this position stands an event of this stream with this data.
struct Acknowledged {
  std::uint64_t position = 0;
  std::string stream;
  std::string data;
};

// Every event as a line of NDJSON, by position.
class Ledger {
 public:
  // Reads what is new, checks that positions go on without a gap and that `old` lines are what they were.
  void read(HttpClient& http, bool from_the_start = false) {
    const auto from = from_the_start ? 1 : lines_.size() + 1;
    const auto reply =
        http.get("/v1/events?from=p" + std::to_string(from), {{"Accept", "application/x-ndjson"}});
    ASSERT_EQ(reply.status, 200);
    std::uint64_t next = from;
    std::size_t begin = 0;
    while (begin < reply.body.size()) {
      const auto end = reply.body.find('\n', begin);
      const auto line = reply.body.substr(begin, end - begin);
      begin = end + 1;
      if (line.starts_with("{\"$end\"")) {
        ASSERT_EQ(next, lines_.size() + 1) << "events are missing at the end";
        return;
      }
      ASSERT_EQ((Reply{0, {}, line}.at("/global_position")), std::to_string(next)) << "a gap";
      if (next <= lines_.size())
        ASSERT_EQ(line, lines_[next - 1]) << "an event has changed";
      else
        lines_.push_back(line);
      ++next;
    }
    FAIL() << "no end record";
  }

  void expect(const std::vector<Acknowledged>& all) const {
    for (const auto& one : all) {
      ASSERT_LE(one.position, lines_.size()) << "an acknowledged event is lost: " << one.data;
      const Reply event{0, {}, lines_[one.position - 1]};
      ASSERT_EQ(event.at("/stream_id"), one.stream);
      ASSERT_EQ(event.at("/data"), one.data);
    }
  }

  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

// Filled by many writers.
class AcknowledgedLog {
 public:
  void add(Acknowledged one) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(one));
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  std::vector<Acknowledged> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(all_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Acknowledged> all_;
};

}  // namespace stele::test
