// answers.cpp - any bytes as a server's answer: what the client makes of an acknowledgement, a page or a refusal never
// depends on more than the bytes, and a refusal always becomes an error that says something.
#include <cstdint>
#include <string_view>

#include "cli/target/wire.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stele;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  AppendRequest request;
  request.writes.push_back({.stream = "Account-1", .expected = {}, .events = {}});
  if (const auto appended = cli::read_append_result(body, request);
      appended && appended->revisions.size() != 1)
    __builtin_trap();
  (void)cli::read_stream_info(body);
  (void)cli::read_head(body);
  (void)cli::read_streams(body);
  for (const int status : {400, 404, 409, 412, 500, 503})
    if (cli::error_of_problem(status, body).message().empty()) __builtin_trap();
  return 0;
}
