// hub.hpp - live events for many clients from one reader of the log's tail. Only for those who are caught up;
// everybody else reads the log at their own pace (live/feed.hpp).
//
// What an append pays for all of it: one atomic store and one load, and a wake-up of the hub's thread if that
// sleeps. An event is looked up in an index of who may want it, is put into words once, and is copied to those
// who do; nobody is asked one by one.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "stele/store.hpp"

namespace stele::server {

class Subscriber {
 public:
  virtual ~Subscriber() = default;
  // One event, as an SSE frame. False: no room; the hub lets go of the subscriber and calls lost().
  virtual bool offer(Position at, std::string_view frame) = 0;
  virtual void lost() = 0;  // on the hub's thread: be quick
};

// "id: <position>\ndata: <event>\n\n"
[[nodiscard]] std::string event_frame(const EventView& event);

class Hub {
 public:
  explicit Hub(EventStore& store);
  ~Hub();
  void start();
  void stop();

  // Live from here on: every matching event after `cursor` will be offered once, in order. False: `cursor` is too
  // far behind (or there was no room); read on and try again. May read a little from the log. What lies at or
  // before `cursor` may be offered too; the subscriber passes over it.
  [[nodiscard]] bool join(const std::shared_ptr<Subscriber>& subscriber, const Query& query, Position cursor);
  void leave(const std::shared_ptr<Subscriber>& subscriber);

  // Runs once, on the hub's thread, when the head is past `seen`.
  void when_head_passes(Position seen, std::function<void()> moved);

 private:
  struct Group {
    Query query;
    std::string key;
    std::vector<std::shared_ptr<Subscriber>> members;
    Position offered;  // the last event it was given: several index entries may name it
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using GroupList = std::vector<Group*>;
  using GroupIndex = std::unordered_map<std::string, GroupList, TextHash, std::equal_to<>>;

  // All below run with the mutex held unless they take the lock as a parameter: those let go of it meanwhile.
  void work();
  void head_moved(Position head);
  bool interested() const;
  bool has_work() const;
  void pause(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds time);
  bool wait_for_work(std::unique_lock<std::mutex>& lock);
  void run_movers(std::unique_lock<std::mutex>& lock);
  bool read_tail(std::unique_lock<std::mutex>& lock);
  // True: somebody was given something.
  bool deliver(std::span<const EventView> events);
  bool give(Group& group, const EventView& event, std::string& frame);
  bool give_candidates(const GroupIndex& index, std::string_view key, const EventView& event,
                       std::string& frame);
  // False: too far behind, or no room.
  bool hand_over(const std::shared_ptr<Subscriber>& subscriber, const Query& query, Position cursor);
  Group& group_of(const Query& query);
  void index_group(Group& group);
  void drop_group(Group& group);
  void remove_member(Subscriber* member);
  void forget(std::span<const std::shared_ptr<Subscriber>> full);

  EventStore& store_;
  std::unique_ptr<Watch> watch_;
  // Written by the store's threads.
  std::atomic<std::uint64_t> head_{0};
  std::atomic<bool> sleeping_{false};  // and the head is of interest
  std::counting_semaphore<> wake_{0};

  std::mutex mutex_;  // guards everything below
  bool stopping_ = false;
  Position position_;  // everything up to here was offered
  // Clients with the same query are one group: an event is matched once for all of them.
  std::map<std::string, std::unique_ptr<Group>> groups_;
  std::unordered_map<Subscriber*, Group*> membership_;
  std::vector<std::shared_ptr<Subscriber>> full_;
  // Where the groups are found from an event; each group under the most selective words of its items.
  GroupList unfiltered_;
  GroupIndex by_stream_;
  GroupIndex by_tag_;
  GroupIndex by_type_;
  GroupIndex by_category_;
  std::vector<std::pair<Position, std::function<void()>>> movers_;
  std::thread thread_;
};

}  // namespace stele::server
