// rival.hpp - what a store has to offer to be measured beside others: durable appends by a waiting writer, appends with
// many in flight, a replay, a load. One file per rival fills it in; the measuring is harness.cpp's.
//
// Every append checks the expected version in whatever way the store does that best, and is durable when it is
// answered, except where Rival::durability() says otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stele/result.hpp"

namespace stele::compare {

// `count` events for one stream, which has `expected` events so far.
struct Append {
  std::string stream;
  std::uint64_t expected = 0;
  std::uint64_t count = 1;
};

// Every event of a run has the same type and payload; ids differ.
inline constexpr std::string_view event_type = "MoneyDeposited";
[[nodiscard]] const std::string& payload();
// Version 4 in shape, and different for every call of every thread.
[[nodiscard]] std::array<std::uint8_t, 16> fresh_id();
[[nodiscard]] std::string id_text(const std::array<std::uint8_t, 16>& id);

// One writer's way to the store, used by one thread.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual result<void> append(const Append& append) = 0;
};

// Appends without waiting for each, used by one thread. `slot` comes back when that one is durable.
class Pipeline {
 public:
  virtual ~Pipeline() = default;
  virtual result<void> send(const Append& append, std::uint32_t slot) = 0;
  // Waits for one at least.
  virtual result<void> receive(std::vector<std::uint32_t>& slots) = 0;
};

[[nodiscard]] Error no_such_form();

using OnEvent = std::function<void(std::string_view stream, std::string_view data)>;

// What a rebuild by the store's own means has come to: both are checked.
struct Balances {
  std::uint64_t events = 0;
  std::int64_t cents = 0;  // over all accounts
};

class Rival {
 public:
  virtual ~Rival() = default;
  // What makes an acknowledgement durable here, as it is shown in the table; begins with "not durable" where it is
  // not.
  [[nodiscard]] virtual std::string durability() const = 0;
  virtual result<std::unique_ptr<Connection>> connect() = 0;
  // `invalid`: this rival has no such form.
  virtual result<std::unique_ptr<Pipeline>> pipeline() = 0;
  // For filling: all of them, quickly, durable at the end.
  virtual result<void> append_all(std::span<const Append> appends) = 0;
  // All events in order of the log; how many there were.
  virtual result<std::uint64_t> replay(const OnEvent& event) = 0;
  // All events of a stream in order; how many there were.
  virtual result<std::uint64_t> load(const std::string& stream) = 0;
  // A table with the balance of every account, made anew from the whole log as a program on this store would do it,
  // with a checkpoint in each transaction. `each`: one upsert per event; otherwise the best way there is.
  virtual result<Balances> rebuild(bool each) {
    (void)each;
    return no_such_form();
  }
};

// Where the rival is: a directory of its own, and the port of its server where it has one.
struct Place {
  std::string directory;
  int port = 0;
};
// Defined by each rival's file.
[[nodiscard]] result<std::unique_ptr<Rival>> open_rival(const Place& place);

}  // namespace stele::compare
