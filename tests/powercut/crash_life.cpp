// crash_life.cpp - one short life of a store, made to be cut off: writes events and says which are acknowledged, or
// looks what is left of it. Everything it writes follows from the position, so that whoever looks needs no notes.
//
//   crash_life write DIR COUNT [ACKS]   appends until COUNT events are there; "ack=N" to the file ACKS, or a line each
//   crash_life check DIR ACKED          0: all that was acknowledged is there and unchanged, and the store goes on
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "stele/store.hpp"

namespace {

using namespace stele;

std::string data_of(std::uint64_t position) {
  const auto text = std::to_string(position * 0x9E3779B97F4A7C15);
  std::string data;
  while (data.size() < 20 + position * 7919 % 1500) data += text;
  return data;
}

std::string stream_of(std::uint64_t position) { return "S-" + std::to_string(position * 31 % 5); }

// An append is a batch of one to three events; which depends on where it begins.
AppendRequest request_at(std::uint64_t position) {
  AppendRequest request;
  for (auto last = position + position % 3; position <= last; ++position) {
    NewEvent event;
    event.type = "Counted";
    event.data = data_of(position);
    event.tags = {"n:" + std::to_string(position % 7)};
    const auto stream = stream_of(position);
    StreamWrite* write = nullptr;
    for (auto& one : request.writes) {
      if (one.stream == stream) write = &one;
    }
    if (write == nullptr) write = &request.writes.emplace_back(StreamWrite{stream, {}, {}});
    write->events.push_back(std::move(event));
  }
  return request;
}

int complain(const std::string& what) {
  std::printf("%s\n", what.c_str());
  return 1;
}

OpenOptions small_segments() {
  OpenOptions options;
  options.segment_bytes = 256 << 10;
  return options;
}
const OpenOptions options = small_segments();

void tell(int acks, std::uint64_t position) {
  const auto line = "ack=" + std::to_string(position) + "\n";
  const auto written = acks >= 0 ? ::pwrite(acks, line.data(), line.size(), 0)
                                 : ::write(STDOUT_FILENO, line.data(), line.size());
  if (written < 0) std::_Exit(3);
}

int write_life(const char* directory, std::uint64_t count, const char* acks_path) {
  const int acks = acks_path != nullptr ? ::open(acks_path, O_WRONLY) : -1;
  if (acks_path != nullptr && acks < 0) return complain("the file for acknowledgements cannot be opened");
  auto store = open(directory, options);
  if (!store) return complain(store.error().to_string());
  auto next = (*store)->head().position.value() + 1;
  while (next <= count) {
    const auto answer = (*store)->append(request_at(next));
    if (!answer) return complain(answer.error().to_string());
    if (answer->first.value() != next) return complain("the positions are others");
    next = answer->last.value() + 1;
    tell(acks, answer->last.value());
    // Now and then something beside appending: a record, a new life.
    if (next % 41 == 0 && !(*store)->records().put("crash", "last", std::to_string(next)))
      return complain("the record cannot be put");
    if (next % 97 != 0) continue;
    store->reset();
    store = open(directory, options);
    if (!store) return complain(store.error().to_string());
  }
  return 0;
}

// Every event in place, as it was written.
int check_events(EventStore& store, std::uint64_t head) {
  auto cursor = store.read({});
  if (!cursor) return complain(cursor.error().to_string());
  std::uint64_t next = 1;
  for (;;) {
    const auto events = (*cursor)->next_batch(100);
    if (!events) return complain(events.error().to_string());
    if (events->empty()) break;
    for (const auto& event : *events) {
      const auto place = "position " + std::to_string(next);
      if (event.position.value() != next) return complain(place + " is missing");
      ++next;
    }
  }
  return next == head + 1 ? 0 : complain("the log ends before its head");
}

// The order of events inside one append is by stream, so what stands at a position is found by its append.
int check_appends(EventStore& store, std::uint64_t head) {
  std::uint64_t next = 1;
  while (next <= head) {
    auto position = next;
    const auto request = request_at(next);
    for (const auto& write : request.writes) {
      for (const auto& event : write.events) {
        auto cursor = store.read({.query = {}, .from = Position(position), .direction = {}, .limit = 1});
        if (!cursor) return complain(cursor.error().to_string());
        const auto events = (*cursor)->next_batch(1);
        if (!events) return complain(events.error().to_string());
        if (events->empty()) return complain("half of an append at " + std::to_string(position));
        const auto& got = events->front();
        if (got.stream != write.stream || got.data != event.data)
          return complain("other bytes at " + std::to_string(position));
        ++position;
      }
    }
    next = position;
  }
  return 0;
}

int check_life(const char* directory, std::uint64_t acked) {
  auto store = open(directory, options);
  if (!store && acked == 0 && store.error().kind() == errc::not_found) return 0;
  if (!store) return complain(store.error().to_string());
  const auto head = (*store)->head().position.value();
  if (head < acked) {
    return complain("lost: " + std::to_string(acked) + " were acknowledged, " + std::to_string(head) +
                    " are there");
  }
  if (const int bad = check_events(**store, head) + check_appends(**store, head); bad != 0) return bad;
  const auto answer = (*store)->append(request_at(head + 1));
  if (!answer) return complain("it does not go on: " + answer.error().to_string());
  std::printf("%llu\n", static_cast<unsigned long long>(head));
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count >= 4 ? words[1] : "";
  const auto number = count >= 4 ? std::strtoull(words[3], nullptr, 10) : 0;
  if (what == "write") return write_life(words[2], number, count > 4 ? words[4] : nullptr);
  if (what == "check") return check_life(words[2], number);
  std::fputs("crash_life write DIR COUNT [ACKS] | crash_life check DIR ACKED\n", stderr);
  return 2;
}
