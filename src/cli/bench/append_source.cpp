// append_source.cpp - the events a load appends.
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/bench/append_load.hpp"

namespace stele::cli::bench {
namespace {

// Shaped like the payload of a small banking event, and valid JSON at every size.
std::string payload_of(std::uint64_t size) {
  std::string json = R"({"accountId":"acct-42","amount":"120.50","currency":"EUR","note":")";
  const std::string_view end = "\"}";
  if (size > json.size() + end.size()) json.append(size - json.size() - end.size(), 'x');
  return json.append(end);
}

// Distinct within the run and over runs, without asking the system for randomness each time.
Uuid id_of(std::uint64_t space, std::uint64_t number) {
  std::array<std::uint8_t, 16> bytes{};
  char words[16];
  base::store_le<std::uint64_t>(words, space);
  base::store_le<std::uint64_t>(words + 8, number);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(words[i]);
  return Uuid(bytes);
}

}  // namespace

// The id space is random once per writer: a second run on the same store must not look like a repeat.
AppendSource::AppendSource(const AppendLoad& load, std::uint64_t writer)
    : load_(&load),
      writer_(writer),
      stream_(fmt::format("bench-{}-{}", load.run, writer)),
      payload_(payload_of(load.size)),
      id_space_(std::hash<Uuid>{}(Uuid::random())) {}

AppendRequest AppendSource::next() {
  AppendRequest request;
  auto& write = request.writes.emplace_back();
  write.stream = stream_;
  write.expected = expected_;
  write.events.reserve(load_->batch);
  for (std::uint64_t i = 0; i < load_->batch; ++i) {
    auto& event = write.events.emplace_back();
    event.id = id_of(id_space_, ++made_);
    event.type = "BenchEvent";
    event.data = payload_;
  }
  if (load_->prepare) load_->prepare(request, writer_, seen_);
  return request;
}

}  // namespace stele::cli::bench
