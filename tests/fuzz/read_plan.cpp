// read_plan.cpp - any text as the query of a reading request, of the log and of one stream: a plan that the store
// carries out, or a refusal that says something; and what is read lies where the plan says.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/embedded_store.hpp"
#include "io/simulated/manual_clock.hpp"
#include "io/simulated/memory_disk.hpp"
#include "io/simulated/seeded_random.hpp"
#include "server/api/read_plan.hpp"
#include "server/http/uri.hpp"

namespace {

using namespace stele;

// Made once; reading changes nothing.
EventStore& small_store() {
  static io::simulated::MemoryDisk disk;
  static io::simulated::ManualClock clock;
  static io::simulated::SeededRandom random(1);
  static const io::World world{disk, clock, random};
  static const auto store = [] {
    auto opened = engine::EmbeddedStore::open(
        world, "/store", {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10});
    if (!opened) __builtin_trap();
    for (int i = 0; i < 20; ++i) {
      AppendRequest request;
      NewEvent event{.id = {}, .type = i % 2 == 0 ? "T" : "U", .data = "{}", .metadata = {}, .tags = {"a:1"}};
      request.writes.push_back({i % 3 == 0 ? "a-1" : "b-1", ExpectedVersion::any(), {std::move(event)}});
      if (!(*opened)->append(std::move(request))) __builtin_trap();
    }
    return *std::move(opened);
  }();
  return *store;
}

void carry_out(const server::ReadPlan& plan) {
  const auto cursor = server::open_plan(small_store(), plan, plan.limit.value_or(server::default_page));
  if (!cursor) return;
  const auto events = (*cursor)->next_batch(100);
  if (!events) __builtin_trap();
  for (const auto& event : *events) {
    const bool forward = plan.direction == Direction::forward;
    if (forward && event.position > plan.upto) return;  // whoever reads ends there
    if (forward ? event.position < plan.from : event.position > plan.from) __builtin_trap();
    if (!plan.query.matches(event)) __builtin_trap();
    (void)server::next_from(plan, event);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto fields = server::parse_query_text(text);
  if (!fields) return 0;
  Request request;
  request.method = "GET";
  request.query = *fields;
  if (const auto as_of = request.query_value("as_of")) {
    if (const auto moment = parse_moment(*as_of)) request.as_of = *moment;
  }
  if (data[0] % 2 == 1) request.params = {{"stream", data[0] % 4 == 1 ? "a-1" : "none"}};
  if (data[0] % 8 > 3) request.headers.push_back({"last-event-id", std::string(text)});
  const auto plan = server::plan_read(small_store(), request, data[0] % 2 == 0);
  if (plan) {
    carry_out(*plan);
  } else if (plan.error().message().empty()) {
    __builtin_trap();
  }
  return 0;
}
