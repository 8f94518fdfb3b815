// fake_target.hpp - a target in memory that refuses what a test tells it to. Appends check nothing but ids, so
// what the importer does about every kind of refusal can be seen.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "cli/target/owned_view.hpp"
#include "cli/target/target.hpp"

namespace stele::cli::test {

class FakeTarget final : public Target {
 public:
  std::vector<RecordedEvent> log;
  std::vector<std::size_t> append_sizes;  // events of each request, refused ones too
  std::function<std::optional<Error>(const AppendRequest&)> refuse = [](const auto&) { return std::nullopt; };
  bool quick = true;

  [[nodiscard]] std::string name() const override { return "fake"; }

  result<AppendResult> append(AppendRequest request) override {
    std::size_t events = 0;
    for (const auto& write : request.writes) events += write.events.size();
    append_sizes.push_back(events);
    if (auto error = refuse(request)) return *error;
    AppendResult appended{.first = Position(log.size() + 1), .last = {}, .revisions = {}, .recorded_at = {}};
    appended.was_duplicate = true;
    for (const auto& write : request.writes) {
      for (const auto& event : write.events)
        appended.was_duplicate &= !record(write.stream, event, request.recorded_at);
    }
    appended.last = Position(log.size());
    return appended;
  }

  void append_async(AppendRequest request, AppendCompletion done) override {
    waiting.emplace_back(std::move(done), append(std::move(request)));
  }
  void drain() override {
    for (auto& [done, outcome] : std::exchange(waiting, {})) done(std::move(outcome));
  }

  result<void> read(const ReadPlan&, const EventSink& sink) override {
    for (const auto& event : log) {
      STELE_TRY(const bool more, sink(OwnedView(event).view()));
      if (!more) break;
    }
    return {};
  }
  result<void> follow(const ReadPlan& plan, Position, const EventSink& sink,
                      const std::function<void()>& live, std::stop_token) override {
    STELE_CHECK(read(plan, sink));
    live();
    return {};
  }

  result<StreamInfo> stream_info(const std::string& stream) override {
    return Error(errc::not_found, stream);
  }
  result<std::vector<StreamInfo>> list_streams(const std::string&, const std::string&, std::size_t) override {
    return std::vector<StreamInfo>();
  }
  result<Head> head() override {
    return Head{.position = Position(log.size()), .events = log.size(), .durable = Position(log.size())};
  }
  result<Position> position_at(Timestamp time) override {
    Position last;
    for (const auto& event : log) {
      if (event.recorded_at <= time) last = event.position;
    }
    return last;
  }
  result<RecordedEvent> find_event(const Uuid& id) override {
    const auto found = std::ranges::find_if(log, [&](const auto& event) { return event.id == id; });
    if (found == log.end()) return Error(errc::not_found, "no such event");
    return *found;
  }
  [[nodiscard]] bool finds_quickly() const override { return quick; }

 private:
  bool record(const std::string& stream, const NewEvent& event, std::optional<Timestamp> time) {
    if (find_event(event.id)) return false;
    log.push_back({.position = Position(log.size() + 1),
                   .revision = Revision(revisions[stream]++),
                   .recorded_at = time.value_or(Timestamp{}),
                   .id = event.id,
                   .stream = stream,
                   .type = event.type,
                   .content_type = event.content_type,
                   .data = event.data,
                   .metadata = event.metadata,
                   .tags = event.tags});
    return true;
  }

  std::map<std::string, std::uint64_t> revisions;
  std::vector<std::pair<AppendCompletion, result<AppendResult>>> waiting;
};

}  // namespace stele::cli::test
