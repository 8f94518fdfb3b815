// log_source.cpp - appends of one event each, thousands of them in flight.
#include "cli/bench/log_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>

#include "cli/bench/pace.hpp"

namespace stele::cli::bench {
namespace {

constexpr std::uint64_t appends_in_flight = 4096;
constexpr std::uint64_t fill_seed = 42;
constexpr std::uint64_t events_with_tag = 10;

// An amount in front, so that what is folded has something to add up.
std::string filled_payload(std::uint64_t number, std::uint64_t size) {
  auto json = fmt::format(R"({{"amount":"{}.{:02}","note":")", number % 1000, number % 100);
  const std::string_view end = "\"}";
  if (size > json.size() + end.size()) json.append(size - json.size() - end.size(), 'x');
  return json.append(end);
}

class EventMaker {
 public:
  explicit EventMaker(const LogPlan& plan) : plan_(plan), zipf_(plan.streams, fill_seed) {}

  AppendRequest next() {
    AppendRequest request;
    auto& write = request.writes.emplace_back();
    write.stream = stream_of(plan_.zipf ? zipf_.next() : made_ % plan_.streams);
    write.events.push_back(event());
    ++made_;
    return request;
  }
  [[nodiscard]] std::uint64_t left() const { return plan_.events - made_; }

 private:
  [[nodiscard]] NewEvent event() const {
    NewEvent event;
    event.type = made_ % 5 == 4 ? "MoneyWithdrawn" : "MoneyDeposited";
    event.data = filled_payload(made_, plan_.size);
    if (!plan_.tags) return event;
    event.tags.push_back(order_tag(made_ % orders_of(plan_)));
    if (made_ % 10 == 0) event.tags.emplace_back("country:de");
    if (made_ < plan_.events / 20) event.tags.push_back(fmt::format("early:{}", made_ % 1000));
    return event;
  }

  const LogPlan& plan_;
  Zipf zipf_;
  std::uint64_t made_ = 0;
};

// How many appends are on their way, and the first error of any of them.
class InFlight {
 public:
  // Waits when there are `most`, and then until half of them are done: one wake-up for many.
  result<void> enter(std::uint64_t most) {
    std::unique_lock lock(mutex_);
    if (count_ >= most) wait_until(lock, most / 2);
    if (error_) return *error_;
    ++count_;
    return {};
  }
  void leave(const result<AppendResult>& outcome) {
    const std::lock_guard lock(mutex_);
    if (!outcome && !error_) error_ = outcome.error();
    if (--count_ <= awaited_) moved_.notify_one();
  }
  result<void> wait_empty() {
    std::unique_lock lock(mutex_);
    wait_until(lock, 0);
    if (error_) return *error_;
    return {};
  }

 private:
  void wait_until(std::unique_lock<std::mutex>& lock, std::uint64_t few) {
    awaited_ = few;
    moved_.wait(lock, [&] { return count_ <= few; });
    awaited_ = 0;
  }

  std::mutex mutex_;
  std::condition_variable moved_;
  std::uint64_t count_ = 0;
  std::uint64_t awaited_ = 0;  // how few somebody waits for
  std::optional<Error> error_;
};

}  // namespace

std::string stream_of(std::uint64_t number) { return fmt::format("bench-{}", number); }

std::uint64_t orders_of(const LogPlan& plan) {
  return std::max<std::uint64_t>(1, plan.events / events_with_tag);
}

std::string order_tag(std::uint64_t number) { return fmt::format("order:{}", number); }

result<FillMeasured> fill(EventStore& store, const LogPlan& plan, const std::stop_token& stop) {
  EventMaker maker(plan);
  InFlight in_flight;
  const auto begin = Clock::now();
  std::optional<Error> failed;
  while (maker.left() > 0 && !stop.stop_requested() && !failed) {
    auto request = maker.next();
    if (const auto entered = in_flight.enter(appends_in_flight); !entered) {
      failed = entered.error();
      break;
    }
    store.append_async(std::move(request),
                       [&](const result<AppendResult>& outcome) { in_flight.leave(outcome); });
  }
  STELE_CHECK(in_flight.wait_empty());  // also after an error: completions look at what lives here
  if (failed) return *failed;
  return FillMeasured{.events = plan.events - maker.left(), .seconds = seconds_since(begin)};
}

Zipf::Zipf(std::uint64_t n, std::uint64_t seed)
    : log_span_(std::log(static_cast<double>(n) + 1.0)), n_(n), random_(seed) {}

std::uint64_t Zipf::next() {
  const auto value = static_cast<std::uint64_t>(std::exp(share_(random_) * log_span_));
  return std::min(n_, std::max<std::uint64_t>(1, value)) - 1;
}

}  // namespace stele::cli::bench
