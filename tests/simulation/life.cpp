// life.cpp - one step after another, the model beside the store.
#include "life.hpp"

#include <algorithm>
#include <cerrno>

#include "after_cut.hpp"
#include "life_seed.hpp"
#include "rot.hpp"

namespace stele::simulation {
namespace {

constexpr std::uint64_t no_end = ~std::uint64_t{0};
// A segment has room for any append as long as so much of it is left: see during_sync().
constexpr std::uint64_t largest_append = 8192;

struct Listener {
  Query query;
  std::unique_ptr<Subscription> subscription;
  Position at;
};

class Life final : public DiskWatcher {
 public:
  Life(const Plan& plan, const std::set<std::size_t>& only)
      : plan_(plan), only_(only), random_(plan.seed), judge_([this] { return excused(); }) {}

  Outcome run() {
    begin_step(plan_.seed);
    open();
    for (std::size_t i = 0; i < plan_.steps.size() && judge_.content(); ++i) {
      if (!only_.empty() && !only_.contains(i)) continue;
      at_step(plan_.seed, now_ = i);
      take(plan_.steps[i]);
    }
    begin_step(plan_.seed + 1);
    if (judge_.content()) end_well();
    listeners_.clear();
    store_.reset();
    if (judge_.finding()) outcome_.finding = described(*judge_.finding());
    return std::move(outcome_);
  }

  // ---- The disk tells

  void before_change(const std::filesystem::path& path) override {
    ++outcome_.changes;
    note(std::hash<std::string>{}(path.native()));
    if (!judge_.content() || disk_.stopped()) return;
    if (plan_.slow && cuts_->below(8) == 0) clock_.advance(std::chrono::milliseconds(cuts_->below(3000)));
    if (cuts_->below(cut_one_in_) != 0) return;
    const auto copy = disk_.fork();
    CutCounts counts;
    Judge strict;  // on the copy nothing but the power fails
    check_after_cut(*copy, model_, plan_.segment_bytes, *cuts_, strict, counts);
    if (strict.finding())
      judge_.complain("after a cut before change " + number(outcome_.changes) + ": " + *strict.finding());
    outcome_.cuts += counts.cuts;
    outcome_.double_cuts += counts.double_cuts;
    outcome_.openings += counts.openings;
  }

  // A batch is on its way to the disk: others come meanwhile. Not when the append itself may turn out to be refused,
  // because something could not be read: the model has it before those who come now. And only as long as the segment
  // has room for anything: for a new one they would wait, and there is nobody else to wait for.
  void during_sync(const std::filesystem::path& path, std::uint64_t end) override {
    const bool has_room =
        end + 2 * largest_append < plan_.segment_bytes && plan_.habits.data_bytes < largest_append;
    if (!committing_ || !has_room || path.extension() != ".seg" || disk_.stopped() || !store_ || reads_fail_)
      return;
    committing_ = false;
    for (auto guests = guests_->below(3); guests > 0 && judge_.content(); --guests) {
      if (guests_->below(3) == 0) {
        check_something(*store_, model_, *guests_, judge_);
      } else {
        append_async(small_append(*guests_, serial_));
      }
    }
    committing_ = true;
  }

 private:
  // ---- Beginning and ending

  void begin_step(std::uint64_t seed) {
    dice_.emplace(seed);
    cuts_.emplace(seed ^ 0x5DEECE66D);
    guests_.emplace(seed ^ 0xC0FFEE);
    cut_one_in_ = plan_.cut_one_in;
  }

  void open() {
    auto opened = engine::EmbeddedStore::open(world_, "/store", {.segment_bytes = plan_.segment_bytes});
    ++outcome_.openings;
    if (!opened) {
      judge_.failed("opening the store", opened.error());
      return;
    }
    const auto& damages = (*opened)->recovery().damages;
    if (!judge_.expect(damages.empty(), "a store that nobody damaged is taken for damaged",
                       [&] { return engine::log::to_string(damages.front()); })) {
      return;
    }
    store_ = std::move(*opened);
    if (!settle(*store_, model_, judge_)) close();
  }

  // Everybody is answered; what was staged is written, if the disk lets it.
  void close() {
    listeners_.clear();
    store_.reset();
    judge_.expect(pending_ == 0, "closing a store answers everybody",
                  [&] { return number(pending_) + " wait"; });
  }

  // The process ends at once.
  void stop() {
    if (!disk_.stopped()) disk_.stop_at_change(1);
    close();
  }

  void lose_power() {
    stop();
    disk_.crash(dice_->next());
    ++outcome_.cuts;
    clear_faults();
    open();
  }

  void clear_faults() {
    disk_.clear_plans();
    disk_.set_free_bytes(no_end);
    failing_ = full_ = reads_fail_ = false;
  }

  // Errors are explained by the disk.
  [[nodiscard]] bool excused() const { return failing_ || full_ || disk_.stopped(); }

  void end_well() {
    lose_power();
    if (!judge_.expect(store_ != nullptr, "the store is open in the end") || !judge_.content()) return;
    jobs_.run_all();
    for (const auto& stream : model_.streams()) {
      if (judge_.content()) check_stream(*store_, model_, stream, *dice_, judge_);
    }
    for (int i = 0; i < 6 && judge_.content(); ++i) check_something(*store_, model_, *dice_, judge_);
    close();
    rot();
  }

  void rot() {
    RotCounts counts;
    for (int i = 0; i < 8 && judge_.content(); ++i) {
      const auto copy = disk_.fork();
      check_rot(*copy, model_, plan_.segment_bytes, *dice_, judge_, counts);
    }
    outcome_.flips = counts.flips;
    outcome_.flips_told = counts.told;
  }

  std::string described(const std::string& finding) const {
    const auto step = now_ < plan_.steps.size() ? name_of(plan_.steps[now_].kind) : "end";
    return "step " + number(now_) + " (" + step + "): " + finding;
  }

  void note(std::uint64_t value) { outcome_.digest = (outcome_.digest ^ value) * 0x100000001B3; }

  // ---- Steps

  void take(const Step& step) {
    begin_step(step.seed);
    ++outcome_.steps;
    if (!store_) {
      clear_faults();
      open();
    }
    if (store_) act(step.kind);
    if (disk_.stopped() && judge_.content()) lose_power();
    if (store_ && judge_.content()) look_at_head();
  }

  void act(Kind kind) {
    switch (kind) {
      case Kind::append:
        return append(random_append(model_, plan_.habits, *dice_, serial_));
      case Kind::load:
        return load();
      case Kind::append_async:
        return append_async(random_append(model_, plan_.habits, *dice_, serial_));
      case Kind::repeat:
        return repeat();
      case Kind::retention:
        return append(random_retention(model_, *dice_));
      case Kind::background:
        return work();
      case Kind::look:
        return check_something(*store_, model_, *dice_, judge_);
      case Kind::look_at_all:
        (void)check_log(*store_, model_, judge_);
        return;
      case Kind::subscribe:
        return listen();
      case Kind::follow:
        return follow();
      case Kind::compact:
        return compact();
      case Kind::archive:
        return archive();
      default:
        return disturb(kind);
    }
  }

  void disturb(Kind kind) {
    switch (kind) {
      case Kind::clock:
        return move_clock();
      case Kind::close:
        close();
        if (dice_->below(2) == 0) clear_faults();
        return open();
      case Kind::kill:
        stop();
        disk_.kill();
        if (dice_->below(2) == 0) clear_faults();
        return open();
      case Kind::cut_power:
        return lose_power();
      case Kind::cut_soon:
        return disk_.stop_at_change(1 + dice_->below(30));
      case Kind::fill_disk:
        disk_.set_free_bytes(dice_->below(200'000));
        full_ = true;
        break;
      case Kind::free_disk:
        disk_.set_free_bytes(no_end);
        full_ = false;
        return;
      default:
        fail(kind);
    }
    ++outcome_.faults;
  }

  void fail(Kind kind) {
    failing_ = true;
    if (kind == Kind::fail_sync) disk_.fail_sync(1 + dice_->below(6), EIO);
    if (kind == Kind::fail_write) disk_.fail_write(1 + dice_->below(6), EIO);
    reads_fail_ = reads_fail_ || kind == Kind::fail_read;
    if (kind == Kind::fail_read) disk_.fail_read(1 + dice_->below(20), EIO);
  }

  void look_at_head() {
    const auto head = store_->head().position;
    const auto told = [&] { return number(head.value()) + ", known " + number(model_.visible().value()); };
    judge_.expect(head >= model_.visible(), "the head moved back", told);
    judge_.expect(head <= model_.last() && model_.is_boundary(head), "the head is where no append ended",
                  told);
    if (judge_.content()) model_.see(head);
  }

  // ---- Appending

  void append(AppendRequest request) {
    const auto expected = ask(request);
    committing_ = true;
    auto answer = store_->append(std::move(request));
    committing_ = false;
    hear(answer, expected);
    if (answer && store_) {
      judge_.expect(store_->head().position >= answer->last, "what is acknowledged is visible");
    }
  }

  void append_async(AppendRequest request) {
    const auto expected = ask(request);
    ++pending_;
    store_->append_async(std::move(request),
                         [this, expected, heard = false](result<AppendResult> answer) mutable {
                           judge_.expect(!std::exchange(heard, true), "a completion runs once");
                           --pending_;
                           hear(answer, expected);
                         });
  }

  void load() {
    cut_one_in_ = 24;
    for (auto left = 5 + dice_->below(20); left > 0 && judge_.content() && !disk_.stopped(); --left) {
      append(random_append(model_, plan_.habits, *dice_, serial_));
    }
  }

  // What the model says; what it accepts is in its log from now on.
  Expected ask(const AppendRequest& request) {
    const auto expected = model_.decide(request);
    ++outcome_.appends;
    if (!expected.refused && !expected.duplicate) model_.stage(request, expected);
    if (!expected.refused && sent_.size() < 200) sent_.push_back(request);
    return expected;
  }

  void hear(const result<AppendResult>& answer, const Expected& expected) {
    note(answer ? answer->last.value() : static_cast<std::uint64_t>(answer.error().kind()));
    if (!answer && excused() && is_trouble(answer.error().kind()))
      return hear_trouble(answer.error(), expected);
    if (expected.duplicate && !answer && answer.error().kind() == errc::gone && may_be_dropped(expected))
      return;
    check_answer(answer, expected, judge_);
    if (!judge_.content()) return;
    ++(answer ? outcome_.acknowledged : outcome_.refused);
    if (!answer || answer->was_duplicate) return;
    model_.acknowledge(*answer);
    model_.see(std::max(model_.visible(), answer->last));
  }

  static bool is_trouble(errc kind) {
    return kind == errc::unavailable || kind == errc::read_only || kind == errc::disk_full ||
           kind == errc::corrupt;
  }

  // What was repeated was there when it was asked for, and a compaction came before the answer.
  [[nodiscard]] bool may_be_dropped(const Expected& expected) const {
    return model_.at(expected.first.value()).may_go || model_.at(expected.last.value()).may_go;
  }

  // Unknown: it may be in the log or not. Anything else: it is not.
  void hear_trouble(const Error& error, const Expected& expected) {
    if (error.kind() == errc::unavailable || expected.refused || expected.duplicate) return;
    if (!judge_.expect(model_.last() == expected.last, "an append is refused after a later one was taken",
                       [&] { return error.to_string(); })) {
      return;
    }
    model_.cut_staged(expected.first);
  }

  void repeat() {
    if (sent_.empty()) return;
    auto request = sent_[dice_->below(sent_.size())];
    if (!model_.may_be_repeated(request)) return;
    auto& last = request.writes.back();
    // Not quite the same, sometimes. What the store itself reads has to stay what it is.
    if (last.stream[0] != '$' && last.events.back().type[0] != '$') {
      if (dice_->below(4) == 0) last.events.back().data += "!";
      if (dice_->below(6) == 0) last.events.push_back(small_append(*dice_, serial_).writes[0].events[0]);
    }
    if (dice_->below(2) == 0)
      append(std::move(request));
    else
      append_async(std::move(request));
  }

  // ---- Beside appending

  void work() {
    for (auto pieces = 1 + dice_->below(4); pieces > 0; --pieces) {
      committing_ = dice_->below(2) == 0;
      if (committing_)
        jobs_.run_one("commit");
      else
        jobs_.run_one(*dice_);
      committing_ = false;
    }
  }

  void listen() {
    if (listeners_.size() < 3) {
      Listener fresh{random_query(*dice_), nullptr, Position(dice_->below(model_.visible().value() + 1))};
      auto opened = store_->subscribe(fresh.query, fresh.at);
      if (!opened) {
        judge_.failed("subscribing", opened.error());
        return;
      }
      fresh.subscription = std::move(*opened);
      listeners_.push_back(std::move(fresh));
    }
    std::erase_if(listeners_, [this](auto& one) {
      return !check_batch(*one.subscription, one.query, one.at, model_, *dice_, judge_);
    });
  }

  void follow() {
    auto opened = engine::EmbeddedStore::open(world_, "/store", {.access = Access::read_only});
    if (!opened) {
      judge_.failed("opening for reading only", opened.error());
      return;
    }
    auto& follower = **opened;
    judge_.expect(follower.head().position <= model_.visible(), "a follower is ahead of the writer");
    for (auto more = dice_->below(3); more > 0 && judge_.content() && !disk_.stopped(); --more)
      append(small_append(*dice_, serial_));
    if (!judge_.content() || excused()) return;
    jobs_.run_all();
    if (!judge_.content() || excused()) return;
    look_at_head();
    if (judge_.content()) (void)check_log(follower, model_, judge_);
    check_something(follower, model_, *dice_, judge_);
  }

  void compact() {
    model_.compaction_begins();
    CompactOptions options;
    options.min_gain = dice_->below(2) * 2000;
    const auto done = stele::compact(*store_, options);
    if (!done) judge_.failed("compacting", done.error());
    if (judge_.content() && !disk_.stopped()) (void)check_log(*store_, model_, judge_);
  }

  void archive() {
    ArchiveOptions options;
    if (dice_->below(2) == 0) options.to = "/archive";
    options.compress = options.to.empty() || dice_->below(2) == 0;
    const auto done = stele::archive(*store_, options);
    if (!done) judge_.failed("archiving", done.error());
    if (judge_.content() && !disk_.stopped()) (void)check_log(*store_, model_, judge_);
  }

  void move_clock() {
    const auto hours = std::chrono::hours(1 + dice_->below(100));
    if (dice_->below(2) == 0)
      clock_.set(clock_.now() - hours);
    else
      clock_.advance(hours);
  }

  const Plan& plan_;
  const std::set<std::size_t>& only_;
  Outcome outcome_;
  std::size_t now_ = 0;
  std::optional<Dice> dice_;    // for what the step does
  std::optional<Dice> cuts_;    // for what happens to copies of the disk meanwhile
  std::optional<Dice> guests_;  // for who comes during a sync

  io::simulated::MemoryDisk disk_;
  io::simulated::ManualClock clock_;
  io::simulated::SeededRandom random_;
  StepByStep jobs_;
  WatchedDisk watched_{disk_, *this, plan_.lie};
  io::World world_{watched_, clock_, random_, &jobs_};

  Model model_;
  Judge judge_;
  std::vector<AppendRequest> sent_;
  std::uint64_t serial_ = 0;
  std::uint64_t pending_ = 0;  // asynchronous appends that are not answered
  std::uint64_t cut_one_in_ = 2;
  bool committing_ = false;  // a sync of the log is that of a batch
  bool failing_ = false;
  bool full_ = false;
  bool reads_fail_ = false;
  std::unique_ptr<engine::EmbeddedStore> store_;
  std::vector<Listener> listeners_;
};

}  // namespace

Outcome live(const Plan& plan, const std::set<std::size_t>& only) { return Life(plan, only).run(); }

}  // namespace stele::simulation
