// wire.hpp - the server's JSON: requests written, answers and refusals read. No connection, no files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stele/store.hpp"

namespace stele::cli {

// The body of POST /v1/append.
[[nodiscard]] std::string append_body(const AppendRequest& request);
// Its answer; revisions in the order of the request's writes.
[[nodiscard]] result<AppendResult> read_append_result(std::string_view body, const AppendRequest& request);
[[nodiscard]] result<StreamInfo> read_stream_info(std::string_view body);
[[nodiscard]] result<Head> read_head(std::string_view body);

// A page of GET /v1/streams.
[[nodiscard]] result<std::vector<StreamInfo>> read_streams(std::string_view body);

// A refusal (problem+json, or anything else) as the Error it was on the server.
[[nodiscard]] Error error_of_problem(int status, std::string_view body);

}  // namespace stele::cli
