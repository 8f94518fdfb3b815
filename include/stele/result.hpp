// result.hpp - how anything in stele says "no". Values, never exceptions; not a logging facility.
//
// Every fallible call returns result<T>. It must be used: dropping one is a compile error under -Werror.
// An error has one of twelve kinds, and each kind answers a single question: what can the caller do?
// The message is one sentence for people (what, where), the facts are the same for programs, the help
// says what to do next. Errors are cheap to pass on (one pointer) and free when there is none.
//
// Threading: values, no sharing. Nothing here throws except std::bad_alloc.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace stele {

// Persisted and sent over the wire by name: never rename one, never reuse a retired one.
enum class errc : std::uint8_t {
  invalid,      // the request can never succeed as it stands: correct it
  conflict,     // the world moved since you looked: read again, decide again, retry
  not_found,    // what you named does not exist (yet)
  gone,         // it existed and was removed for good: do not retry
  too_large,    // over a limit: the facts name the limit; split or shrink
  busy,         // too much at once: retry after a pause
  disk_full,    // nothing was written: free space; the store goes on by itself
  read_only,    // this store accepts no appends now: the message says why
  corrupt,      // stored bytes fail their checksum: the facts say where; run `stele verify`
  timeout,      // not known whether it happened: retrying with the same ids is harmless
  denied,       // you may not: ask for the right
  unavailable,  // not reachable, closing, or not started: retry later
};

// "invalid", "conflict", ...: the enumerator's own name, as it stands in logs and in problem documents.
// A kind that is not one of the twelve is a broken invariant and ends the process.
[[nodiscard]] std::string_view to_string(errc kind);

// One fact of an error: what a program may want to know, as text. Names are snake_case and part of the contract
// of whoever returns the error ("stream", "expected", "actual", "position", "limit", "file", "pid", ...).
struct Fact {
  std::string name;
  std::string value;
  bool operator==(const Fact&) const = default;
};

// Copying is cheap (one reference), changing copies first; so an error can be kept, sent on and decorated.
class [[nodiscard]] Error {
 public:
  Error(errc kind, std::string message);

  // Builders, to be chained at the place that knows: Error(errc::conflict, "...").with("actual", "206").
  Error with(std::string name, std::string value) &&;
  Error with(std::string name, std::uint64_t value) &&;
  Error help(std::string what_to_do) &&;
  // The same error, its message prefixed with where it met us: "import.jsonl line 7: ...".
  Error at(std::string_view where) &&;

  [[nodiscard]] errc kind() const;
  [[nodiscard]] const std::string& message() const;
  [[nodiscard]] const std::string& help() const;
  [[nodiscard]] const std::vector<Fact>& facts() const;
  // The value of one fact, or nothing. Of facts with the same name, the first.
  [[nodiscard]] std::optional<std::string_view> fact(std::string_view name) const;
  // "conflict: message (stream=..., actual=...); help"
  [[nodiscard]] std::string to_string() const;

 private:
  struct Body {
    errc kind;
    std::string message;
    std::string help;
    std::vector<Fact> facts;
  };
  Body& mine();  // copies first when the body is shared with another error
  std::shared_ptr<Body> body_;
};

// A value or an error. A subclass of std::expected, so all of its members are there (has_value, operator*, error,
// value_or; value() throws, so do not), made must-use, and made from an Error without further words:
//
//   result<int> half(int n) {
//     if (n % 2 != 0) return Error(errc::invalid, "the number is odd").with("n", std::to_string(n));
//     return n / 2;
//   }
//   if (auto h = half(7); !h) std::puts(h.error().to_string().c_str());
template <class T>
class [[nodiscard]] result : public std::expected<T, Error> {
 public:
  using value_type = T;
  using std::expected<T, Error>::expected;
  result(Error why)
      : std::expected<T, Error>(std::unexpect, std::move(why)) {}  // NOLINT: implicit on purpose
};

template <>
class [[nodiscard]] result<void> : public std::expected<void, Error> {
 public:
  using value_type = void;
  using std::expected<void, Error>::expected;
  result(Error why)
      : std::expected<void, Error>(std::unexpect, std::move(why)) {}  // NOLINT: implicit on purpose
};

}  // namespace stele

// STELE_TRY(auto x, f());   x = value, or return the error from the enclosing function.
// STELE_CHECK(f());         the same where there is no value to keep.
// STELE_TRY is more than one statement: not the body of an `if` without braces, and on one line.
#define STELE_DETAIL_JOIN2(a, b) a##b
#define STELE_DETAIL_JOIN(a, b) STELE_DETAIL_JOIN2(a, b)
#define STELE_TRY(declaration, ...)                                    \
  auto STELE_DETAIL_JOIN(stele_try_, __LINE__) = (__VA_ARGS__);        \
  if (!STELE_DETAIL_JOIN(stele_try_, __LINE__))                        \
    return std::move(STELE_DETAIL_JOIN(stele_try_, __LINE__)).error(); \
  declaration = *std::move(STELE_DETAIL_JOIN(stele_try_, __LINE__))
#define STELE_CHECK(...)                                                                          \
  do {                                                                                            \
    if (auto stele_check_ = (__VA_ARGS__); !stele_check_) return std::move(stele_check_).error(); \
  } while (false)
