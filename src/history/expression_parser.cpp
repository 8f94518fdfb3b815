// expression_parser.cpp - from the text of a condition to its tree, by recursive descent. Every refusal names a column.
#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "history/expression.hpp"
#include "history/expression_tree.hpp"

namespace stele::history {
namespace {

using Kind = Node::Kind;

struct Token {
  enum class Kind : std::uint8_t { end, word, number, text, sign };
  Kind kind = Kind::end;
  std::string text{};     // unquoted
  std::size_t begin = 0;  // in the source
  bool double_quoted = false;
};

bool begins_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
bool is_number_part(char c) { return c >= '0' && c <= '9'; }
bool continues_word(char c) { return begins_word(c) || is_number_part(c); }

// Columns count code points, as an editor does.
std::size_t column_of(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  return 1 +
         static_cast<std::size_t>(std::ranges::count_if(before, [](char c) { return (c & 0xC0) != 0x80; }));
}

// One form for all refusals: the text, the column, what was expected, an example.
Error wrong_at(std::string_view source, std::size_t offset, const std::string& what) {
  const auto column = column_of(source, offset);
  return Error(errc::invalid,
               "condition `" + std::string(source) + "`, column " + std::to_string(column) + ": " + what)
      .with("column", column)
      .help("write for example: balance < 0, or data.amount > 100 and type = 'MoneyWithdrawn'");
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  result<std::vector<Token>> run() {
    std::vector<Token> tokens;
    while (true) {
      STELE_TRY(auto token, next());
      const bool last = token.kind == Token::Kind::end;
      tokens.push_back(std::move(token));
      if (last) return tokens;
    }
  }

 private:
  // Blanks end a token and mean nothing else.
  result<Token> next() {
    while (at_ < source_.size() && (source_[at_] == ' ' || source_[at_] == '\t' || source_[at_] == '\n'))
      ++at_;
    if (at_ == source_.size()) return Token{.begin = at_};
    const char c = source_[at_];
    if (c == '\'' || c == '"') return quoted(c);
    if (is_number_part(c)) return taken(Token::Kind::number, number_end());
    if (begins_word(c)) return taken(Token::Kind::word, word_end());
    for (const std::string_view sign : {"<=", ">=", "!=", "<>", "=="})
      if (source_.substr(at_, 2) == sign) return taken(Token::Kind::sign, at_ + 2);
    if (std::string_view("()<>=+-.,[]").find(c) != std::string_view::npos)
      return taken(Token::Kind::sign, at_ + 1);
    return wrong_at(source_, at_, "this character means nothing here");
  }

  Token taken(Token::Kind kind, std::size_t end) {
    STELE_ASSERT(end > at_ && end <= source_.size(), "a token is some text", at_, end);
    Token token{.kind = kind, .text = std::string(source_.substr(at_, end - at_)), .begin = at_};
    at_ = end;
    return token;
  }

  // A quote inside is written twice.
  result<Token> quoted(char quote) {
    Token token{.kind = Token::Kind::text, .text = {}, .begin = at_, .double_quoted = quote == '"'};
    for (++at_; at_ < source_.size(); ++at_) {
      if (source_[at_] != quote) {
        token.text += source_[at_];
      } else if (at_ + 1 < source_.size() && source_[at_ + 1] == quote) {
        token.text += source_[at_++];
      } else {
        ++at_;
        return token;
      }
    }
    return wrong_at(source_, token.begin, "this quotation has no end");
  }

  [[nodiscard]] std::size_t word_end() const {
    auto end = at_;
    while (end < source_.size() && continues_word(source_[end])) ++end;
    return end;
  }
  // The exponent's sign belongs to the number; other signs do not.
  [[nodiscard]] std::size_t number_end() const {
    auto end = at_;
    while (end < source_.size()) {
      const char c = source_[end];
      const bool sign_of_exponent =
          (c == '-' || c == '+') && end > at_ && (source_[end - 1] == 'e' || source_[end - 1] == 'E');
      if (!continues_word(c) && c != '.' && !sign_of_exponent) break;
      ++end;
    }
    return end;
  }

  std::string_view source_;
  std::size_t at_ = 0;
};

constexpr std::array<std::pair<std::string_view, Root>, 11> roots{{{"type", Root::type},
                                                                   {"stream", Root::stream},
                                                                   {"version", Root::version},
                                                                   {"position", Root::position},
                                                                   {"time", Root::time},
                                                                   {"id", Root::id},
                                                                   {"tags", Root::tags},
                                                                   {"data", Root::data},
                                                                   {"metadata", Root::metadata},
                                                                   {"before", Root::before},
                                                                   {"state", Root::state}}};

constexpr std::array<std::pair<std::string_view, Kind>, 10> comparisons{{{"=", Kind::equal},
                                                                         {"==", Kind::equal},
                                                                         {"!=", Kind::unequal},
                                                                         {"<>", Kind::unequal},
                                                                         {"<", Kind::less},
                                                                         {"<=", Kind::at_most},
                                                                         {">", Kind::greater},
                                                                         {">=", Kind::at_least},
                                                                         {"contains", Kind::contains},
                                                                         {"matches", Kind::matches}}};

constexpr std::array<std::string_view, 9> reserved{"and",   "or",   "not",      "in",     "true",
                                                   "false", "null", "contains", "matches"};

Node node_of(Kind kind, std::vector<Node> children) {
  Node node;
  node.kind = kind;
  node.children = std::move(children);
  return node;
}

// Literals are read as numbers once, here, and not at every event.
Node literal_of(Node::Literal literal) {
  Node node;
  if (const auto* text = std::get_if<std::string>(&literal)) node.as_number = Exact::read(*text);
  node.literal = std::move(literal);
  return node;
}

class Parser {
 public:
  Parser(std::string_view source, std::vector<Token> tokens) : source_(source), tokens_(std::move(tokens)) {}

  // The whole text must be one condition: what is left over is a mistake, not ignored.
  result<Node> run() {
    STELE_TRY(auto root, disjunction());
    if (here().kind != Token::Kind::end) return wrong("expected `and`, `or` or the end");
    return root;
  }
  Needs needs;

 private:
  [[nodiscard]] const Token& here() const { return tokens_[at_]; }
  [[nodiscard]] bool is(Token::Kind kind, std::string_view text) const {
    return here().kind == kind && here().text == text;
  }
  bool skip(Token::Kind kind, std::string_view text) {
    if (!is(kind, text)) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view text) { return skip(Token::Kind::word, text); }
  bool sign(std::string_view text) { return skip(Token::Kind::sign, text); }
  [[nodiscard]] Error wrong(const std::string& what) const {
    const auto found = here().kind == Token::Kind::end ? std::string("the end") : "`" + here().text + "`";
    return wrong_at(source_, here().begin, what + ", found " + found);
  }

  // A chain of one operator is one node, so that a long list does not nest.
  result<Node> chain(Kind kind, std::string_view between, result<Node> (Parser::*part)()) {
    STELE_TRY(auto first, (this->*part)());
    if (!is(Token::Kind::word, between)) return first;
    std::vector<Node> all{std::move(first)};
    while (word(between)) {
      STELE_TRY(auto next, (this->*part)());
      all.push_back(std::move(next));
    }
    return node_of(kind, std::move(all));
  }
  result<Node> disjunction() { return chain(Kind::any_of, "or", &Parser::conjunction); }
  result<Node> conjunction() { return chain(Kind::all_of, "and", &Parser::negation); }

  // `not not x` nests, so it counts towards the depth.
  result<Node> negation() {
    if (!word("not")) return comparison();
    STELE_CHECK(deeper());
    STELE_TRY(auto inner, negation());
    --depth_;
    return node_of(Kind::none_of, {std::move(inner)});
  }

  // Comparisons do not chain: `1 < x < 3` ends behind the first and is refused there.
  result<Node> comparison() {
    STELE_TRY(auto left, sum());
    if (word("in")) return one_of(left);
    const auto found =
        std::ranges::find(comparisons, here().text, [](const auto& each) { return each.first; });
    const bool operates = here().kind == Token::Kind::sign || here().kind == Token::Kind::word;
    if (!operates || found == comparisons.end()) return left;
    ++at_;
    const bool pattern = found->second == Kind::matches;
    if (pattern && here().kind != Token::Kind::text)
      return wrong("expected a pattern in quotes, such as 'Money*'");
    STELE_TRY(auto right, sum());
    return node_of(found->second, {std::move(left), std::move(right)});
  }

  // Sugar: x in (a, b) is x = a or x = b.
  result<Node> one_of(const Node& left) {
    if (!sign("(")) return wrong("expected `(` and the values behind `in`");
    std::vector<Node> all;
    do {
      STELE_TRY(auto each, sum());
      all.push_back(node_of(Kind::equal, {left, std::move(each)}));
    } while (sign(","));
    if (!sign(")")) return wrong("expected `,` or `)`");
    return node_of(Kind::any_of, std::move(all));
  }

  // Left to right, and each sign counts towards the depth, since the tree grows by it.
  result<Node> sum() {
    STELE_TRY(auto left, operand());
    while (is(Token::Kind::sign, "+") || is(Token::Kind::sign, "-")) {
      const auto kind = here().text == "+" ? Kind::plus : Kind::minus;
      ++at_;
      STELE_CHECK(deeper());
      STELE_TRY(auto right, operand());
      left = node_of(kind, {std::move(left), std::move(right)});
    }
    return left;
  }

  // The order matters: a quotation is a text unless a path begins with it.
  result<Node> operand() {
    if (sign("(")) {
      STELE_CHECK(deeper());
      STELE_TRY(auto inner, disjunction());
      --depth_;
      if (!sign(")")) return wrong("expected `)`");
      return inner;
    }
    if (here().kind == Token::Kind::text && !begins_path()) return literal_of(tokens_[at_++].text);
    if (is(Token::Kind::sign, "-") || is(Token::Kind::sign, "+") || here().kind == Token::Kind::number)
      return number();
    if (word("true")) return literal_of(true);
    if (word("false")) return literal_of(false);
    if (word("null")) return literal_of(Node::Null{});
    if (here().kind == Token::Kind::word || begins_path()) return place_or_function();
    return wrong("expected a value");
  }

  // "odd name".x: a quoted first member; a quotation alone is a text.
  [[nodiscard]] bool begins_path() const {
    const auto& next = tokens_[std::min(at_ + 1, tokens_.size() - 1)];
    return here().kind == Token::Kind::text && here().double_quoted && next.kind == Token::Kind::sign &&
           (next.text == "." || next.text == "[");
  }

  // A sign in front of a number belongs to it; between two values it is a sum, see above.
  result<Node> number() {
    const bool negative = is(Token::Kind::sign, "-");
    if (here().kind == Token::Kind::sign) ++at_;
    if (here().kind != Token::Kind::number) return wrong("expected a number");
    const auto value = Exact::read(here().text);
    if (!value) return wrong("expected a number");
    ++at_;
    return literal_of(negative ? value->negated() : *value);
  }

  result<Node> place_or_function() {
    const bool called = here().kind == Token::Kind::word && tokens_[at_ + 1].kind == Token::Kind::sign &&
                        tokens_[at_ + 1].text == "(";
    if (!called) return place();
    if (here().text != "exists" && here().text != "size") return wrong("expected exists(...) or size(...)");
    const auto kind = here().text == "exists" ? Kind::exists : Kind::size;
    at_ += 2;
    STELE_TRY(auto inner, place());
    if (!sign(")")) return wrong("expected `)`");
    return node_of(kind, {std::move(inner)});
  }

  // A known first word is the event's or a side of the state; everything else is of the state behind the event.
  result<Node> place() {
    const bool plain = here().kind == Token::Kind::word && std::ranges::count(reserved, here().text) == 0;
    if (!plain && here().kind != Token::Kind::text) return wrong("expected the name of a place");
    Node node;
    node.kind = Kind::path;
    const auto root = std::ranges::find(roots, here().text, [](const auto& each) { return each.first; });
    if (plain && root != roots.end())
      node.root = root->second;
    else
      node.path.push_back(here().text);
    const auto begin = at_++;
    STELE_CHECK(steps(node));
    if (node.root <= Root::tags && !node.path.empty()) {
      at_ = begin;
      return wrong("nothing lies below this; write state." + here().text + " for the state's own");
    }
    note(node.root);
    return node;
  }

  // .name, ."odd name" and [3], any number of them.
  result<void> steps(Node& node) {
    while (true) {
      if (sign(".")) {
        if (here().kind != Token::Kind::word && here().kind != Token::Kind::text)
          return wrong("expected a name behind the point");
        node.path.push_back(tokens_[at_++].text);
      } else if (sign("[")) {
        if (here().kind != Token::Kind::number || !std::ranges::all_of(here().text, is_number_part))
          return wrong("expected a number");
        node.path.push_back(tokens_[at_++].text);
        if (!sign("]")) return wrong("expected `]`");
      } else {
        return {};
      }
    }
  }

  void note(Root root) {
    if (root == Root::state)
      needs.after = true;
    else if (root == Root::before)
      needs.before = true;
    else
      needs.event = true;
  }

  result<void> deeper() {
    if (++depth_ <= Expression::deepest) return {};
    return wrong("this is nested too deeply");
  }

  std::string_view source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

result<Expression> Expression::parse(std::string_view text) {
  if (text.size() > longest)
    return Error(errc::invalid, "the condition is longer than " + std::to_string(longest) + " bytes");
  if (!base::is_utf8(text)) return Error(errc::invalid, "the condition is not UTF-8");
  STELE_TRY(auto tokens, Lexer(text).run());
  Parser parser(text, std::move(tokens));
  STELE_TRY(auto root, parser.run());
  return Expression(std::string(text), std::make_shared<const Node>(std::move(root)), parser.needs);
}

}  // namespace stele::history
