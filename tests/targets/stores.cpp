// stores.cpp - one projection, five times.
#include "targets/stores.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <csignal>

#include "support/temp_directory.hpp"
#include "targets/memcached/memcached_link.hpp"
#include "targets/redis/redis_link.hpp"

namespace stele::test {
namespace {

std::int64_t number_of(const EventView& event) {
  std::int64_t number = 0;
  std::from_chars(event.data.data(), event.data.data() + event.data.size(), number);
  return number;
}

bool is_ordered(const EventView& event) { return event.type == "Ordered" || event.type == "Poison"; }

std::int64_t weighed(const Spec& spec, const EventView& event) {
  return number_of(event) * (spec.factor ? spec.factor->load() : 1);
}

Query wanted_events() {
  return Query::of({.types = {"Added", "Noted", "Cleared", "Ordered", "Poison"},
                    .tags = {},
                    .streams = {},
                    .categories = {}});
}

result<void> refuse_poison(const Spec& spec, const EventView& event) {
  if (event.type == "Poison" && spec.poisonous && *spec.poisonous)
    return Error(errc::invalid, "this cannot be applied");
  return {};
}

// ---- The three that speak SQL: an upsert per type of event, in each one's words

struct TallyWords {
  std::string_view schema, added, noted, cleared, ordered;
};
constexpr std::string_view tally_rows = "SELECT stream, total, times, note, journal FROM tally";

constexpr TallyWords sqlite_words{
    "CREATE TABLE tally(stream TEXT PRIMARY KEY, total INTEGER NOT NULL DEFAULT 0, times INTEGER NOT NULL "
    "DEFAULT 0,"
    " note TEXT, journal TEXT NOT NULL DEFAULT '') STRICT",
    "INSERT INTO tally(stream, total, times) VALUES(?, ?, 1)"
    " ON CONFLICT(stream) DO UPDATE SET total = total + excluded.total, times = times + 1",
    "INSERT INTO tally(stream, note) VALUES(?, ?) ON CONFLICT(stream) DO UPDATE SET note = excluded.note",
    "INSERT INTO tally(stream, note) VALUES(?, NULL) ON CONFLICT(stream) DO UPDATE SET note = NULL",
    "INSERT INTO tally(stream, journal) VALUES(?, ? || ',')"
    " ON CONFLICT(stream) DO UPDATE SET journal = journal || excluded.journal"};
constexpr TallyWords postgres_words{
    "CREATE TABLE tally(stream TEXT PRIMARY KEY, total BIGINT NOT NULL DEFAULT 0, times BIGINT NOT NULL "
    "DEFAULT 0,"
    " note TEXT, journal TEXT NOT NULL DEFAULT '')",
    "INSERT INTO tally(stream, total, times) VALUES($1, $2, 1)"
    " ON CONFLICT(stream) DO UPDATE SET total = tally.total + excluded.total, times = tally.times + 1",
    "INSERT INTO tally(stream, note) VALUES($1, $2) ON CONFLICT(stream) DO UPDATE SET note = excluded.note",
    "INSERT INTO tally(stream, note) VALUES($1, NULL) ON CONFLICT(stream) DO UPDATE SET note = NULL",
    "INSERT INTO tally(stream, journal) VALUES($1, $2::text || ',')"
    " ON CONFLICT(stream) DO UPDATE SET journal = tally.journal || excluded.journal"};
constexpr TallyWords mariadb_words{
    "CREATE TABLE tally(stream VARCHAR(200) PRIMARY KEY, total BIGINT NOT NULL DEFAULT 0, times BIGINT NOT "
    "NULL DEFAULT"
    " 0, note LONGTEXT, journal LONGTEXT NOT NULL DEFAULT '')",
    "INSERT INTO tally(stream, total, times) VALUES(?, ?, 1)"
    " ON DUPLICATE KEY UPDATE total = total + VALUES(total), times = times + 1",
    "INSERT INTO tally(stream, note) VALUES(?, ?) ON DUPLICATE KEY UPDATE note = VALUES(note)",
    "INSERT INTO tally(stream, note) VALUES(?, NULL) ON DUPLICATE KEY UPDATE note = NULL",
    "INSERT INTO tally(stream, journal) VALUES(?, concat(?, ','))"
    " ON DUPLICATE KEY UPDATE journal = concat(journal, VALUES(journal))"};

template <class AnyModel>
result<void> project_sql(const TallyWords& words, const Spec& spec, AnyModel& model, const EventView& event) {
  STELE_CHECK(refuse_poison(spec, event));
  if (spec.applied && ++*spec.applied == spec.dies_at) ::raise(SIGKILL);
  if (event.type == "Added") STELE_CHECK(model.run(words.added, {event.stream, weighed(spec, event)}));
  if (event.type == "Noted") STELE_CHECK(model.run(words.noted, {event.stream, event.data}));
  if (event.type == "Cleared") STELE_CHECK(model.run(words.cleared, {event.stream}));
  if (is_ordered(event))
    STELE_CHECK(model.run(words.ordered, {event.stream, std::to_string(event.position.value())}));
  model.changed(event.stream);
  return {};
}

template <class Snapshot, class Row>
result<Shown> show_sql(Snapshot& snapshot) {
  Shown shown{snapshot.position(), {}};
  STELE_CHECK(snapshot.each(tally_rows, {}, [&](const Row& row) {
    Kept& kept = shown.rows[std::string(row.text(0))];
    kept.total = row.integer(1);
    kept.times = row.integer(2);
    if (!row.is_null(3)) kept.note = row.text(3);
    kept.journal = row.text(4);
  }));
  return shown;
}

class SqliteStore final : public Store {
 public:
  result<std::shared_ptr<ProjectionTarget>> open(const Spec& spec) override {
    return SqliteTarget::open(folder_.path(), projection(spec));
  }
  result<std::shared_ptr<ProjectionTarget>> scratch(const Spec& spec) override {
    return SqliteTarget::scratch(projection(spec));
  }
  result<Shown> show(ProjectionTarget& target, const std::vector<std::string>&) override {
    STELE_TRY(auto snapshot, dynamic_cast<SqliteTarget&>(target).snapshot());
    return show_sql<SqliteSnapshot, SqlRow>(snapshot);
  }
  void lose_lease(const Spec&) override {}

 private:
  static SqliteProjection projection(const Spec& spec) {
    return {.name = spec.name,
            .version = spec.version,
            .schema = std::string(sqlite_words.schema),
            .events = wanted_events(),
            .project = [spec](SqliteModel& model, const EventView& event) -> result<void> {
              return project_sql(sqlite_words, spec, model, event);
            }};
  }
  const TempDirectory folder_;
};

// PostgreSQL and MariaDB.
class SqlServerStore final : public Store {
 public:
  explicit SqlServerStore(ServerKind kind) : kind_(kind), server_(kind) {}
  result<std::shared_ptr<ProjectionTarget>> open(const Spec& spec) override {
    const std::uint16_t port = spec.port != 0 ? spec.port : server_.port();
    return kind_ == ServerKind::postgres ? ServerTarget::open(postgres_at(port), projection(spec))
                                         : ServerTarget::open(mariadb_at(port), projection(spec));
  }
  result<std::shared_ptr<ProjectionTarget>> scratch(const Spec& spec) override {
    return kind_ == ServerKind::postgres
               ? ServerTarget::scratch(postgres_at(server_.port()), projection(spec))
               : ServerTarget::scratch(mariadb_at(server_.port()), projection(spec));
  }
  result<Shown> show(ProjectionTarget& target, const std::vector<std::string>&) override {
    STELE_TRY(auto snapshot, dynamic_cast<ServerTarget&>(target).snapshot());
    return show_sql<ServerSnapshot, ServerRow>(snapshot);
  }
  StoreServer* server() override { return &server_; }
  // Whoever holds it loses the connection.
  void lose_lease(const Spec&) override {
    auto other = open({.name = "killer"});
    ASSERT_TRUE(other) << other.error().to_string();
    auto asked = dynamic_cast<ServerTarget&>(**other).snapshot();
    ASSERT_TRUE(asked);
    if (kind_ == ServerKind::postgres) {
      EXPECT_TRUE(
          asked->each("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
                      " AND granted AND pid <> pg_backend_pid()",
                      {}, [](const ServerRow&) {}));
      return;
    }
    std::vector<std::string> kills;
    EXPECT_TRUE(asked->each(
        "SELECT concat('KILL ', id) FROM information_schema.processlist WHERE id <> connection_id()"
        " AND user <> 'system user'",
        {}, [&](const ServerRow& row) { kills.emplace_back(row.text(0)); }));
    for (const std::string& kill : kills) (void)asked->each(kill, {}, [](const ServerRow&) {}).has_value();
  }

 private:
  [[nodiscard]] ServerProjection projection(const Spec& spec) const {
    const TallyWords& words = kind_ == ServerKind::postgres ? postgres_words : mariadb_words;
    return {.name = spec.name,
            .version = spec.version,
            .schema = std::string(words.schema),
            .events = wanted_events(),
            .project = [spec, &words](ServerModel& model, const EventView& event) -> result<void> {
              return project_sql(words, spec, model, event);
            }};
  }
  const ServerKind kind_;
  StoreServer server_;
};

// ---- Redis: a hash per column

class RedisStore final : public Store {
 public:
  result<std::shared_ptr<ProjectionTarget>> open(const Spec& spec) override {
    return RedisTarget::open(at(spec), projection(spec));
  }
  result<std::shared_ptr<ProjectionTarget>> scratch(const Spec& spec) override {
    return RedisTarget::scratch(at(spec), projection(spec));
  }
  result<Shown> show(ProjectionTarget& target, const std::vector<std::string>&) override {
    auto& redis = dynamic_cast<RedisTarget&>(target);
    STELE_TRY(const RedisLook look, redis.look({{"HGETALL", redis.key("total")},
                                                {"HGETALL", redis.key("times")},
                                                {"HGETALL", redis.key("note")},
                                                {"HGETALL", redis.key("journal")},
                                                {"SMEMBERS", redis.key("streams")}}));
    Shown shown{look.position, {}};
    const auto each = [&](std::size_t answer, const auto& take) {
      const auto& list = look.answers[answer].list;
      for (std::size_t i = 0; i + 1 < list.size(); i += 2) take(shown.rows[*list[i].text], list[i + 1]);
    };
    for (const RedisValue& stream : look.answers[4].list) shown.rows[*stream.text];
    each(0, [](Kept& kept, const RedisValue& value) { kept.total = value.integer(); });
    each(1, [](Kept& kept, const RedisValue& value) { kept.times = value.integer(); });
    each(2, [](Kept& kept, const RedisValue& value) { kept.note = value.text; });
    each(3, [](Kept& kept, const RedisValue& value) { kept.journal = *value.text; });
    return shown;
  }
  StoreServer* server() override { return &server_; }
  void lose_lease(const Spec& spec) override {
    auto link = targets::RedisLink::connect(at({}));
    ASSERT_TRUE(link);
    EXPECT_TRUE((*link)->ask({"DEL", "{" + spec.name + "-v" + std::to_string(spec.version) + "}-lease"}));
  }

 private:
  [[nodiscard]] RedisServer at(const Spec& spec) const {
    return {.port = spec.port != 0 ? spec.port : server_.port(), .user = {}, .password = {}};
  }
  static RedisProjection projection(const Spec& spec) {
    return {.name = spec.name,
            .version = spec.version,
            .events = wanted_events(),
            .project = [spec](RedisModel& model, const EventView& event) -> result<void> {
              STELE_CHECK(refuse_poison(spec, event));
              model.run({"SADD", model.key("streams"), event.stream});
              if (event.type == "Added") {
                model.run({"HINCRBY", model.key("total"), event.stream, number_of(event)});
                model.run({"HINCRBY", model.key("times"), event.stream, 1});
              }
              if (event.type == "Noted") model.run({"HSET", model.key("note"), event.stream, event.data});
              if (event.type == "Cleared") model.run({"HDEL", model.key("note"), event.stream});
              if (is_ordered(event)) {
                model.script(
                    "local old = redis.call('HGET', KEYS[1], ARGV[1]) or ''\n"
                    "redis.call('HSET', KEYS[1], ARGV[1], old .. ARGV[2] .. ',')",
                    {model.key("journal")}, {event.stream, event.position});
              }
              model.changed(event.stream);
              return {};
            }};
  }
  StoreServer server_{ServerKind::redis};
};

// ---- Memcached: a value per stream and column

class MemcachedStore final : public Store {
 public:
  result<std::shared_ptr<ProjectionTarget>> open(const Spec& spec) override {
    return MemcachedTarget::open(at(spec), projection(spec));
  }
  result<std::shared_ptr<ProjectionTarget>> scratch(const Spec& spec) override {
    return MemcachedTarget::scratch(at(spec), projection(spec));
  }
  result<Shown> show(ProjectionTarget& target, const std::vector<std::string>& streams) override {
    auto& cache = dynamic_cast<MemcachedTarget&>(target);
    STELE_TRY(const Checkpoint now, cache.checkpoint());
    Shown shown{now.position, {}};
    for (const std::string& stream : streams) {
      STELE_TRY(const MemcachedValue sums, cache.get("s:" + stream));
      STELE_TRY(const MemcachedValue note, cache.get("n:" + stream));
      STELE_TRY(const MemcachedValue journal, cache.get("j:" + stream));
      if (!sums.value && note.position == Position{} && !journal.value) continue;
      Kept& kept = shown.rows[stream];
      const auto [total, times] = sums_in(sums.value.value_or("0 0"));
      kept = {total, times, note.value, journal.value.value_or("")};
    }
    return shown;
  }
  StoreServer* server() override { return &server_; }
  [[nodiscard]] bool whole_batches() const override { return false; }
  [[nodiscard]] bool forgets() const override { return true; }
  void lose_lease(const Spec& spec) override {
    auto link = targets::MemcachedLink::connect(at({}));
    ASSERT_TRUE(link);
    const std::string key = spec.name + "-v" + std::to_string(spec.version) + ":lease";
    const auto there = (*link)->get(key);
    ASSERT_TRUE(there && *there);
    EXPECT_TRUE((*link)->put(key, "nobody", (*there)->token, -1));
  }

 private:
  using Old = std::optional<std::string_view>;
  [[nodiscard]] MemcachedServer at(const Spec& spec) const {
    return {.port = spec.port != 0 ? spec.port : server_.port()};
  }
  static std::pair<std::int64_t, std::int64_t> sums_in(std::string_view text) {
    std::pair<std::int64_t, std::int64_t> sums;
    const auto first = std::from_chars(text.data(), text.data() + text.size(), sums.first);
    std::from_chars(first.ptr + 1, text.data() + text.size(), sums.second);
    return sums;
  }
  // Twice the same value, on purpose: an event may do that.
  static result<void> add(MemcachedModel& model, const EventView& event) {
    const std::string key = "s:" + std::string(event.stream);
    STELE_CHECK(model.update(key, [&](Old was) {
      const auto [total, times] = sums_in(was.value_or("0 0"));
      return std::to_string(total + number_of(event)) + ' ' + std::to_string(times);
    }));
    return model.update(key, [&](Old was) {
      const auto [total, times] = sums_in(was.value_or("0 0"));
      return std::to_string(total) + ' ' + std::to_string(times + 1);
    });
  }
  static MemcachedProjection projection(const Spec& spec) {
    return {.name = spec.name,
            .version = spec.version,
            .events = wanted_events(),
            .project = [spec](MemcachedModel& model, const EventView& event) -> result<void> {
              STELE_CHECK(refuse_poison(spec, event));
              const std::string stream(event.stream);
              if (event.type == "Added") STELE_CHECK(add(model, event));
              if (event.type == "Noted")
                STELE_CHECK(model.update("n:" + stream, [&](Old) { return std::string(event.data); }));
              if (event.type == "Cleared")
                STELE_CHECK(model.update("n:" + stream, [](Old) { return std::nullopt; }));
              if (is_ordered(event))
                STELE_CHECK(model.update("j:" + stream, [&](Old was) {
                  return std::string(was.value_or("")) + std::to_string(event.position.value()) + ',';
                }));
              model.changed(stream);
              return {};
            }};
  }
  StoreServer server_{ServerKind::memcached};
};

std::unique_ptr<Store> make_store(std::string_view name) {
  if (name == "postgres") return std::make_unique<SqlServerStore>(ServerKind::postgres);
  if (name == "mariadb") return std::make_unique<SqlServerStore>(ServerKind::mariadb);
  if (name == "redis") return std::make_unique<RedisStore>();
  if (name == "memcached") return std::make_unique<MemcachedStore>();
  return std::make_unique<SqliteStore>();
}

}  // namespace

void keep(Model& model, const EventView& event) {
  Kept& kept = model[std::string(event.stream)];
  if (event.type == "Added") {
    kept.total += number_of(event);
    ++kept.times;
  }
  if (event.type == "Noted") kept.note = event.data;
  if (event.type == "Cleared") kept.note.reset();
  if (is_ordered(event)) kept.journal += std::to_string(event.position.value()) + ',';
}

// A server listens before it lets anybody in: the first opening waits for it.
Store& store_named(std::string_view name) {
  static std::map<std::string, std::unique_ptr<Store>, std::less<>> stores;
  auto& store = stores[std::string(name)];
  if (store) return *store;
  store = make_store(name);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  auto ready = store->open({.name = "ready"});
  while (!ready && ready.error().kind() == errc::unavailable && std::chrono::steady_clock::now() < until)
    ready = store->open({.name = "ready"});
  EXPECT_TRUE(ready) << ready.error().to_string();
  return *store;
}

PostgresServer postgres_at(std::uint16_t port) {
  return {"host=127.0.0.1 user=stele dbname=postgres sslmode=disable gssencmode=disable port=" +
          std::to_string(port)};
}
MariadbServer mariadb_at(std::uint16_t port) {
  return {.port = port, .user = "stele", .password = {}, .socket = {}};
}

}  // namespace stele::test
