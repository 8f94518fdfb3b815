// harness.cpp - appends by waiting threads or with many in flight, fills, replays, loads, and the fold into SQLite.
#include "harness.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <charconv>
#include <map>
#include <random>
#include <thread>

#include "base/crc32c.hpp"
#include "cli/bench/pace.hpp"
#include "cli/output/json_object.hpp"

namespace stele::compare {
namespace {

using cli::bench::as_duration;
using cli::bench::Clock;
using cli::bench::seconds_since;

constexpr double warm_up_share = 0.1;
constexpr std::size_t rows_in_transaction = 1024;

struct Window {
  Clock::time_point measured = Clock::now();
  Clock::time_point end = measured;
  explicit Window(double seconds)
      : measured(Clock::now() + as_duration(seconds * warm_up_share)), end(measured + as_duration(seconds)) {}
};

void count(Measured& into, const Window& window, Clock::time_point sent, std::uint64_t events) {
  const auto now = Clock::now();
  if (now < window.measured || now > window.end) return;
  ++into.operations;
  into.events += events;
  into.latency.add(now - sent);
}

std::string stream_name(const Task& task, std::uint64_t number) {
  return fmt::format("Account-{}-{}", task.run, number);
}

result<Measured> write_waiting(Connection& connection, const Task& task, const Window& window,
                               std::uint64_t writer) {
  Measured measured;
  Append append{.stream = stream_name(task, writer), .expected = 0, .count = task.batch};
  while (Clock::now() < window.end) {
    const auto sent = Clock::now();
    STELE_CHECK(connection.append(append));
    count(measured, window, sent, task.batch);
    append.expected += task.batch;
  }
  return measured;
}

void add(Measured& all, const Measured& one) {
  all.operations += one.operations;
  all.events += one.events;
  all.latency.merge(one.latency);
}

result<Measured> append_blocking(Rival& rival, const Task& task) {
  std::vector<std::unique_ptr<Connection>> connections;
  for (std::uint64_t i = 0; i < task.writers; ++i) {
    STELE_TRY(auto connection, rival.connect());
    connections.push_back(std::move(connection));
  }
  std::vector<result<Measured>> parts(task.writers, Measured{});
  const Window window(task.seconds);
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i < task.writers; ++i)
      threads.emplace_back([&, i] { parts[i] = write_waiting(*connections[i], task, window, i); });
  }
  Measured all;
  all.seconds = task.seconds;
  for (const auto& part : parts) {
    if (!part) return part.error();
    add(all, *part);
  }
  return all;
}

result<Measured> append_in_flight(Rival& rival, const Task& task) {
  STELE_TRY(const auto pipeline, rival.pipeline());
  std::vector<Append> appends;
  std::vector<Clock::time_point> sent(task.writers);
  std::vector<std::uint32_t> ready;
  for (std::uint64_t i = 0; i < task.writers; ++i) {
    appends.push_back({.stream = stream_name(task, i), .expected = 0, .count = task.batch});
    ready.push_back(static_cast<std::uint32_t>(i));
  }
  Measured measured;
  measured.seconds = task.seconds;
  const Window window(task.seconds);
  for (std::size_t in_flight = 0; true; in_flight -= ready.size()) {
    if (Clock::now() < window.end) {
      for (const auto slot : ready) {
        sent[slot] = Clock::now();
        STELE_CHECK(pipeline->send(appends[slot], slot));
      }
      in_flight += ready.size();
    }
    if (in_flight == 0) return measured;
    STELE_CHECK(pipeline->receive(ready));
    for (const auto slot : ready) {
      count(measured, window, sent[slot], task.batch);
      appends[slot].expected += task.batch;
    }
  }
}

// One event of every stream in turn: scattered as concurrent writers leave them.
result<Measured> fill(Rival& rival, const Task& task) {
  std::vector<Append> appends(task.streams);
  for (std::uint64_t i = 0; i < task.streams; ++i) appends[i].stream = stream_name(task, i);
  const auto begin = Clock::now();
  Measured measured;
  for (; measured.events + task.streams <= task.events; measured.events += task.streams) {
    STELE_CHECK(rival.append_all(appends));
    for (auto& append : appends) ++append.expected;
  }
  measured.operations = measured.events;
  measured.seconds = seconds_since(begin);
  return measured;
}

result<void> expect(std::uint64_t wanted, std::uint64_t found, std::string_view what) {
  if (wanted == found) return {};
  return Error(errc::corrupt, fmt::format("{}: {} events instead of {}", what, found, wanted));
}

// Of everything that was ever appended here. A store may print JSON its own way, but it may not lose any.
result<Measured> replay(Rival& rival, const Task&) {
  Measured measured;
  std::uint64_t bytes = 0;
  std::uint32_t sum = 0;  // of every byte: who hands out a mapping has not read anything yet
  const auto begin = Clock::now();
  STELE_TRY(measured.events, rival.replay([&](std::string_view, std::string_view data) {
    bytes += data.size();
    sum = base::crc32c(data, sum);
  }));
  measured.checksum = sum;
  measured.seconds = seconds_since(begin);
  measured.operations = measured.events;
  if (bytes < measured.events * payload().size())
    return Error(errc::corrupt, fmt::format("{} bytes in {} events", bytes, measured.events));
  return measured;
}

result<Measured> load(Rival& rival, const Task& task) {
  Measured measured;
  std::mt19937_64 random(42);
  const auto begin = Clock::now();
  while (seconds_since(begin) < task.seconds) {
    const auto one = Clock::now();
    const auto name = stream_name(task, random() % task.streams);
    STELE_TRY(const auto events, rival.load(name));
    measured.latency.add(Clock::now() - one);
    STELE_CHECK(expect(task.events / task.streams, events, name));
    measured.events += events;
    ++measured.operations;
  }
  measured.seconds = seconds_since(begin);
  return measured;
}

// ---- Rebuilding: the same read model for every rival, one upsert per event, a transaction per thousand.

// `"amount":"12.50"` as cents. The payload is ours, so looking for the member is enough, for everybody alike.
std::int64_t cents_of(std::string_view data) {
  const auto at = data.find("\"amount\"");
  const auto digits = at == std::string_view::npos ? at : data.find_first_of("0123456789", at);
  if (digits == std::string_view::npos) return 0;
  std::int64_t whole = 0;
  const auto* const begin = data.data() + digits;
  const auto [point, failed] = std::from_chars(begin, data.data() + data.size(), whole);
  std::int64_t cents = 0;
  if (failed == std::errc{}) std::from_chars(point + 1, point + 3, cents);
  return whole * 100 + cents;
}

class SqliteBalances {
 public:
  result<void> open(const std::string& file) {
    if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) return failed();
    for (const auto* sql :
         {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "DROP TABLE IF EXISTS balance",
          "CREATE TABLE balance(account TEXT PRIMARY KEY, cents INTEGER NOT NULL) WITHOUT ROWID", "BEGIN"}) {
      if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failed();
    }
    const auto* const upsert =
        "INSERT INTO balance VALUES(?1, ?2) ON CONFLICT(account) DO UPDATE SET cents = cents + "
        "excluded.cents";
    return sqlite3_prepare_v2(db_, upsert, -1, &upsert_, nullptr) == SQLITE_OK ? result<void>() : failed();
  }
  ~SqliteBalances() {
    sqlite3_finalize(upsert_);
    sqlite3_close(db_);
  }
  void add(std::string_view stream, std::int64_t cents) {
    sqlite3_bind_text(upsert_, 1, stream.data(), static_cast<int>(stream.size()), SQLITE_STATIC);
    sqlite3_bind_int64(upsert_, 2, cents);
    good_ = good_ && sqlite3_step(upsert_) == SQLITE_DONE;
    sqlite3_reset(upsert_);
    if (++rows_ % rows_in_transaction != 0) return;
    good_ = good_ && sqlite3_exec(db_, "COMMIT; BEGIN", nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  result<void> finish() {
    good_ = good_ && sqlite3_exec(db_, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK;
    return good_ ? result<void>() : failed();
  }

 private:
  Error failed() { return {errc::unavailable, fmt::format("SQLite: {}", sqlite3_errmsg(db_))}; }
  sqlite3* db_ = nullptr;
  sqlite3_stmt* upsert_ = nullptr;
  std::uint64_t rows_ = 0;
  bool good_ = true;
};

// By the store's own means: form `own` the best way there is, `each` event by event.
result<Measured> rebuild_own(Rival& rival, const Task& task) {
  Measured measured;
  const auto begin = Clock::now();
  STELE_TRY(const auto balances, rival.rebuild(task.form == "each"));
  measured.seconds = seconds_since(begin);
  measured.events = balances.events;
  measured.operations = balances.events;
  const auto wanted = static_cast<std::int64_t>(balances.events) * cents_of(payload());
  if (balances.events > 0 && balances.cents == wanted) return measured;
  return Error(errc::corrupt,
               fmt::format("{} cents of {} events instead of {}", balances.cents, balances.events, wanted));
}

result<Measured> rebuild(Rival& rival, const Task& task) {
  if (task.form == "own" || task.form == "each") return rebuild_own(rival, task);
  SqliteBalances balances;
  STELE_CHECK(balances.open(task.place.directory + "/balances.db"));
  Measured measured;
  const auto begin = Clock::now();
  STELE_TRY(measured.events, rival.replay([&](std::string_view stream, std::string_view data) {
    balances.add(stream, cents_of(data));
  }));
  STELE_CHECK(balances.finish());
  measured.seconds = seconds_since(begin);
  measured.operations = measured.events;
  return measured;
}

std::string micro(std::chrono::nanoseconds time) {
  return fmt::format("{:.1f}", std::chrono::duration<double, std::micro>(time).count());
}

template <class Number>
bool read_number(std::string_view text, Number& into) {
  return std::from_chars(text.data(), text.data() + text.size(), into).ptr == text.data() + text.size();
}

}  // namespace

const std::string& payload() {
  static const std::string text = [] {
    std::string json = R"({"accountId":"acct-42","amount":"120.50","currency":"EUR","note":")";
    json.append(254 - json.size(), 'x');
    return json.append("\"}");
  }();
  return text;
}

std::array<std::uint8_t, 16> fresh_id() {
  thread_local std::mt19937_64 random(std::random_device{}());
  std::array<std::uint8_t, 16> id{};
  for (std::size_t i = 0; i < id.size(); i += 8) {
    const auto word = random();
    for (std::size_t byte = 0; byte < 8; ++byte) id[i + byte] = static_cast<std::uint8_t>(word >> (8 * byte));
  }
  id[6] = static_cast<std::uint8_t>((id[6] & 0x0fu) | 0x40u);
  id[8] = static_cast<std::uint8_t>((id[8] & 0x3fu) | 0x80u);
  return id;
}

std::string id_text(const std::array<std::uint8_t, 16>& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[id[i] >> 4u];
    text += digits[id[i] & 15u];
  }
  return text;
}

Error no_such_form() { return {errc::invalid, "this rival has no such form"}; }

// Pairs of --name and value; the script is the only caller.
result<Task> parse_task(std::span<char* const> words) {
  std::map<std::string, std::string, std::less<>> given;
  for (std::size_t i = 1; i + 1 < words.size(); i += 2) given[words[i]] = words[i + 1];
  Task task;
  bool good = words.size() % 2 == 1;
  const auto number = [&](std::string_view name, auto& into) {
    if (const auto found = given.find(name); found != given.end())
      good = good && read_number(found->second, into);
  };
  const auto text = [&](std::string_view name, std::string& into) {
    if (const auto found = given.find(name); found != given.end()) into = found->second;
  };
  text("--workload", task.workload);
  text("--form", task.form);
  text("--run", task.run);
  text("--dir", task.place.directory);
  number("--writers", task.writers);
  number("--batch", task.batch);
  number("--events", task.events);
  number("--streams", task.streams);
  number("--seconds", task.seconds);
  number("--port", task.place.port);
  if (good && task.writers > 0 && task.streams > 0 && !task.workload.empty()) return task;
  return Error(errc::invalid, "--workload append|fill|replay|load|rebuild, then --name value ...");
}

result<Measured> run_task(Rival& rival, const Task& task) {
  if (task.workload == "append")
    return task.form == "async" ? append_in_flight(rival, task) : append_blocking(rival, task);
  if (task.workload == "fill") return fill(rival, task);
  if (task.workload == "replay") return replay(rival, task);
  if (task.workload == "load") return load(rival, task);
  if (task.workload == "rebuild") return rebuild(rival, task);
  return Error(errc::invalid, "there is no workload " + task.workload);
}

std::string line_of(const Task& task, const Measured& measured, const std::string& durability) {
  cli::JsonObject line;
  line.text("workload", task.workload).text("form", task.form);
  line.number("writers", task.writers).number("batch", task.batch);
  const auto per = [&](std::uint64_t n) { return static_cast<double>(n) / std::max(measured.seconds, 1e-9); };
  line.number("operations", measured.operations).number("events", measured.events);
  line.decimal("operations_per_second", per(measured.operations));
  line.decimal("events_per_second", per(measured.events));
  if (measured.latency.count() > 0) {
    line.raw("p50_us", micro(measured.latency.percentile(0.5)));
    line.raw("p99_us", micro(measured.latency.percentile(0.99)));
  }
  return line.text("durability", durability).take();
}

}  // namespace stele::compare
