// rocksdb.cpp - RocksDB as an event store: two keys per event, one synced write batch per transaction, and a queue in
// front. The expected version is checked by looking the previous and the next revision up.
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include "queue.hpp"
#include "record.hpp"

namespace stele::compare {
namespace {

Error rocks_failed(const rocksdb::Status& status) {
  return {errc::unavailable, "RocksDB: " + status.ToString()};
}

class Rocks final : public QueuedRival {
 public:
  ~Rocks() override { stop_queue(); }

  result<void> open(const std::string& directory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = 128u << 20;
    options.IncreaseParallelism(2);
    rocksdb::BlockBasedTableOptions table;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.block_cache = rocksdb::NewLRUCache(256u << 20);
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* db = nullptr;
    if (const auto status = rocksdb::DB::Open(options, directory, &db); !status.ok())
      return rocks_failed(status);
    db_.reset(db);
    const std::unique_ptr<rocksdb::Iterator> last(db_->NewIterator({}));
    last->SeekForPrev(position_key(~std::uint64_t{0}));
    if (last->Valid() && last->key().starts_with("p"))
      position_ = get_big_endian(last->key().ToStringView().substr(1));
    return {};
  }

  [[nodiscard]] std::string durability() const override { return "WAL, sync=true; own queue in front"; }

  result<std::uint64_t> replay(const OnEvent& event) override {
    std::uint64_t events = 0;
    rocksdb::ReadOptions options;
    options.readahead_size = 2u << 20;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
    for (at->Seek("p"); at->Valid() && at->key().starts_with("p"); at->Next(), ++events)
      event(record_stream(at->value().ToStringView()), record_data(at->value().ToStringView()));
    if (!at->status().ok()) return rocks_failed(at->status());
    return events;
  }

  result<std::uint64_t> load(const std::string& stream) override {
    const auto prefix = stream_prefix(stream);
    std::vector<std::string> keys;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}));
    for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next())
      keys.push_back(position_key(get_big_endian(at->value().ToStringView())));
    const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<std::string> values;
    for (const auto& status : db_->MultiGet({}, slices, &values)) {
      if (!status.ok()) return rocks_failed(status);
    }
    return values.size();
  }

 private:
  result<void> commit(std::span<const Append> appends) override {
    rocksdb::WriteBatch batch;
    for (const auto& append : appends) {
      STELE_CHECK(check(append));
      for (std::uint64_t i = 0; i < append.count; ++i) {
        batch.Put(position_key(++position_), event_record(append.stream));
        batch.Put(stream_key(append.stream, append.expected + i), number_value(position_));
      }
    }
    rocksdb::WriteOptions durable;
    durable.sync = true;
    const auto status = db_->Write(durable, &batch);
    return status.ok() ? result<void>() : rocks_failed(status);
  }

  result<void> check(const Append& append) {
    std::string unused;
    const auto there = [&](std::uint64_t revision) {
      return db_->Get({}, stream_key(append.stream, revision), &unused).ok();
    };
    if (there(append.expected) || (append.expected > 0 && !there(append.expected - 1)))
      return Error(errc::conflict, append.stream + " is not where it was expected");
    return {};
  }

  std::unique_ptr<rocksdb::DB> db_;
  std::uint64_t position_ = 0;
};

}  // namespace

result<std::unique_ptr<Rival>> open_rival(const Place& place) {
  auto rival = std::make_unique<Rocks>();
  STELE_CHECK(rival->open(place.directory + "/db"));
  return rival;
}

}  // namespace stele::compare
