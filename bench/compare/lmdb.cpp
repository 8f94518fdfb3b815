// lmdb.cpp - LMDB as an event store: the events by position, appended at the tree's end, and a key per stream and
// revision; one synced transaction at a time, and a queue in front.
#include <lmdb.h>

#include <filesystem>

#include "queue.hpp"
#include "record.hpp"

namespace stele::compare {
namespace {

constexpr std::size_t map_bytes = std::size_t{64} << 30;  // address space, not memory

Error lmdb_failed(int code) { return {errc::unavailable, std::string("LMDB: ") + mdb_strerror(code)}; }

MDB_val value_of(std::string& bytes) { return {.mv_size = bytes.size(), .mv_data = bytes.data()}; }
std::string_view view_of(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

struct CloseEnvironment {
  void operator()(MDB_env* env) const { mdb_env_close(env); }
};
struct AbortTransaction {
  void operator()(MDB_txn* transaction) const { mdb_txn_abort(transaction); }
};
struct CloseCursor {
  void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};
using Transaction = std::unique_ptr<MDB_txn, AbortTransaction>;

class Lmdb final : public QueuedRival {
 public:
  ~Lmdb() override { stop_queue(); }

  result<void> open(const std::string& directory) {
    std::filesystem::create_directories(directory);
    MDB_env* env = nullptr;
    if (const int code = mdb_env_create(&env); code != 0) return lmdb_failed(code);
    env_.reset(env);
    mdb_env_set_mapsize(env, map_bytes);
    if (const int code = mdb_env_open(env, directory.c_str(), MDB_NORDAHEAD, 0644); code != 0)
      return lmdb_failed(code);
    STELE_TRY(auto transaction, begin(0));
    if (const int code = mdb_dbi_open(transaction.get(), nullptr, 0, &events_); code != 0)
      return lmdb_failed(code);
    STELE_TRY(position_, last_position(transaction.get()));
    const int code = mdb_txn_commit(transaction.release());
    return code == 0 ? result<void>() : lmdb_failed(code);
  }

  [[nodiscard]] std::string durability() const override { return "synced commits; own queue in front"; }

  result<std::uint64_t> replay(const OnEvent& event) override {
    return walk("p", [&](std::string_view, std::string_view value, MDB_txn*) -> result<void> {
      event(record_stream(value), record_data(value));
      return {};
    });
  }
  result<std::uint64_t> load(const std::string& stream) override {
    return walk(stream_prefix(stream),
                [&](std::string_view, std::string_view value, MDB_txn* transaction) -> result<void> {
                  auto key = position_key(get_big_endian(value));
                  auto raw = value_of(key);
                  MDB_val record{};
                  const int code = mdb_get(transaction, events_, &raw, &record);
                  return code == 0 ? result<void>() : lmdb_failed(code);
                });
  }

 private:
  result<Transaction> begin(unsigned flags) {
    MDB_txn* transaction = nullptr;
    if (const int code = mdb_txn_begin(env_.get(), nullptr, flags, &transaction); code != 0)
      return lmdb_failed(code);
    return Transaction(transaction);
  }

  result<void> commit(std::span<const Append> appends) override {
    STELE_TRY(auto transaction, begin(0));
    auto position = position_;
    for (const auto& append : appends) {
      for (std::uint64_t i = 0; i < append.count; ++i)
        STELE_CHECK(insert(transaction.get(), append.stream, append.expected + i, ++position));
    }
    if (const int code = mdb_txn_commit(transaction.release()); code != 0) return lmdb_failed(code);
    position_ = position;
    return {};
  }

  // The previous revision must be there, this one must not.
  result<void> insert(MDB_txn* transaction, const std::string& stream, std::uint64_t revision,
                      std::uint64_t position) {
    MDB_val found{};
    if (revision > 0) {
      auto before = stream_key(stream, revision - 1);
      auto raw = value_of(before);
      if (const int code = mdb_get(transaction, events_, &raw, &found); code != 0) return lmdb_failed(code);
    }
    STELE_CHECK(put(transaction, stream_key(stream, revision), number_value(position)));
    return put(transaction, position_key(position), event_record(stream));
  }
  result<void> put(MDB_txn* transaction, std::string key, std::string value) {
    auto raw_key = value_of(key);
    auto raw_value = value_of(value);
    const int code = mdb_put(transaction, events_, &raw_key, &raw_value, MDB_NOOVERWRITE);
    return code == 0 ? result<void>() : lmdb_failed(code);
  }

  // Positions sort before streams, so the last one is the one before the first stream.
  result<std::uint64_t> last_position(MDB_txn* transaction) {
    MDB_cursor* raw = nullptr;
    if (const int code = mdb_cursor_open(transaction, events_, &raw); code != 0) return lmdb_failed(code);
    const std::unique_ptr<MDB_cursor, CloseCursor> cursor(raw);
    std::string start = "s";
    auto key = value_of(start);
    MDB_val value{};
    const bool streams = mdb_cursor_get(raw, &key, &value, MDB_SET_RANGE) == 0;
    if (mdb_cursor_get(raw, &key, &value, streams ? MDB_PREV : MDB_LAST) != 0) return std::uint64_t{0};
    return get_big_endian(view_of(key).substr(1));
  }

  template <class Each>
  result<std::uint64_t> walk(std::string prefix, Each each) {
    STELE_TRY(const auto transaction, begin(MDB_RDONLY));
    MDB_cursor* raw = nullptr;
    if (const int code = mdb_cursor_open(transaction.get(), events_, &raw); code != 0)
      return lmdb_failed(code);
    const std::unique_ptr<MDB_cursor, CloseCursor> cursor(raw);
    auto key = value_of(prefix);
    MDB_val value{};
    std::uint64_t events = 0;
    for (int code = mdb_cursor_get(raw, &key, &value, MDB_SET_RANGE);
         code == 0 && view_of(key).starts_with(prefix); code = mdb_cursor_get(raw, &key, &value, MDB_NEXT)) {
      STELE_CHECK(each(view_of(key), view_of(value), transaction.get()));
      ++events;
    }
    return events;
  }

  std::unique_ptr<MDB_env, CloseEnvironment> env_;
  MDB_dbi events_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace

result<std::unique_ptr<Rival>> open_rival(const Place& place) {
  auto rival = std::make_unique<Lmdb>();
  STELE_CHECK(rival->open(place.directory + "/db"));
  return rival;
}

}  // namespace stele::compare
