// library.hpp - a small domain that the toolkit's tests share: books that are registered, lent and returned.
// Its lending event has been through three versions and a change of name.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "stele/decider.hpp"

namespace library {

struct BookRegistered {
  std::string book;
  std::string title;
};
STELE_EVENT(BookRegistered, 1, book, title);

struct BookReturned {
  std::string book;
  int days;
};
STELE_EVENT(BookReturned, 1, book, days);

// [versions]
struct BookLent {
  std::string book;
  std::string reader;
  std::optional<stele::Timestamp> due_at;
};
STELE_EVENT(BookLent, 3, book, reader, due_at);

// Version 2 knew no due date; version 1 had another name, and kept readers as numbers.
namespace v2 {
struct BookLent {
  std::string book;
  std::string reader;
};
STELE_EVENT(BookLent, 2, book, reader);
inline library::BookLent upcast(const BookLent& old) { return {old.book, old.reader, std::nullopt}; }
}  // namespace v2

namespace v1 {
struct BookGiven {
  std::string book;
  int reader_number;
};
STELE_EVENT(BookGiven, 1, book, reader_number);
inline v2::BookLent upcast(const BookGiven& old) {
  if (old.reader_number < 0) throw std::invalid_argument("readers are numbered from 0");
  return {old.book, "reader-" + std::to_string(old.reader_number)};
}
}  // namespace v1

STELE_WAS(BookLent, v2::BookLent);
namespace v2 {
STELE_WAS(BookLent, v1::BookGiven);
}
// [/versions]

struct RegisterBook {
  std::string book;
  std::string title;
};
STELE_COMMAND(RegisterBook, book, title);

struct LendBook {
  std::string book;
  std::string reader;
};
STELE_COMMAND(LendBook, book, reader);

struct ReturnBook {
  std::string book;
  int days;
};
STELE_COMMAND(ReturnBook, book, days);

// Returned and lent again in one go.
struct PassOnBook {
  std::string book;
  std::string reader;
};
STELE_COMMAND(PassOnBook, book, reader);

struct NoSuchBook {
  std::string book;
};
STELE_REFUSAL(NoSuchBook, book);

struct AlreadyLent {
  std::string to;
};
STELE_REFUSAL(AlreadyLent, to);

struct NotLent {
  std::string asked_by;
};
STELE_REFUSAL(NotLent, asked_by);

struct Book {
  static constexpr std::string_view category = "Book";
  static const std::string& id(const auto& command) { return command.book; }
  static std::vector<std::string> tags(const auto& event) { return {"book:" + event.book}; }

  using Commands = stele::commands<RegisterBook, LendBook, ReturnBook, PassOnBook>;
  using Events = stele::events<BookRegistered, BookLent, BookReturned>;
  using Refusals = stele::refusals<NoSuchBook, AlreadyLent, NotLent>;
  using Decision = stele::decision<Events, Refusals>;

  struct Unknown {};
  struct OnShelf {
    int times_lent = 0;
  };
  struct Lent {
    std::string reader;
    std::optional<stele::Timestamp> due;
    int times_lent = 0;
  };
  using State = std::variant<Unknown, OnShelf, Lent>;

  static Decision decide(const RegisterBook& c, const Unknown&) {
    return stele::happened(BookRegistered{c.book, c.title});
  }
  static Decision decide(const auto& c, const Unknown&) { return stele::refuse(NoSuchBook{c.book}); }
  // Registering what is there is no mistake, and changes nothing.
  static Decision decide(const RegisterBook&, const auto&) { return stele::happened(); }

  static Decision decide(const LendBook& c, const OnShelf&, const stele::Asked& asked) {
    return stele::happened(BookLent{c.book, c.reader, asked.at + std::chrono::days(14)});
  }
  static Decision decide(const auto&, const OnShelf&, const stele::Asked& asked) {
    return stele::refuse(NotLent{asked.by});
  }
  static Decision decide(const RegisterBook&, const OnShelf&, const stele::Asked&) {
    return stele::happened();
  }

  static Decision decide(const LendBook&, const Lent& book) {
    return stele::refuse(AlreadyLent{book.reader});
  }
  static Decision decide(const ReturnBook& c, const Lent&) {
    if (c.days < 0) throw std::domain_error("a book was returned before it was lent");
    return stele::happened(BookReturned{c.book, c.days});
  }
  static Decision decide(const PassOnBook& c, const Lent& book) {
    return stele::happened(BookReturned{c.book, 0}, BookLent{c.book, c.reader, book.due});
  }

  static State evolve(const Unknown&, const BookRegistered&) { return OnShelf{}; }
  static State evolve(OnShelf&& shelf, const BookLent& e) {
    return Lent{e.reader, e.due_at, shelf.times_lent + 1};
  }
  static State evolve(Lent book, const BookReturned& e) {
    if (e.days > 10'000) throw std::overflow_error("that book is older than printing");
    return OnShelf{book.times_lent};
  }
};
static_assert(stele::decider<Book>);

}  // namespace library
