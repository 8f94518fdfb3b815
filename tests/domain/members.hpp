// members.hpp - a domain whose rules look beyond one aggregate: e-mail addresses that only one member may have,
// and seats that are held for a while. For the tests of decisions over the log.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "stele/handler.hpp"

namespace members {

struct MemberJoined {
  std::string member;
  std::string email;
};
STELE_EVENT(MemberJoined, 1, member, email);
struct MemberLeft {
  std::string member;
  std::string email;
};
STELE_EVENT(MemberLeft, 1, member, email);

struct Join {
  std::string member;
  std::string email;
};
STELE_COMMAND(Join, member, email);
struct Leave {
  std::string member;
};
STELE_COMMAND(Leave, member);

struct EmailTaken {
  std::string email;
};
STELE_REFUSAL(EmailTaken, email);
struct NotNow {
  std::string member;
};
STELE_REFUSAL(NotNow, member);

struct Member {
  static constexpr std::string_view category = "Member";
  static const std::string& id(const auto& command) { return command.member; }
  // [tags]
  static std::vector<std::string> tags(const auto& event) {
    return {stele::unique_tag("email", event.email)};
  }
  // [/tags]
  using Commands = stele::commands<Join, Leave>;
  using Events = stele::events<MemberJoined, MemberLeft>;
  using Refusals = stele::refusals<EmailTaken, NotNow>;
  using Decision = stele::decision<Events, Refusals>;
  struct Outside {};
  struct Inside {
    std::string email;
  };
  using State = std::variant<Outside, Inside>;
  static Decision decide(const Join& c, const Outside&) {
    return stele::happened(MemberJoined{c.member, c.email});
  }
  static Decision decide(const Leave& c, const Inside& m) {
    return stele::happened(MemberLeft{c.member, m.email});
  }
  static Decision decide(const auto& c, const auto&) { return stele::refuse(NotNow{c.member}); }
  static State evolve(const Outside&, const MemberJoined& e) { return Inside{e.email}; }
  static State evolve(const Inside&, const MemberLeft&) { return Outside{}; }
};
static_assert(stele::decider<Member>);

// [join]
inline stele::result<stele::Outcome<Member::Refusals>> join(stele::EventStore& store, const Join& command,
                                                            const stele::Context& context = {},
                                                            const stele::HandleOptions& options = {}) {
  return stele::transact<Member::Refusals>(
      store, command, context, options, [&](auto& work) -> stele::result<void> {
        STELE_TRY(const bool held, work.template taken<MemberLeft>("email", command.email));
        if (held) work.refuse(EmailTaken{command.email});
        STELE_TRY(auto member, work.template load<Member>(command.member));
        work.ask(member, command);
        return {};
      });
}
// [/join]

// ---- Seats, held for a quarter of an hour. Each holder has a stream; who has a seat is a question to the log.

struct SeatHeld {
  std::string holder;
  std::string seat;
  stele::Timestamp until;
};
STELE_EVENT(SeatHeld, 1, holder, seat, until);
struct SeatBought {
  std::string holder;
  std::string seat;
};
STELE_EVENT(SeatBought, 1, holder, seat);
struct HoldSeat {
  std::string holder;
  std::string seat;
};
STELE_COMMAND(HoldSeat, holder, seat);
struct BuySeat {
  std::string holder;
  std::string seat;
};
STELE_COMMAND(BuySeat, holder, seat);
struct SeatIsTaken {
  std::string seat;
};
STELE_REFUSAL(SeatIsTaken, seat);

struct Booking {
  static constexpr std::string_view category = "Booking";
  static const std::string& id(const auto& command) { return command.holder; }
  static std::vector<std::string> tags(const auto& event) { return {"seat:" + event.seat}; }
  using Commands = stele::commands<HoldSeat, BuySeat>;
  using Events = stele::events<SeatHeld, SeatBought>;
  using Refusals = stele::refusals<SeatIsTaken>;
  using Decision = stele::decision<Events, Refusals>;
  struct State {
    int seats = 0;
  };
  static Decision decide(const HoldSeat& c, const State&, const stele::Asked& asked) {
    return stele::happened(SeatHeld{c.holder, c.seat, asked.at + std::chrono::minutes(15)});
  }
  static Decision decide(const BuySeat& c, const State&) {
    return stele::happened(SeatBought{c.holder, c.seat});
  }
  static State evolve(const State& s, const SeatHeld&) { return s; }
  static State evolve(const State& s, const SeatBought&) { return {s.seats + 1}; }
};
static_assert(stele::decider<Booking>);

// [reservation]
// Somebody else has the seat: bought it, or holds it still.
inline bool has_seat(const SeatBought& e, const std::string& holder, stele::Timestamp) {
  return e.holder != holder;
}
inline bool has_seat(const SeatHeld& e, const std::string& holder, stele::Timestamp now) {
  return e.holder != holder && e.until > now;
}

template <class C>
stele::result<stele::Outcome<Booking::Refusals>> book_seat(stele::EventStore& store, const C& command,
                                                           const stele::Context& context = {}) {
  return stele::transact<Booking::Refusals>(
      store, command, context, {}, [&](auto& work) -> stele::result<void> {
        STELE_TRY(const auto past,
                  work.template query<SeatHeld, SeatBought>({.tags = {"seat:" + command.seat}}));
        for (const auto& found : past)
          if (std::visit([&](const auto& e) { return has_seat(e, command.holder, work.asked().at); },
                         found.event))
            work.refuse(SeatIsTaken{command.seat});
        STELE_TRY(auto booking, work.template load<Booking>(command.holder));
        work.ask(booking, command);
        return {};
      });
}
// [/reservation]

}  // namespace members
