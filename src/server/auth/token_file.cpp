// token_file.cpp - the file of access tokens: one line each. Changing it is `stele token`'s business.
#include <algorithm>
#include <array>
#include <fstream>
#include <istream>
#include <utility>

#include "server/auth/token_table.hpp"
#include "server/text.hpp"
#include "stele/app.hpp"

namespace stele {
namespace {

constexpr std::array<std::pair<std::string_view, Scope>, 3> scope_names{
    {{"query", Scope::query}, {"command", Scope::command}, {"admin", Scope::admin}}};

std::string_view next_word(std::string_view& rest) {
  const auto begin = std::min(rest.find_first_not_of(" \t"), rest.size());
  rest.remove_prefix(begin);
  const auto word = rest.substr(0, rest.find_first_of(" \t"));
  rest.remove_prefix(word.size());
  return word;
}

result<std::vector<Scope>> scopes_in(std::string_view words) {
  std::vector<Scope> scopes;
  while (!words.empty()) {
    const auto word = server::next_item(words);
    const auto* const known =
        std::ranges::find(scope_names, word, &std::pair<std::string_view, Scope>::first);
    if (known == scope_names.end())
      return Error(errc::invalid, "there is no scope `" + std::string(word) + "`")
          .help("query, command or admin, several with commas");
    scopes.push_back(known->second);
  }
  return scopes;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

result<AccessToken> token_in(std::string_view line) {
  AccessToken token;
  token.name = next_word(line);
  STELE_TRY(token.scopes, scopes_in(next_word(line)));
  token.sha256 = next_word(line);
  if (token.scopes.empty() || !is_sha256(token.sha256))
    return Error(errc::invalid, "a token is NAME SCOPE[,SCOPE...] SHA256 [EXPIRES]")
        .help("`stele token new` writes such lines");
  const auto end = next_word(line);
  if (end.empty()) return token;
  token.expires = parse_time(end);
  if (token.expires && next_word(line).empty()) return token;
  return Error(errc::invalid, "this is no time: `" + std::string(end) + "`").help("2027-01-31T00:00:00Z");
}

}  // namespace

std::string_view to_string(Scope scope) {
  return std::ranges::find(scope_names, scope, &std::pair<std::string_view, Scope>::second)->first;
}

result<std::vector<AccessToken>> read_tokens(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) return Error(errc::not_found, "the tokens cannot be read: " + file.string());
  return server::parse_tokens(in, file.string());
}

result<std::vector<AccessToken>> server::parse_tokens(std::istream& in, const std::string& label) {
  std::vector<AccessToken> tokens;
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) {
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    if (line.ends_with('\r')) line.pop_back();
    auto token = token_in(line);
    const auto same = [&](const AccessToken& one) { return one.name == token->name; };
    if (token && std::ranges::any_of(tokens, same))
      token = Error(errc::invalid, "there are two tokens `" + token->name + "`");
    if (!token) return Error(token.error()).at(label + ", line " + std::to_string(number));
    tokens.push_back(*std::move(token));
  }
  return tokens;
}

}  // namespace stele
