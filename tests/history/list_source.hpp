// list_source.hpp - histories in memory: what a test says, or the past of the demo's bank. No store and no disk.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "bank/account.hpp"
#include "bank/seed.hpp"
#include "history/folds.hpp"
#include "history/source.hpp"

namespace stele::history::test {

class ListSource final : public EventSource {
 public:
  void add(const std::string& stream, const std::string& type, const std::string& data,
           const std::string& metadata = "", const std::string& time = "2026-03-01T10:00:00Z") {
    RecordedEvent event;
    event.stream = stream;
    event.type = type;
    event.data = data;
    event.metadata = metadata;
    event.content_type = "application/json";
    event.recorded_at = *parse_time(time);
    event.id = id_numbered(events.size() + 1);
    add(std::move(event));
  }
  void add(RecordedEvent event) {
    event.position = Position(events.size() + 1);
    event.revision = Revision(lengths_[event.stream]++);
    events.push_back(std::move(event));
  }
  static Uuid id_numbered(std::size_t number) {
    std::array<std::uint8_t, 16> id{};
    id[14] = static_cast<std::uint8_t>(number / 256);
    id[15] = static_cast<std::uint8_t>(number % 256);
    return Uuid(id);
  }
  // Its beginning is gone.
  void forget_before(const std::string& stream, std::uint64_t revision) { kept_from_[stream] = revision; }

  result<StreamInfo> stream_info(const std::string& stream) override {
    const auto length = lengths_.find(stream);
    if (length == lengths_.end()) return Error(errc::not_found, "no stream " + stream);
    return StreamInfo{.stream = stream,
                      .last_revision = Revision(length->second - 1),
                      .events = length->second - kept_from_[stream],
                      .first_position = {},
                      .last_position = {}};
  }
  result<void> read_stream(const std::string& stream, Revision from, Revision to,
                           const TakeEvent& take) override {
    return each(
        [&](const RecordedEvent& event) {
          return event.stream == stream && event.revision >= from && event.revision <= to &&
                 event.revision.value() >= kept_from_[stream];
        },
        take);
  }
  result<void> read_log(const Query& query, Position from, Position to, const TakeEvent& take) override {
    return each(
        [&](const RecordedEvent& event) {
          return event.position >= from && event.position <= to &&
                 query.matches(stele::detail::view_of(event));
        },
        take);
  }
  result<std::vector<StreamInfo>> list_streams(const std::string& prefix, const std::string& after,
                                               std::size_t limit) override {
    std::vector<StreamInfo> out;
    for (const auto& [stream, length] : lengths_)
      if (stream.starts_with(prefix) && stream > after && out.size() < limit)
        out.push_back(*stream_info(stream));
    return out;
  }
  result<RecordedEvent> find_event(const Uuid& id) override {
    for (const auto& event : events)
      if (event.id == id) return event;
    return Error(errc::not_found, "no such event");
  }
  result<Position> head() override { return Position(events.size()); }

  std::vector<RecordedEvent> events;
  std::uint64_t reads = 0;  // events handed out

 private:
  template <class Wanted>
  result<void> each(Wanted wanted, const TakeEvent& take) {
    for (const auto& event : events) {
      if (!wanted(event)) continue;
      ++reads;
      STELE_TRY(const bool more, take(stele::detail::view_of(event)));
      if (!more) return {};
    }
    return {};
  }
  std::map<std::string, std::uint64_t> lengths_;
  std::map<std::string, std::uint64_t> kept_from_;
};

// The demo's bank: acct-13 goes below zero at version 203.
inline ListSource bank_past() {
  ListSource source;
  for (auto& one : bank::past(42)) {
    RecordedEvent event;
    event.stream = one.stream;
    event.type = one.event.type;
    event.data = one.event.data;
    event.metadata = one.event.metadata;
    event.content_type = one.event.content_type;
    event.id = one.event.id;
    event.recorded_at = one.at;
    source.add(std::move(event));
  }
  return source;
}

inline Fold account_fold() {
  static const auto aggregates = stele::aggregates<bank::Account>();
  const auto* kind = aggregates->find("BankAccount");
  return {.category = kind->category, .name = kind->rules, .begin = kind->begin, .kind = kind};
}

inline Fold declared_fold(const std::string& toml, const std::string& category) {
  auto folds = declared_folds(toml, "test.toml");
  EXPECT_TRUE(folds) << folds.error().to_string();
  if (!folds) return {};
  const auto found = std::ranges::find(*folds, category, &Fold::category);
  return found == folds->end() ? Fold() : *found;
}

}  // namespace stele::history::test
