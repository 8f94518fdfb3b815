// append_wire.cpp - requests made of any bytes, written by the client's side and read by the server's: conditions,
// tags, payloads and expectations arrive as they were sent, or are refused with words.
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/target/wire.hpp"
#include "server/api/append_body.hpp"

namespace {

using namespace stele;

// Takes parts off the front of the input; an empty one when nothing is left.
class Parts {
 public:
  explicit Parts(std::string_view bytes) : bytes_(bytes) {}
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return first;
  }
  std::string text() {
    const auto length = std::min<std::size_t>(byte() % 24, bytes_.size());
    std::string taken(bytes_.substr(0, length));
    bytes_.remove_prefix(length);
    return taken;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> all(byte() % 3);
    for (auto& one : all) one = text();
    return all;
  }

 private:
  std::string_view bytes_;
};

ExpectedVersion expectation(Parts& parts) {
  switch (parts.byte() % 4) {
    case 0:
      return ExpectedVersion::any();
    case 1:
      return ExpectedVersion::no_stream();
    case 2:
      return ExpectedVersion::exists();
    default:
      return ExpectedVersion::exact(Revision(parts.byte()));
  }
}

NewEvent event(Parts& parts) {
  std::array<std::uint8_t, 16> id{};
  id[0] = parts.byte();
  id[15] = 1;
  NewEvent made{
      .id = Uuid(id), .type = parts.text(), .data = parts.text(), .metadata = {}, .tags = parts.texts()};
  if (parts.byte() % 2 == 0) made.content_type = binary_content;
  return made;
}

AppendRequest request_of(Parts& parts) {
  AppendRequest request;
  for (int writes = 1 + parts.byte() % 2; writes > 0; --writes) {
    StreamWrite write{.stream = parts.text(), .expected = expectation(parts), .events = {}};
    for (int events = 1 + parts.byte() % 2; events > 0; --events) write.events.push_back(event(parts));
    request.writes.push_back(std::move(write));
  }
  if (parts.byte() % 2 == 0)
    request.also_expect.push_back({.stream = parts.text(), .expected = expectation(parts)});
  if (parts.byte() % 2 == 0) {
    request.condition.emplace();
    request.condition->after = Position(parts.byte());
    auto& items = request.condition->fail_if.items.emplace();
    for (int count = parts.byte() % 3; count > 0; --count)
      items.push_back({.types = parts.texts(),
                       .tags = parts.texts(),
                       .streams = parts.texts(),
                       .categories = parts.texts()});
  }
  return request;
}

bool same(const AppendRequest& a, const AppendRequest& b) {
  if (a.writes.size() != b.writes.size() || a.condition.has_value() != b.condition.has_value()) return false;
  for (std::size_t i = 0; i < a.writes.size(); ++i) {
    const auto& x = a.writes[i];
    const auto& y = b.writes[i];
    if (x.stream != y.stream || !(x.expected == y.expected) || x.events.size() != y.events.size())
      return false;
    for (std::size_t k = 0; k < x.events.size(); ++k)
      if (x.events[k].id != y.events[k].id || x.events[k].type != y.events[k].type ||
          x.events[k].data != y.events[k].data || x.events[k].tags != y.events[k].tags)
        return false;
  }
  return !a.condition ||
         (a.condition->after == b.condition->after && a.condition->fail_if == b.condition->fail_if);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Parts parts({reinterpret_cast<const char*>(data), size});
  const auto sent = request_of(parts);
  const auto body = cli::append_body(sent);
  const auto got = server::parse_append(body);
  if (got && !same(sent, *got)) __builtin_trap();
  if (!got && got.error().status() / 100 != 4) __builtin_trap();
  return 0;
}
