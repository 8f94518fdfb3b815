// customers.hpp - a domain whose events have been through everything: a field split in two, an event split in two,
// one that was dropped, one that lives on under another name, and one kept as bytes. For the tests of evolution.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "stele/handler.hpp"

namespace customers {

// [registered]
struct CustomerRegistered {
  std::string first_name;
  std::string last_name;
  std::string email;
};
STELE_EVENT(CustomerRegistered, 2, first_name, last_name, email);

namespace v1 {
struct CustomerRegistered {
  std::string name;
  std::string email;
};
STELE_EVENT(CustomerRegistered, 1, name, email);

// The last word is the last name; one word is a first name.
inline customers::CustomerRegistered upcast(const CustomerRegistered& old) {
  const auto cut = old.name.rfind(' ');
  if (cut == std::string::npos) return {old.name, "", old.email};
  return {old.name.substr(0, cut), old.name.substr(cut + 1), old.email};
}
}  // namespace v1
STELE_WAS(CustomerRegistered, v1::CustomerRegistered);
// [/registered]

// [split]
struct AddressChanged {
  std::string street;
};
STELE_EVENT(AddressChanged, 1, street);
struct PhoneChanged {
  std::string number;
};
STELE_EVENT(PhoneChanged, 1, number);

// One event for both, until they were told apart.
struct ContactChanged {
  std::optional<std::string> street;
  std::optional<std::string> phone;
};
STELE_EVENT(ContactChanged, 1, street, phone);
inline std::tuple<std::optional<AddressChanged>, std::optional<PhoneChanged>> upcast(
    const ContactChanged& old) {
  return {old.street.transform([](const std::string& street) { return AddressChanged{street}; }),
          old.phone.transform([](const std::string& number) { return PhoneChanged{number}; })};
}
STELE_WAS(AddressChanged, ContactChanged);
STELE_WAS(PhoneChanged, ContactChanged);
// [/split]

// Upgraded and Downgraded became one event; NewsletterOpened is of no interest any more.
struct LevelChanged {
  int level;
};
STELE_EVENT(LevelChanged, 2, level);
namespace v1 {
struct LevelChanged {
  std::string level;
};
STELE_EVENT(LevelChanged, 1, level);
inline std::variant<customers::LevelChanged, stele::dropped> upcast(const LevelChanged& old) {
  if (old.level == "none") return stele::dropped();
  return customers::LevelChanged{old.level == "gold" ? 2 : 1};
}
}  // namespace v1
struct Upgraded {};
STELE_EVENT(Upgraded, 1);
inline v1::LevelChanged upcast(const Upgraded&) { return {"gold"}; }
struct LevelsReset {
  int times;
};
STELE_EVENT(LevelsReset, 1, times);
inline std::vector<v1::LevelChanged> upcast(const LevelsReset& old) {
  return std::vector<v1::LevelChanged>(static_cast<std::size_t>(old.times), v1::LevelChanged{"silver"});
}
// [dropped]
struct NewsletterOpened {};
STELE_EVENT(NewsletterOpened, 1);
inline stele::dropped upcast(const NewsletterOpened&) { return {}; }
// [/dropped]
STELE_WAS(LevelChanged, v1::LevelChanged, NewsletterOpened);
namespace v1 {
STELE_WAS(LevelChanged, Upgraded, LevelsReset);
}

// [payload]
struct Photographed {
  std::vector<unsigned char> image;
};
STELE_EVENT(Photographed, 2, image);
inline std::string write_payload(const Photographed& photo) {
  return {photo.image.begin(), photo.image.end()};
}
inline stele::result<Photographed> read_payload(std::string_view bytes, const Photographed*) {
  if (bytes.empty()) return stele::Error(stele::errc::invalid, "an image without a byte");
  return Photographed{{bytes.begin(), bytes.end()}};
}
// [/payload]
// Before, two bytes a pixel stood for one.
namespace v1 {
struct Photographed {
  std::vector<unsigned char> doubled;
};
STELE_EVENT(Photographed, 1, doubled);
inline stele::result<Photographed> read_payload(std::string_view bytes, const Photographed*) {
  return Photographed{{bytes.begin(), bytes.end()}};
}
inline customers::Photographed upcast(const Photographed& old) {
  customers::Photographed photo;
  for (std::size_t i = 0; i < old.doubled.size(); i += 2) photo.image.push_back(old.doubled[i]);
  return photo;
}
}  // namespace v1
STELE_WAS(Photographed, v1::Photographed);

struct TakePhoto {
  std::string customer;
  std::vector<unsigned char> image;
};
STELE_COMMAND(TakePhoto, customer, image);
struct NoSuchCustomer {
  std::string customer;
};
STELE_REFUSAL(NoSuchCustomer, customer);

struct Customer {
  static constexpr std::string_view category = "Customer";
  static const std::string& id(const auto& command) { return command.customer; }
  using Commands = stele::commands<TakePhoto>;
  using Events = stele::events<CustomerRegistered, AddressChanged, PhoneChanged, LevelChanged, Photographed>;
  using Refusals = stele::refusals<NoSuchCustomer>;
  using Decision = stele::decision<Events, Refusals>;
  // [ignores]
  // Recorded by a program that is gone; nobody has a struct for it any more.
  static constexpr std::string_view ignores[] = {"CampaignSeen"};
  // [/ignores]

  struct State {
    std::string name{};
    std::string street{};
    std::string phone{};
    int level = 0;
    std::size_t pixels = 0;
  };
  static Decision decide(const TakePhoto& c, const State& s) {
    if (s.name.empty()) return stele::refuse(NoSuchCustomer{c.customer});
    return stele::happened(Photographed{c.image});
  }
  static State evolve(State s, const CustomerRegistered& e) {
    s.name = e.first_name + "|" + e.last_name;
    return s;
  }
  static State evolve(State s, const AddressChanged& e) {
    s.street = e.street;
    return s;
  }
  static State evolve(State s, const PhoneChanged& e) {
    s.phone = e.number;
    return s;
  }
  static State evolve(State s, const LevelChanged& e) {
    s.level += e.level;
    return s;
  }
  static State evolve(State s, const Photographed& e) {
    s.pixels += e.image.size();
    return s;
  }
};
static_assert(stele::decider<Customer>);

}  // namespace customers
