// subscribe_load.cpp - a writer that keeps to its schedule, and two kinds of subscribers.
#include "cli/bench/subscribe_load.hpp"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "cli/bench/append_load.hpp"
#include "cli/bench/pace.hpp"
#include "stele/app.hpp"

namespace stele::cli::bench {
namespace {

constexpr std::size_t batch_events = 256;
constexpr std::chrono::microseconds longest_wait{200'000};
constexpr double warm_up = 0.1;  // of the events: threads that start, caches that are cold

// One slot per position behind the start. The writer and the subscriber each fill arrays of their own.
struct Times {
  Position start;
  std::vector<Clock::time_point> due;
  std::vector<Clock::time_point> acknowledged;
  std::vector<Clock::time_point> delivered;
  std::atomic<bool> subscribed{false};
  std::atomic<std::uint64_t> wanted{~std::uint64_t{0}};  // events the subscriber ends after; known at the end
  std::atomic<bool> given_up{false};                     // nothing more comes

  Times(Position head, const SubscribeLoad& load) : start(head) {
    const auto slots = static_cast<std::size_t>(static_cast<double>(load.rate) * load.seconds) + 1;
    due.resize(slots);
    acknowledged.resize(slots);
    delivered.resize(slots);
  }
  [[nodiscard]] std::size_t slot_of(Position at) const { return at.value() - start.value() - 1; }
  // False: that was the last one.
  bool deliver(Position at) {
    const auto slot = slot_of(at);
    if (slot < delivered.size()) delivered[slot] = Clock::now();
    return slot + 1 < wanted;
  }
};

result<std::uint64_t> write_on_schedule(EventStore& store, const SubscribeLoad& load, Times& times,
                                        const std::stop_token& stop) {
  AppendLoad one;
  one.size = load.size;
  one.run = fmt::format("{}-{}", load.rate, to_string(Uuid::random()).substr(24));
  AppendSource source(one, 0);
  times.subscribed.wait(false);
  const auto begin = Clock::now();
  const auto end = begin + as_duration(load.seconds);
  Pace pace(begin, load.rate);
  std::uint64_t sent = 0;
  for (; sent < times.due.size() && !stop.stop_requested(); ++sent) {
    const auto due = pace.wait_next(end);
    if (due >= end) break;
    STELE_TRY(const auto appended, store.append(source.next()));
    source.acknowledged(appended);
    const auto slot = times.slot_of(appended.last);
    times.due[slot] = due;
    times.acknowledged[slot] = Clock::now();
  }
  return sent;
}

SubscribeMeasured compare(const Times& times, std::uint64_t events) {
  SubscribeMeasured measured;
  const auto first = static_cast<std::uint64_t>(static_cast<double>(events) * warm_up);
  for (auto slot = first; slot < events; ++slot) {
    ++measured.events;
    measured.from_acknowledged.add(times.delivered[slot] - times.acknowledged[slot]);
    measured.from_due.add(times.delivered[slot] - times.due[slot]);
  }
  return measured;
}

// `receive` returns when it has delivered everything that was wanted, or when `given_up` was set and it was woken
// by `wake`.
template <class Receive, class Wake>
result<SubscribeMeasured> measure(EventStore& store, const SubscribeLoad& load, Times& times,
                                  const std::stop_token& stop, Receive receive, Wake wake) {
  result<void> received;
  result<std::uint64_t> sent = std::uint64_t{0};
  {
    const std::jthread subscriber([&] {
      received = receive();
      times.subscribed = true;  // also after a failure: the writer waits for it
      times.subscribed.notify_all();
    });
    sent = write_on_schedule(store, load, times, stop);
    times.wanted = sent.value_or(0);
    times.given_up = !sent || *sent == 0;
    wake();
  }
  if (!sent) return sent.error();
  if (!received) return received.error();
  return compare(times, *sent);
}

void subscribed(Times& times) {
  times.subscribed = true;
  times.subscribed.notify_all();
}

}  // namespace

// It looks at `wanted` once per batch, so a writer that ends just after the last delivery costs one wait.
result<SubscribeMeasured> measure_subscription(EventStore& store, const SubscribeLoad& load,
                                               const std::stop_token& stop) {
  Times times(store.head().position, load);
  STELE_TRY(const auto subscription, store.subscribe(Query::all(), times.start));
  const auto receive = [&]() -> result<void> {
    subscribed(times);
    for (std::uint64_t got = 0; !times.given_up && got < times.wanted;) {
      STELE_TRY(const auto batch, subscription->next_batch(batch_events, longest_wait));
      for (const auto& event : batch.events) times.deliver(event.position);
      got += batch.events.size();
    }
    return {};
  };
  return measure(store, load, times, stop, receive, [] {});
}

result<SubscribeMeasured> measure_live_stream(EventStore& store, const SubscribeLoad& load,
                                              const std::stop_token& stop) {
  ServerOptions options;
  options.port = 0;
  STELE_TRY(const auto server, Server::start(store, nullptr, options));
  STELE_TRY(const auto target,
            open_remote_target({.url = fmt::format("http://127.0.0.1:{}", server->port())}));
  Times times(store.head().position, load);
  std::stop_source enough;
  const auto receive = [&]() -> result<void> {
    return target->follow(
        {}, times.start,
        [&](const EventView& event) -> result<bool> { return times.deliver(event.position); },
        [&] { subscribed(times); }, enough.get_token());
  };
  // What was delivered before `wanted` was known did not end the subscriber: one more event does.
  const auto wake = [&] {
    AppendLoad last;
    last.run = "end-" + to_string(Uuid::random()).substr(24);
    if (!store.append(AppendSource(last, 0).next())) enough.request_stop();
  };
  return measure(store, load, times, stop, receive, wake);
}

// Two threads that hand a turn to and fro, each asleep while it is the other's.
double probe_wake_up(double seconds) {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t turn = 0;
  bool ended = false;
  const auto pass = [&](std::unique_lock<std::mutex>& lock) {
    const auto mine = turn++;
    changed.notify_one();
    changed.wait(lock, [&] { return turn == mine + 2 || ended; });
  };
  const std::jthread other([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return turn == 1 || ended; });
    while (!ended) pass(lock);
  });
  Histogram round_trips;
  std::unique_lock lock(mutex);
  for (const auto begin = Clock::now(); seconds_since(begin) < seconds;) {
    const auto one = Clock::now();
    pass(lock);
    round_trips.add(Clock::now() - one);
  }
  ended = true;
  changed.notify_one();
  return std::chrono::duration<double>(round_trips.percentile(0.5)).count() / 2;
}

}  // namespace stele::cli::bench
