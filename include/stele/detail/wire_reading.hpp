// wire_reading.hpp - where a reader of JSON stands, and everything it found wrong on the way. Only for
// WireForm specialisations; users of the wire form see an Error.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/detail/json.hpp"
#include "stele/result.hpp"

namespace stele {

// What to do with members that the struct does not know. Events skip them: an older program must be able to
// read what a newer one has written. Commands refuse them: a misspelt optional field would otherwise be lost
// silently.
enum class UnknownFields : unsigned char { skip, refuse };

class WireReading {
 public:
  explicit WireReading(UnknownFields unknown) : unknown_(unknown) {}

  // Notes a problem at the present place. Reading goes on behind it, so that one answer can name all of them.
  void problem(std::string what);
  // "expected an integer, found the string \"x\""
  void expected(std::string_view what, const JsonValue& found);
  void missing(std::string_view field);
  void unknown(std::string_view field);

  [[nodiscard]] bool ok() const { return problems_.empty(); }
  // errc::invalid; for each problem the facts "pointer" and "problem", in the order they were met, at
  // most 50.
  [[nodiscard]] Error error() const;

  // One step down, for as long as it lives.
  class Step {
   public:
    Step(WireReading& reading, std::string_view key) : reading_(reading) {
      reading_.path_.push_back({key, 0});
    }
    Step(WireReading& reading, std::size_t index) : reading_(reading) {
      reading_.path_.push_back({std::nullopt, index});
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() { reading_.path_.pop_back(); }

   private:
    WireReading& reading_;
  };

 private:
  struct PathStep {
    std::optional<std::string_view> key;
    std::size_t index;
  };
  struct Problem {
    std::string path;     // $.items[1].quantity
    std::string pointer;  // /items/1/quantity
    std::string what;
  };
  UnknownFields unknown_;
  std::vector<PathStep> path_;
  std::vector<Problem> problems_;
  std::size_t dropped_ = 0;  // beyond the 50th
};

}  // namespace stele
