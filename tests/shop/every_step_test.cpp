// every_step_test.cpp - each way an order can go, and a mishap at each single write that its saga makes on that way:
// its process dies before it or after it, the store refuses it, its answer is lost. What comes out must be what comes
// out when nothing goes wrong. The random half is fulfilment_test.cpp.
//
// With STELE_SHOP_ORDERS=10000 also at each write of all ways under way together, which takes more orders than that.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>

#include "domain/dying_store.hpp"
#include "domain/memory_records.hpp"
#include "domain/saga_worker.hpp"
#include "engine/machine.hpp"
#include "shop/fulfilment.hpp"
#include "shop/place_order.hpp"

namespace shop {
namespace {

using namespace stele::literals;
using stele::errc;
using stele::test::Death;
using stele::test::DyingStore;
using stele::test::must;

// ---- What people do meanwhile

void change_their_mind(stele::EventStore& store, const std::string& order) {
  must(stele::handle<Order>(store, CancelOrder{order, "changed my mind"}));
}
void pay(stele::EventStore& store, const std::string& order) {
  must(stele::handle<Payment>(store, ConfirmPayment{order}));
}
void pay_and_fetch(stele::EventStore& store, const std::string& order) {
  pay(store, order);
  must(stele::handle<Order>(store, ShipOrder{order, "fetched"}));
}
void close_the_payment(stele::EventStore& store, const std::string& order) {
  must(stele::handle<Payment>(store, ReversePayment{order}));
}

// ---- The ways

constexpr const char* at_once = "at once";
constexpr const char* while_it_waits = "while it waits";

struct Way {
  std::string name;
  std::string method;
  std::string moment;  // of `people`: one of the two above, or the event just before which they are faster
  std::function<void(stele::EventStore&, const std::string&)> people{};
  bool shipped = false;
  std::size_t timers = 0;  // that run out
};

// Every reaction of the saga, to events, to its timer and to each command that can be refused it, is on one of them.
const std::vector<Way>& ways() {
  static const std::vector<Way> all{
      {"paid by card", "card", "", {}, true},
      {"declined", "declined", "", {}},
      {"paid by transfer", "transfer", while_it_waits, pay, true},
      {"never paid", "transfer", "", {}, false, 1},
      {"cancelled at once", "card", at_once, change_their_mind},
      {"cancelled while it waits", "transfer", while_it_waits, change_their_mind},
      {"cancelled as it is shipped", "card", "OrderShipped", change_their_mind},
      {"paid as time runs out", "transfer", "OrderCancelled", pay, false, 1},
      {"fetched as time runs out", "transfer", "OrderCancelled", pay_and_fetch, true, 1},
      {"payment closed as it is asked for", "card", "PaymentCaptured", close_the_payment, false, 1},
  };
  return all;
}

// ---- The mishaps

struct Mishap {
  const char* name;
  Death death = Death::before_the_write;
  std::optional<errc> survives{};  // nothing: the process dies
  bool forgets = false;            // its checkpoint is lost with it
  bool help_is_late = false;       // nobody restarts or retries before the orders' time has run out
};

const std::vector<Mishap>& mishaps() {
  static const std::vector<Mishap> all{
      {"dies before it"},
      {"dies after it", Death::after_the_write},
      {"dies and forgets", Death::after_the_write, {}, true},
      {"is dead for long", Death::before_the_write, {}, false, true},
      {"is dead for long after it", Death::after_the_write, {}, false, true},
      {"the store is busy", Death::before_the_write, errc::busy},
      {"the answer is lost", Death::after_the_write, errc::unavailable},
      {"somebody seems faster", Death::before_the_write, errc::conflict},
      {"is stuck", Death::before_the_write, errc::corrupt},
      {"is stuck after it", Death::after_the_write, errc::corrupt},
      {"is stuck for long", Death::before_the_write, errc::corrupt, false, true},
  };
  return all;
}

struct Figures {
  std::uint64_t rounds = 0;
  std::uint64_t orders = 0;
  std::uint64_t struck = 0;
  std::uint64_t restarts = 0;
  std::uint64_t retries = 0;
  std::uint64_t timers = 0;
  std::uint64_t shipped = 0;
};

using Story = std::vector<std::string>;

// ---- One round: an order for each of the ways, a mishap at one write

class Round {
 public:
  Round(std::vector<Way> chosen, const Mishap& mishap, std::uint64_t at_write, Figures& figures)
      : ways_(std::move(chosen)), mishap_(mishap), figures_(figures), store_(must(machine_.open())) {
    clock_.advance(machine_.clock.now() - clock_.now());
    people_.before_append = [this](const stele::AppendRequest& request) { be_faster(request); };
    unlucky_.emplace(people_, at_write, mishap.death, mishap.survives);
    must(stele::handle<Customer>(*store_, RegisterCustomer{"rich", "Rich", "r@x", 100'000_money}));
    for (const std::string& product : products) {
      must(stele::handle<Product>(*store_, ListProduct{product, "P", 7.50_money}));
      must(stele::handle<Stock>(*store_, ReceiveStock{product, received}));
    }
  }

  void play() {
    place_all();
    interfere(at_once);
    come_to_rest(!mishap_.help_is_late);
    interfere(while_it_waits);
    come_to_rest(!mishap_.help_is_late);
    pass_time(std::chrono::minutes(16));
    come_to_rest(!mishap_.help_is_late);
    come_to_rest(true);
    ++figures_.rounds;
    figures_.orders += ways_.size();
    figures_.struck += unlucky_->struck() ? 1 : 0;
  }
  [[nodiscard]] bool struck() const { return unlucky_->struck(); }

  // What became of the order, stream by stream, without what differs from one time to the next.
  Story story(std::size_t number) {
    const std::string order = id(number);
    Story lines;
    for (const std::string& stream : {"Order-" + order, "Payment-" + order})
      for (const auto& event : events(stream)) lines.push_back(event.type);
    for (const auto& event : events(saga_stream(order))) {
      const auto step = read<stele::domain::SagaStep>(event);
      lines.push_back(std::string(stele::detail::enum_name(step.because)) + " " + step.name);
    }
    for (const std::string& product : products)
      for (const auto& event : events("Stock-" + product))
        if (event.data.contains('"' + order + '"')) lines.push_back(event.type + " " + product);
    return lines;
  }

  void expect_an_end(std::size_t number, const Story& expected) {
    const Way& way = ways_[number];
    SCOPED_TRACE("an order that is " + way.name);
    const Story lines = story(number);
    const bool shipped = std::holds_alternative<Order::Shipped>(state_of<Order>(id(number)));
    const auto payment = state_of<Payment>(id(number));
    if (!shipped) {
      EXPECT_TRUE(std::holds_alternative<Order::Cancelled>(state_of<Order>(id(number)))) << "left open";
      EXPECT_TRUE(std::holds_alternative<Payment::Closed>(payment));
    } else {
      EXPECT_TRUE(std::holds_alternative<Payment::Captured>(payment));
    }
    const auto fired = static_cast<std::size_t>(std::ranges::count(lines, "timer payment"));
    EXPECT_LE(fired, 1u);
    figures_.timers += fired;
    figures_.shipped += shipped ? 1 : 0;
    sold_ += shipped ? 1 : 0;
    if (mishap_.help_is_late) return;  // people have met another order than they would have
    EXPECT_EQ(lines, expected);
    EXPECT_EQ(shipped, way.shipped);
    EXPECT_EQ(fired, way.timers);
  }

  void expect_the_books_to_balance() {
    Money taken;
    for (std::size_t i = 0; i < ways_.size(); ++i)
      for (const auto& event : events("Payment-" + id(i))) {
        if (event.type == "PaymentCaptured") taken += read<PaymentCaptured>(event).amount;
        if (event.type == "PaymentRefunded") taken -= read<PaymentRefunded>(event).amount;
      }
    EXPECT_EQ(to_string(taken), to_string(22.50_money * sold_));
    for (std::size_t i = 0; i < products.size(); ++i) {
      const auto stock = state_of<Stock>(products[i]);
      EXPECT_TRUE(stock.reserved.empty()) << products[i];
      EXPECT_EQ(stock.issued, sold_ * static_cast<std::int64_t>(1 + i)) << products[i];
      EXPECT_EQ(stock.available + stock.issued, received) << products[i];
    }
    EXPECT_EQ(worker_->status().timers, 0u);
    EXPECT_EQ(worker_->troubles().size(), 0u);
  }

 private:
  static constexpr std::int64_t received = 100;
  static inline const std::vector<std::string> products{"a", "b"};

  static std::string id(std::size_t number) { return "o" + std::to_string(number); }
  static std::string saga_stream(const std::string& order) { return stele::saga_stream<Fulfilment>(order); }

  // ---- People

  void place_all() {
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      const PlaceOrder order{id(i), "rich", {{"a", 1}, {"b", 2}}, {"1 St", "X", "1"}, ways_[i].method};
      EXPECT_TRUE(must(place_order(*store_, order)).outcome.accepted());
    }
  }
  void interfere(const std::string& moment) {
    for (std::size_t i = 0; i < ways_.size(); ++i)
      if (ways_[i].moment == moment) ways_[i].people(*store_, id(i));
  }
  // Between the saga's decision and its write.
  void be_faster(const stele::AppendRequest& request) {
    for (const auto& write : request.writes)
      for (std::size_t i = 0; i < ways_.size(); ++i)
        if (write.stream.ends_with("-" + id(i)) && write.events[0].type == ways_[i].moment &&
            was_faster_.insert(i).second)
          ways_[i].people(*store_, id(i));
  }

  // ---- The saga's process

  void start_again() {
    worker_.reset();
    if (mishap_.forgets) must(people_.records().erase("saga", "Fulfilment"));
    worker_ = make_worker(people_);  // once is enough
    ++figures_.restarts;
  }
  [[nodiscard]] bool is_dead() const { return figures_before_ == figures_.restarts && unlucky_->dead(); }
  std::unique_ptr<stele::domain::SagaWorker> make_worker(stele::EventStore& over) {
    stele::SagaOptions options;
    options.clock = &clock_;
    options.checkpoint_every = 3;
    options.tries = 1;
    return std::make_unique<stele::domain::SagaWorker>(
        over, std::make_unique<stele::detail::SagaKindOf<Fulfilment>>(), options);
  }
  void run_worker() {
    for (int turns = 0; turns < 10'000; ++turns) {
      const auto did = worker_->turn();
      broken_ = did ? "" : did.error().to_string();
      if (!did || !*did) return;
    }
    ADD_FAILURE() << "a saga that never comes to rest";
  }
  void retry_what_is_stuck() {
    for (const auto& each : worker_->troubles())
      if (each.stuck && worker_->retry(each.instance)) ++figures_.retries;
  }
  void come_to_rest(bool with_help) {
    if (!worker_) worker_ = make_worker(*unlucky_);
    for (int tries = 0; tries < 20; ++tries) {
      if (is_dead() && !with_help) return;
      if (is_dead()) start_again();
      run_worker();
      if (is_dead()) continue;
      if (worker_->is_idle() && (worker_->troubles().empty() || !with_help)) return;
      if (with_help) retry_what_is_stuck();
      pass_time(std::chrono::seconds(6));
    }
    ADD_FAILURE() << "after all that help there is still something to do" << what_is_wrong();
  }
  std::string what_is_wrong() {
    std::string all = ": " + broken_;
    for (const auto& each : worker_->troubles()) all += "; " + each.instance + ": " + each.error;
    return all;
  }
  void pass_time(std::chrono::seconds time) {
    machine_.clock.advance(time);
    clock_.advance(time);
  }

  // ---- What there is

  std::vector<stele::RecordedEvent> events(const std::string& stream) {
    auto cursor = store_->read_stream({stream, {}, stele::Direction::forward, stele::no_limit});
    return cursor ? stele::test::drain(**cursor) : std::vector<stele::RecordedEvent>();
  }
  template <class E>
  static E read(const stele::RecordedEvent& event) {
    return must(stele::from_json<E>(std::string_view(event.data)));
  }
  template <class D>
  typename D::State state_of(const std::string& name) {
    return must(stele::Repository<D>(*store_).load(name)).state;
  }

  const std::vector<Way> ways_;
  const Mishap mishap_;
  Figures& figures_;
  const std::uint64_t figures_before_ = figures_.restarts;
  stele::test::Machine machine_{1};
  std::unique_ptr<stele::engine::EmbeddedStore> store_;
  stele::test::StoreWithMemoryRecords records_{*store_};
  stele::test::MeddlingStore people_{static_cast<stele::EventStore&>(records_)};
  std::optional<DyingStore> unlucky_;
  stele::ManualClock clock_{stele::Timestamp{}};
  std::unique_ptr<stele::domain::SagaWorker> worker_;
  std::string broken_;  // what its last turn was ended by
  std::set<std::size_t> was_faster_;
  std::int64_t sold_ = 0;
};

// ---- The tests

Story undisturbed(const Way& way) {
  Figures unused;
  Round round({way}, {"nothing"}, 0, unused);
  round.play();
  return round.story(0);
}
const std::map<std::string, Story>& undisturbed_stories() {
  static const auto stories = [] {
    std::map<std::string, Story> all;
    for (const Way& way : ways()) all.emplace(way.name, undisturbed(way));
    return all;
  }();
  return stories;
}

// False: there is no such write any more.
bool play_one(const std::vector<Way>& chosen, const Mishap& mishap, std::uint64_t at_write,
              Figures& figures) {
  SCOPED_TRACE(std::string(mishap.name) + ", at write " + std::to_string(at_write));
  Round round(chosen, mishap, at_write, figures);
  round.play();
  for (std::size_t i = 0; i < chosen.size(); ++i)
    round.expect_an_end(i, undisturbed_stories().at(chosen[i].name));
  round.expect_the_books_to_balance();
  return round.struck();
}

void tell(const Figures& all) {
  std::cout << "  " << all.orders << " orders in " << all.rounds << " rounds, " << all.shipped << " shipped; "
            << all.struck << " mishaps, " << all.restarts << " restarts, " << all.retries << " retries, "
            << all.timers << " timers fired\n";
}

std::uint64_t orders_in_flight() {
  const char* asked = std::getenv("STELE_SHOP_ORDERS");
  return asked ? std::strtoull(asked, nullptr, 10) : stele::test::sanitized ? 60 : 220;
}

TEST(EveryStep, each_way_of_an_order_ends_as_it_should) {
  std::set<std::string> seen;
  for (const Way& way : ways()) {
    const Story& story = undisturbed_stories().at(way.name);
    seen.insert(story.begin(), story.end());
  }
  for (const std::string line :
       {"event OrderPlaced", "event PaymentCaptured", "event PaymentFailed", "event OrderShipped",
        "event OrderCancelled", "timer payment", "refused RequestPayment", "refused ShipOrder",
        "refused CancelOrder", "unneeded ShipOrder", "unneeded ReversePayment", "PaymentRefunded",
        "PaymentVoided", "InventoryIssued a", "InventoryIssued b", "InventoryReleased a",
        "InventoryReleased b"})
    EXPECT_TRUE(seen.contains(line)) << line << " is on no way";
}

TEST(EveryStep, at_whichever_write_something_goes_wrong_the_order_ends_as_if_nothing_had) {
  const std::uint64_t stride = stele::test::sanitized ? 5 : 1;
  Figures figures;
  for (const Way& way : ways())
    for (std::size_t kind = 0; kind < mishaps().size() && !testing::Test::HasFailure(); ++kind)
      for (auto at = 1 + kind % stride; play_one({way}, mishaps()[kind], at, figures);) at += stride;
  EXPECT_GT(figures.struck, 500 / stride);
  tell(figures);
}

TEST(EveryStep, so_do_many_that_are_under_way_together) {
  Figures figures;
  const auto wanted = orders_in_flight();
  const bool at_each = wanted >= 10'000;  // else at some that are far from each other
  bool struck = true;
  for (std::uint64_t at = 1; struck && (at_each || figures.orders < wanted); at += at_each ? 1 : 31)
    for (const Mishap& mishap : mishaps()) {
      struck = play_one(ways(), mishap, at, figures);
      if (testing::Test::HasFailure()) return;
    }
  EXPECT_GT(figures.shipped, 0u);
  EXPECT_GT(figures.timers, 0u);
  tell(figures);
}

}  // namespace
}  // namespace shop
