// seed.cpp - a past for the crm: forty users from May to August 2026, the early ones recorded as the programs of that
// time did. The same on every machine.
#include <algorithm>
#include <array>

#include "crm/crm.hpp"
#include "crm/user.hpp"
#include "stele/wire.hpp"

namespace crm {
namespace {

using std::chrono::days;
using std::chrono::hours;
using stele::Timestamp;

constexpr stele::Uuid seed_space({0x77, 0x1c, 0x52, 0x0e, 0x94, 0xb3, 0x4a, 0x6f, 0x83, 0x0d, 0x63, 0x72,
                                  0x6d, 0x2d, 0x30, 0x31});
constexpr Timestamp seed_begins{std::chrono::sys_days{std::chrono::year{2026} / 5 / 2}};
constexpr int seeded_users = 40;

constexpr std::array<const char*, 10> first_names{"Alice", "Bob",  "Carla", "Dmitri", "Emeka",
                                                  "Fumi",  "Gwen", "Hana",  "Ivo",    "Jan Willem"};
constexpr std::array<const char*, 8> last_names{"Johnson", "Miller",     "Okafor",    "Tanaka",
                                                "Novak",   "Castellano", "Lindqvist", "Haddad"};

struct Past {
  Timestamp at;
  std::string user;
  std::string type;
  int version = 1;
  std::string data;
  std::vector<std::string> tags;
};

template <class E>
Past happened_at(Timestamp at, const std::string& user, const E& event) {
  const auto schema = stele::schema_of<E>;
  return {at, user, std::string(schema.type), schema.version, stele::to_json(event), User::tags(event)};
}

// Registered one after the other, three days apart; every third becomes premium, every sixth ends it a month later,
// every tenth leaves in the end. The first half was recorded by the first program.
void write_user(std::vector<Past>& into, int number) {
  const auto n = static_cast<std::size_t>(number);
  const std::string id = std::to_string(100 + number);
  const std::string first = first_names[n % first_names.size()];
  const std::string last = number == 13 ? "" : last_names[n % last_names.size()];
  const std::string email = "user" + id + "@example.com";
  const auto at = seed_begins + days(number * 2) + hours(number % 12);
  const bool early = number < seeded_users / 2;
  if (early)
    into.push_back(
        happened_at(at, id, v1::CustomerRegistered{last.empty() ? first : first + " " + last, email}));
  else
    into.push_back(happened_at(at, id, CustomerRegistered{first, last, email}));
  if (number % 3 == 0) into.push_back(happened_at(at + days(5), id, PremiumStarted{}));
  if (number % 6 == 0 && early) into.push_back(happened_at(at + days(35), id, v1::SubscriptionCancelled{}));
  if (number % 6 == 0 && !early)
    into.push_back(happened_at(at + days(25), id, PremiumEnded{"too expensive"}));
  if (number % 10 == 0) into.push_back(happened_at(at + days(38), id, UserDeactivated{email}));
}

std::vector<Past> whole_past() {
  std::vector<Past> all;
  for (int number = 0; number < seeded_users; ++number) write_user(all, number);
  std::ranges::stable_sort(all, {}, &Past::at);
  return all;
}

stele::NewEvent event_of(const Past& one, std::size_t index) {
  stele::NewEvent event;
  event.id = stele::Uuid::from_name(seed_space, std::to_string(index));
  event.type = one.type;
  event.data = one.data;
  event.metadata = R"({"userId":"seed")";
  if (one.version > 1) event.metadata += ",\"schemaVersion\":" + std::to_string(one.version);
  event.metadata += '}';
  event.tags = one.tags;
  return event;
}

// When the store's last event was recorded; long ago when there is none.
stele::result<Timestamp> last_recorded(stele::EventStore& store) {
  stele::LogRead newest;
  newest.direction = stele::Direction::backward;
  newest.limit = 1;
  STELE_TRY(const auto cursor, store.read(newest));
  STELE_TRY(const auto batch, cursor->next_batch(1));
  return batch.empty() ? Timestamp() : batch.front().recorded_at;
}

}  // namespace

stele::result<void> seed(stele::EventStore& store) {
  const auto all = whole_past();
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto event = event_of(all[i], i);
    if (store.find_event(event.id)) continue;
    STELE_TRY(const auto last, last_recorded(store));
    if (last > all[i].at) return {};
    stele::AppendRequest request;
    request.writes.push_back({"User-" + all[i].user, {}, {}});
    request.writes.back().events.push_back(std::move(event));
    request.recorded_at = all[i].at;
    STELE_CHECK(store.append(std::move(request)));
  }
  return {};
}

}  // namespace crm
