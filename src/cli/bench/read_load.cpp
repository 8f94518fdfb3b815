// read_load.cpp - replays, loads, selective reads and the scan beside them.
#include "cli/bench/read_load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "base/crc32c.hpp"
#include "cli/bench/pace.hpp"
#include "io/world.hpp"

namespace stele::cli::bench {
namespace {

constexpr std::size_t replay_batch = 1024;
constexpr std::size_t scan_bytes = 1u << 20;

// Of a stream at most a batch: with Zipf shares the first ones are a good part of the log.
result<std::uint64_t> count_events(Cursor& cursor) {
  std::uint64_t events = 0;
  while (events < replay_batch) {
    STELE_TRY(const auto batch, cursor.next_batch(replay_batch));
    if (batch.empty()) break;
    events += batch.size();
  }
  return events;
}

// One read of the object with that number: how many events it has found.
using ReadOne = std::function<result<std::uint64_t>(std::uint64_t number)>;

struct Objects {
  std::uint64_t count;
  std::uint64_t fewest;  // events each must have at least
  ReadOne read;
};

result<ReadsMeasured> read_for_a_while(const Objects& objects, const ReadsPlan& plan, std::uint64_t thread,
                                       const std::stop_token& stop) {
  ReadsMeasured measured;
  std::mt19937_64 random(plan.seed + thread);
  const auto begin = Clock::now();
  const auto end = begin + as_duration(plan.seconds);
  const auto among = plan.among == 0 ? objects.count : std::min(plan.among, objects.count);
  Pace pace(begin, plan.rate, thread, plan.threads);
  while (!stop.stop_requested() && !(plan.once && measured.reads == among)) {
    const auto due = pace.wait_next(end);
    if (due >= end && !plan.once) break;
    const auto number = (plan.once ? measured.reads : random() % among) * (objects.count / among);
    STELE_TRY(const auto events, objects.read(number));
    measured.latency.add(Clock::now() - due);
    if (events < objects.fewest)
      return Error(errc::corrupt, fmt::format("{} events found instead of {}", events, objects.fewest))
          .with("number", number);
    measured.events += events;
    ++measured.reads;
  }
  measured.seconds = seconds_since(begin);
  return measured;
}

result<ReadsMeasured> read_in_threads(const Objects& objects, const ReadsPlan& plan,
                                      const std::stop_token& stop) {
  std::vector<result<ReadsMeasured>> parts(plan.threads, ReadsMeasured{});
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 1; i < plan.threads; ++i)
      threads.emplace_back([&, i] { parts[i] = read_for_a_while(objects, plan, i, stop); });
    parts[0] = read_for_a_while(objects, plan, 0, stop);
  }
  ReadsMeasured all;
  for (const auto& part : parts) {
    if (!part) return part.error();
    all.reads += part->reads;
    all.events += part->events;
    all.seconds = std::max(all.seconds, part->seconds);
    all.latency.merge(part->latency);
  }
  return all;
}

// All files of the log, mapped one after the other.
result<std::vector<std::unique_ptr<io::File>>> open_files(const std::filesystem::path& directory) {
  auto& disk = io::real_world().disk;
  std::vector<std::unique_ptr<io::File>> files;
  STELE_TRY(const auto names, disk.list(directory));
  for (const auto& name : names) {
    STELE_TRY(auto file, disk.open(directory / name, io::Mode::read));
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

// Sums the sizes, so that the compiler cannot leave the walk out; touching every byte is the checksum's
// job.
result<ReplayMeasured> replay(EventStore& store) {
  ReplayMeasured measured;
  const auto begin = Clock::now();
  STELE_TRY(const auto cursor, store.read({.query = Query::all(), .from = {}}));
  while (true) {
    STELE_TRY(const auto events, cursor->next_batch(replay_batch));
    if (events.empty()) break;
    measured.events += events.size();
    for (const auto& event : events) measured.payload_bytes += event.data.size();
  }
  measured.seconds = seconds_since(begin);
  return measured;
}

// With Zipf shares the last streams may have no event at all.
result<ReadsMeasured> load_streams(EventStore& store, const ReadsPlan& plan, const std::stop_token& stop) {
  const auto read = [&](std::uint64_t number) -> result<std::uint64_t> {
    const auto cursor = store.read_stream({.stream = stream_of(number), .from = {}});
    if (!cursor && cursor.error().kind() == errc::not_found && plan.log.zipf) return std::uint64_t{0};
    if (!cursor) return cursor.error();
    return count_events(**cursor);
  };
  const auto fewest =
      plan.log.zipf ? 0 : std::min<std::uint64_t>(replay_batch, plan.log.events / plan.log.streams);
  return read_in_threads({.count = plan.log.streams, .fewest = fewest, .read = read}, plan, stop);
}

result<ReadsMeasured> read_by_tag(EventStore& store, const ReadsPlan& plan, const std::stop_token& stop) {
  const auto orders = orders_of(plan.log);
  const auto read = [&](std::uint64_t number) -> result<std::uint64_t> {
    QueryItem item;
    item.tags.push_back(order_tag(number));
    STELE_TRY(const auto cursor, store.read({.query = Query::of(std::move(item)), .from = {}}));
    return count_events(*cursor);
  };
  return read_in_threads({.count = orders, .fewest = plan.log.events / orders, .read = read}, plan, stop);
}

result<ScanMeasured> scan_files(const std::filesystem::path& log_directory) {
  STELE_TRY(const auto files, open_files(log_directory));
  ScanMeasured measured;
  std::string buffer(scan_bytes, '\0');
  std::uint32_t sum = 0;
  const auto begin = Clock::now();
  for (const auto& file : files) {
    for (std::uint64_t offset = 0; true; offset += buffer.size()) {
      STELE_TRY(const auto got, file->read_at(offset, buffer));
      sum = base::crc32c(std::string_view(buffer).substr(0, got), sum);
      measured.bytes += got;
      if (got < buffer.size()) break;
    }
  }
  measured.seconds = seconds_since(begin);
  return measured;
}

}  // namespace stele::cli::bench
