// importer.hpp - lines of exported events into a store: order, ids and times kept, in groups for speed. Knows
// nothing of files and flags; the command around it is commands/import.cpp.
//
// A second run over the same lines writes nothing: what is already there with the same content is counted and
// passed over, so an import that was interrupted is simply started again.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cli/target/target.hpp"

namespace stele::cli {

struct ImportCounts {
  std::uint64_t imported = 0;
  std::uint64_t already_there = 0;
  std::uint64_t rejected = 0;
};

// Called for every refused line, with the line as it was read.
using RejectSink = std::function<void(std::uint64_t number, std::string_view line, const Error& why)>;

class Importer {
 public:
  // Both outlive the importer, whose finish() must be called unless a call failed.
  Importer(Target& target, RejectSink reject) : target_(target), reject_(std::move(reject)) {}
  ~Importer();
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  // The next line. Bad lines go to the sink; an error means that going on makes no sense (disk full, store
  // gone, an export that was cut short) and names the line.
  result<void> take(std::uint64_t number, std::string line);
  // Everything taken is durable, found or rejected when it returns.
  result<ImportCounts> finish();

 private:
  struct Line {
    std::uint64_t number = 0;
    std::string text;
    RecordedEvent event;
  };
  using Group = std::vector<Line>;  // consecutive events that make one append
  struct Failure {
    Group group;
    Error why;
  };

  result<bool> passes(Line& line);
  [[nodiscard]] bool joins(const Line& line) const;
  result<void> send();
  result<void> settle();
  result<void> append_alone(const Line& line);
  void reject(const Line& line, const Error& why);
  void completed(Group group, result<AppendResult> outcome);

  Target& target_;
  RejectSink reject_;
  Group group_;
  std::size_t group_bytes_ = 0;
  std::size_t bytes_since_drain_ = 0;
  std::mutex mutex_;  // guards what completions touch
  ImportCounts counts_;
  std::deque<Failure> failures_;
};

}  // namespace stele::cli
