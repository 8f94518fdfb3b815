// append_load.cpp - the two ways to drive a store: a waiting thread per writer, or completions.
#include "cli/bench/append_load.hpp"

#include <condition_variable>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "cli/bench/pace.hpp"

namespace stele::cli::bench {
namespace {

// The first moments find cold caches and threads that are still starting: they are not counted.
constexpr double warm_up_share = 0.1;

struct Window {
  Clock::time_point begin;
  Clock::time_point measured;  // from here on answers count
  Clock::time_point end;

  explicit Window(double seconds)
      : begin(Clock::now()),
        measured(begin + as_duration(seconds * warm_up_share)),
        end(measured + as_duration(seconds)) {}
  [[nodiscard]] bool counts(Clock::time_point answered) const {
    return answered >= measured && answered <= end;
  }
};

Pace pace_of(const AppendLoad& load, const Window& window, std::uint64_t writer) {
  return {window.begin, load.rate, writer, load.writers};
}

void count(AppendMeasured& measured, const Window& window, Clock::time_point due,
           const result<AppendResult>& outcome) {
  const auto now = Clock::now();
  if (!outcome) {
    ++(outcome.error().kind() == errc::conflict ? measured.conflicts : measured.errors);
    if (!measured.first_error) measured.first_error = outcome.error();
    return;
  }
  if (!window.counts(now)) return;
  ++measured.appends;
  measured.latency.add(now - due);
}

// The first error of any writer is kept: the others usually follow from it.
void merge(AppendMeasured& into, const AppendMeasured& from) {
  into.appends += from.appends;
  into.conflicts += from.conflicts;
  into.errors += from.errors;
  if (!into.first_error) into.first_error = from.first_error;
  into.latency.merge(from.latency);
}

// A writer that has failed stops: its stream's head is not known any more.
AppendMeasured write_until_end(const AppendCall& call, const AppendLoad& load, const Window& window,
                               std::uint64_t writer, const std::stop_token& stop) {
  AppendMeasured measured;
  AppendSource source(load, writer);
  auto pace = pace_of(load, window, writer);
  while (!stop.stop_requested()) {
    const auto due = pace.wait_next(window.end);
    if (due >= window.end) break;
    const auto outcome = call(source.next());
    count(measured, window, due, outcome);
    if (!outcome) break;
    source.acknowledged(*outcome);
  }
  return measured;
}

// The slots whose answer has come, handed from the store's thread to the submitting one.
class ReadySlots {
 public:
  void put(std::uint32_t slot) {
    const std::lock_guard lock(mutex_);
    slots_.push_back(slot);
    if (slots_.size() == 1) arrived_.notify_one();
  }
  // Waits for one at least; with `until`, no longer than that.
  void take_all(std::vector<std::uint32_t>& into, std::optional<Clock::time_point> until) {
    into.clear();
    std::unique_lock lock(mutex_);
    const auto any = [&] { return !slots_.empty(); };
    if (until)
      arrived_.wait_until(lock, *until, any);
    else
      arrived_.wait(lock, any);
    into.swap(slots_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::uint32_t> slots_;
};

struct Slot {
  AppendSource source;
  Pace pace;
  Clock::time_point due{};
  bool failed = false;
};

// Many appends in flight from one thread. What is due first is sent first, whichever slot became free first.
class CompletionLoad {
 public:
  CompletionLoad(EventStore& store, const AppendLoad& load)
      : store_(store), window_(load.seconds), open_(load.rate != 0) {
    for (std::uint64_t i = 0; i < load.writers; ++i)
      slots_.push_back({AppendSource(load, i), pace_of(load, window_, i)});
  }

  AppendMeasured run(const std::stop_token& stop) {
    std::vector<std::uint32_t> ready(slots_.size());
    for (std::uint32_t i = 0; i < ready.size(); ++i) ready[i] = i;
    std::size_t in_flight = 0;
    while (true) {
      for (const auto index : ready) in_flight += plan(index, stop) ? 1 : 0;
      in_flight += send_due();
      if (in_flight == 0 && waiting_.empty()) return measured_;
      ready_.take_all(ready, waiting_.empty() ? std::nullopt : std::optional(waiting_.top().first));
      in_flight -= ready.size();
    }
  }

 private:
  using Due = std::pair<Clock::time_point, std::uint32_t>;

  // True: sent at once. A slot that has failed, or whose next append is due after the end, is finished.
  bool plan(std::uint32_t index, const std::stop_token& stop) {
    auto& slot = slots_[index];
    if (slot.failed || stop.stop_requested()) return false;
    slot.due = slot.pace.next();
    if (slot.due >= window_.end) return false;
    if (open_)
      waiting_.emplace(slot.due, index);
    else
      send(index);
    return !open_;
  }

  std::size_t send_due() {
    std::size_t sent = 0;
    for (const auto now = Clock::now(); !waiting_.empty() && waiting_.top().first <= now; ++sent) {
      send(waiting_.top().second);
      waiting_.pop();
    }
    return sent;
  }

  void send(std::uint32_t index) {
    store_.append_async(slots_[index].source.next(),
                        [this, index](result<AppendResult> outcome) { answered(index, outcome); });
  }

  // On the store's thread, one at a time.
  void answered(std::uint32_t index, const result<AppendResult>& outcome) {
    auto& slot = slots_[index];
    {
      const std::lock_guard lock(mutex_);
      count(measured_, window_, slot.due, outcome);
    }
    if (outcome) slot.source.acknowledged(*outcome);
    slot.failed = !outcome;
    ready_.put(index);
  }

  EventStore& store_;
  Window window_;
  bool open_;  // at a given rate
  std::vector<Slot> slots_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> waiting_;
  ReadySlots ready_;
  std::mutex mutex_;
  AppendMeasured measured_;
};

}  // namespace

// All ways to the store are made before the clock starts, so connecting is not part of any latency.
result<AppendMeasured> run_blocking(const AppendCallMaker& make, const AppendLoad& load,
                                    std::stop_token stop) {
  std::vector<AppendCall> calls;
  for (std::uint64_t i = 0; i < load.writers; ++i) {
    STELE_TRY(auto call, make());
    calls.push_back(std::move(call));
  }
  std::vector<AppendMeasured> measured(load.writers);
  const Window window(load.seconds);
  {
    std::vector<std::jthread> threads;
    threads.reserve(load.writers);
    for (std::uint64_t i = 0; i < load.writers; ++i)
      threads.emplace_back([&, i] { measured[i] = write_until_end(calls[i], load, window, i, stop); });
  }
  AppendMeasured all;
  all.seconds = load.seconds;
  for (const auto& one : measured) merge(all, one);
  return all;
}

result<AppendMeasured> run_completions(EventStore& store, const AppendLoad& load, std::stop_token stop) {
  auto measured = CompletionLoad(store, load).run(stop);
  measured.seconds = load.seconds;
  return measured;
}

}  // namespace stele::cli::bench
