// json_reader.cpp - JSON text to a tape of nodes, on simdjson's On-Demand parser. The one file that knows
// simdjson.
//
// The text is parsed wrapped in "[...]": scalars, objects and arrays at the root are then one case, every
// value has a structural character behind it, and a second value or trailing text shows as a second element
// or a late end.
#include "base/json_reader.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "base/assert.hpp"
#include "base/json_tape.hpp"
#include "base/utf8.hpp"

namespace stele {
namespace {

using simdjson::SIMDJSON_PADDING;
namespace ondemand = simdjson::ondemand;

// Larger texts get a parser of their own, so that no thread keeps the memory of its largest request.
constexpr std::size_t kept_parser_bytes = 1u << 20;
constexpr std::size_t pairwise_keys = 16;
// Of a tape that a thread keeps.
constexpr std::size_t kept_tape_bytes = 64u << 10;
constexpr std::size_t kept_tape_nodes = 4'096;
constexpr std::size_t usual_nodes = 24;

// A document may outlive what its thread keeps (statics do), so the flag has no destructor.
constinit thread_local bool thread_ended = false;
struct SpareTape {
  std::unique_ptr<detail::JsonTape> tape{};
  ~SpareTape() { thread_ended = true; }
};
thread_local SpareTape spare;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// RFC 8259 section 6, of any length; the parser itself would only accept what fits a double.
bool is_json_number(std::string_view text) {
  std::size_t at = 0;
  auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at > from;
  };
  auto take = [&](std::string_view any) {
    return at < text.size() && any.contains(text[at]) ? (++at, true) : false;
  };
  take("-");
  if (!take("0") && !digits()) return false;
  if (take(".") && !digits()) return false;
  if (take("eE")) {
    take("+-");
    if (!digits()) return false;
  }
  return at == text.size();
}

// Where the first ill-formed character begins.
std::size_t first_bad_character(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (!base::is_utf8(text.substr(at, size))) return at;
    at += size;
  }
  return at;
}

struct JsonProblem {
  std::string what;
  std::size_t offset = 0;
  std::string pointer;  // grows from the inside out while the walk unwinds
  bool too_large = false;
};

class JsonWalk {
 public:
  JsonWalk(detail::JsonTape& tape, std::size_t text_size, JsonOptions options, bool keep)
      : tape_(tape), text_size_(text_size), options_(options), keep_(keep) {}

  bool run(ondemand::parser& parser);
  [[nodiscard]] Error error() const;

 private:
  bool one_value();
  bool value(ondemand::value& at, std::size_t depth, char closing);
  bool array(ondemand::value& at, std::size_t depth);
  bool object(ondemand::value& at, std::size_t depth);
  bool member(ondemand::field& field, std::size_t depth);
  bool key(ondemand::field& field);
  bool string(std::string_view token);
  bool scalar(std::string_view token);
  bool unique_keys(std::uint32_t container);
  void close(std::uint32_t container, std::size_t count);
  void drop_behind(std::uint32_t node);
  bool add(JsonType type, std::string_view raw);
  bool fail(std::string what, const char* where = nullptr);
  bool fail(simdjson::error_code code) { return fail(simdjson::error_message(code)); }
  [[nodiscard]] const char* here();
  [[nodiscard]] std::string_view text() const { return {tape_.source.get() + 1, text_size_}; }

  detail::JsonTape& tape_;
  std::size_t text_size_;
  JsonOptions options_;
  bool keep_;  // false: nodes are dropped as soon as their neighbours do not need them
  std::uint8_t* unescaped_end_ = nullptr;
  ondemand::parser* parser_ = nullptr;
  ondemand::document document_;
  JsonProblem problem_;
};

// The next structural character, or the end.
const char* JsonWalk::here() {
  const char* at = nullptr;
  const char* end = text().data() + text_size_;
  if (document_.current_location().get(at) || at < text().data() || at > end) return end;
  return at;
}

bool JsonWalk::fail(std::string what, const char* where) {
  problem_.what = std::move(what);
  problem_.offset = static_cast<std::size_t>((where ? where : here()) - text().data());
  return false;
}

bool JsonWalk::add(JsonType type, std::string_view raw) {
  if (tape_.nodes.size() == json_max_values) {
    problem_.too_large = true;
    return fail("more values than " + std::to_string(json_max_values), raw.data());
  }
  const auto begin = static_cast<std::uint32_t>(raw.data() - tape_.source.get());
  const auto next = static_cast<std::uint32_t>(tape_.nodes.size() + 1);
  tape_.nodes.push_back({type, false, begin, static_cast<std::uint32_t>(raw.size()), next, 0, 0});
  return true;
}

void JsonWalk::drop_behind(std::uint32_t node) {
  if (keep_) return;
  tape_.nodes.resize(node + 1);
  tape_.nodes[node].next = node + 1;
}

// Everything between the closing bracket and the next structural character is white space.
void JsonWalk::close(std::uint32_t container, std::size_t count) {
  detail::JsonNode& node = tape_.nodes[container];
  const char* begin = tape_.source.get() + node.begin;
  const char* end = here();
  const char bracket = node.type == JsonType::array ? ']' : '}';
  while (end > begin + 1 && end[-1] != bracket) --end;
  node.size = static_cast<std::uint32_t>(end - begin);
  node.text = static_cast<std::uint32_t>(count);
  node.next = static_cast<std::uint32_t>(tape_.nodes.size());
}

bool JsonWalk::string(std::string_view token) {
  if (token.size() < 2 || token.back() != '"') return fail("a string without an end", token.data());
  if (!add(JsonType::string, token)) return false;
  std::string_view inner = token.substr(1, token.size() - 2);
  detail::JsonNode& node = tape_.nodes.back();
  node.text = node.begin + 1;
  node.text_size = node.size - 2;
  if (!inner.contains('\\')) return true;
  if (!tape_.unescaped) {
    tape_.unescaped = std::make_unique_for_overwrite<char[]>(text_size_ + 2 * SIMDJSON_PADDING);
    unescaped_end_ = reinterpret_cast<std::uint8_t*>(tape_.unescaped.get());
  }
  ondemand::raw_json_string escaped(reinterpret_cast<const std::uint8_t*>(inner.data()));
  std::string_view plain;
  if (parser_->unescape(escaped, unescaped_end_).get(plain) || !base::is_utf8(plain))
    return fail("a string with an escape that is none", token.data());
  node.escaped = true;
  node.text = static_cast<std::uint32_t>(plain.data() - tape_.unescaped.get());
  node.text_size = static_cast<std::uint32_t>(plain.size());
  return true;
}

bool JsonWalk::scalar(std::string_view token) {
  if (token.starts_with('"')) return string(token);
  if (token == "true" || token == "false") return add(JsonType::boolean, token);
  if (token == "null") return add(JsonType::null, token);
  if (is_json_number(token)) return add(JsonType::number, token);
  return fail("'" + std::string(token.substr(0, 20)) + "' is no value", token.data());
}

// `closing`: the bracket of the container around. A scalar is taken by its token and never consumed, so what
// stands behind it is checked here: the parser would take a ':' there for the end of a key.
bool JsonWalk::value(ondemand::value& at, std::size_t depth, char closing) {
  std::string_view token = at.raw_json_token();
  const char* behind = token.data() + token.size();
  token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
  if (token.empty()) return fail("a value is missing");
  if (token[0] != '{' && token[0] != '[') {
    if (!scalar(token)) return false;
    return *behind == ',' || *behind == closing || fail("a comma or a closing bracket is missing", behind);
  }
  if (depth == json_max_depth)
    return fail("nested deeper than " + std::to_string(json_max_depth) + " levels", token.data());
  return token[0] == '{' ? object(at, depth + 1) : array(at, depth + 1);
}

bool JsonWalk::array(ondemand::value& at, std::size_t depth) {
  const auto container = static_cast<std::uint32_t>(tape_.nodes.size());
  if (!add(JsonType::array, {here(), 1})) return false;
  ondemand::array elements;
  if (auto code = at.get_array().get(elements)) return fail(code);
  std::size_t count = 0;
  for (auto element : elements) {
    ondemand::value child;
    if (auto code = element.get(child)) return fail(code);
    if (!value(child, depth, ']')) {
      problem_.pointer = json_pointer("", count) + problem_.pointer;
      return false;
    }
    drop_behind(container);
    ++count;
  }
  close(container, count);
  return true;
}

bool JsonWalk::object(ondemand::value& at, std::size_t depth) {
  const auto container = static_cast<std::uint32_t>(tape_.nodes.size());
  if (!add(JsonType::object, {here(), 1})) return false;
  ondemand::object fields;
  if (auto code = at.get_object().get(fields)) return fail(code);
  std::size_t count = 0;
  for (auto each : fields) {
    ondemand::field field;
    if (auto code = std::move(each).get(field)) return fail(code);
    if (!member(field, depth)) return false;
    ++count;
  }
  close(container, count);
  return options_.allow_repeated_keys || unique_keys(container);
}

bool JsonWalk::member(ondemand::field& field, std::size_t depth) {
  if (!key(field)) return false;
  const auto name = static_cast<std::uint32_t>(tape_.nodes.size() - 1);
  if (!value(field.value(), depth, '}')) {
    problem_.pointer = json_pointer("", tape_.text(tape_.nodes[name])) + problem_.pointer;
    return false;
  }
  drop_behind(name + 1);
  return true;
}

bool JsonWalk::key(ondemand::field& field) {
  const char* begin = field.key().raw() - 1;
  const char* end = begin + 1;
  while (*end != '"') end += *end == '\\' ? 2 : 1;  // the parser has seen to it that there is a closing quote
  return string({begin, static_cast<std::size_t>(end + 1 - begin)});
}

bool JsonWalk::unique_keys(std::uint32_t container) {
  static thread_local std::vector<std::string_view> kept;
  std::vector<std::string_view> many;
  auto& keys = tape_.nodes[container].text <= kept_tape_nodes ? kept : many;
  keys.clear();
  for (std::uint32_t at = container + 1; at < tape_.nodes.size(); at = tape_.nodes[at + 1].next)
    keys.push_back(tape_.text(tape_.nodes[at]));
  auto twice = keys.end();
  if (keys.size() <= pairwise_keys) {
    twice = std::find_if(keys.begin(), keys.end(), [&](const std::string_view& key) {
      return std::find(keys.begin(), keys.begin() + (&key - keys.data()), key) !=
             keys.begin() + (&key - keys.data());
    });
  } else {
    std::sort(keys.begin(), keys.end());
    twice = std::adjacent_find(keys.begin(), keys.end());
  }
  if (twice == keys.end()) return true;
  problem_.pointer = json_pointer("", *twice);
  return fail("the key \"" + std::string(*twice) + "\" appears twice",
              tape_.source.get() + tape_.nodes[container].begin);
}

bool JsonWalk::one_value() {
  ondemand::array wrapped;
  if (auto code = document_.get_array().get(wrapped)) return fail(code);
  std::size_t count = 0;
  for (auto element : wrapped) {
    ondemand::value root;
    if (auto code = element.get(root)) return fail(code);
    if (count++ == 1) return fail("text goes on behind the value");
    if (!value(root, 0, ']')) return false;
    drop_behind(0);
  }
  if (count == 0) return fail("there is no value: the text is empty");
  const char* rest = nullptr;
  if (document_.current_location().get(rest) != simdjson::OUT_OF_BOUNDS)
    return fail("text goes on behind the value", rest);
  return true;
}

bool JsonWalk::run(ondemand::parser& parser) {
  parser_ = &parser;
  const std::size_t wrapped = text_size_ + 2;
  auto code = parser.iterate(tape_.source.get(), wrapped, wrapped + SIMDJSON_PADDING).get(document_);
  if (code == simdjson::MEMALLOC) throw std::bad_alloc();  // says nothing about the text
  if (code == simdjson::UTF8_ERROR)
    return fail("bytes that are not UTF-8", text().data() + first_bad_character(text()));
  if (code) return fail(simdjson::error_message(code), text().data() + text_size_);
  return one_value();
}

Error JsonWalk::error() const {
  const std::string_view before = text().substr(0, problem_.offset);
  const auto line = static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const std::uint64_t column = before.size() - (before.rfind('\n') + 1) + 1;
  const std::string place = " at line " + std::to_string(line) + ", column " + std::to_string(column);
  const errc kind = problem_.too_large ? errc::too_large : errc::invalid;
  return Error(kind, "malformed JSON" + place + ": " + problem_.what)
      .with("pointer", problem_.pointer)
      .with("offset", std::uint64_t{problem_.offset})
      .with("line", line)
      .with("column", column);
}

result<std::unique_ptr<detail::JsonTape>> read_tape(std::string_view text, JsonOptions options, bool keep) {
  if (text.size() > std::numeric_limits<std::uint32_t>::max() / 2)
    return Error(errc::too_large,
                 "a JSON text of " + std::to_string(text.size()) + " bytes; the limit is 2 GiB");
  auto tape = detail::take_tape(text.size() + 2 + SIMDJSON_PADDING);
  tape->source[0] = '[';
  std::copy(text.begin(), text.end(), tape->source.get() + 1);
  tape->source[text.size() + 1] = ']';
  std::memset(tape->source.get() + text.size() + 2, ' ', SIMDJSON_PADDING);
  static thread_local ondemand::parser kept;
  JsonWalk walk(*tape, text.size(), options, keep);
  if (text.size() <= kept_parser_bytes) {
    if (!walk.run(kept)) return walk.error();
  } else {
    ondemand::parser once;
    if (!walk.run(once)) return walk.error();
  }
  return tape;
}

}  // namespace

namespace detail {

std::unique_ptr<JsonTape> take_tape(std::size_t room) {
  auto tape = thread_ended ? nullptr : std::move(spare.tape);
  if (!tape) {
    tape = std::make_unique<JsonTape>();
    tape->nodes.reserve(usual_nodes);
  }
  if (tape->room < room) {
    tape->source = std::make_unique_for_overwrite<char[]>(room);
    tape->room = room;
  }
  STELE_ASSERT(tape->nodes.empty() && !tape->unescaped, "a tape begins empty", tape->nodes.size());
  return tape;
}

void give_back([[maybe_unused]] std::unique_ptr<JsonTape> tape) {
#ifndef STELE_SANITIZED
  if (thread_ended || tape->room > kept_tape_bytes || tape->nodes.capacity() > kept_tape_nodes) return;
  tape->nodes.clear();
  tape->unescaped.reset();
  spare.tape = std::move(tape);
#endif
}

}  // namespace detail

result<JsonDocument> JsonDocument::parse(std::string_view text, JsonOptions options) {
  STELE_TRY(auto tape, read_tape(text, options, true));
  return JsonDocument(std::move(tape));
}

result<void> json_check(std::string_view text, JsonOptions options) {
  STELE_TRY(auto tape, read_tape(text, options, false));
  detail::give_back(std::move(tape));
  return {};
}

}  // namespace stele
