// token.cpp - `stele token`: the file of access tokens that `serve` and `demo` take with --tokens. The file holds
// hashes: a token is shown once, when it is made.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "base/sha.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/range.hpp"
#include "cli/report.hpp"
#include "io/world.hpp"
#include "server/auth/token_table.hpp"
#include "stele/app.hpp"

namespace stele::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_token_name = 64;

bool names_a_token(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '@';
  };
  return !name.empty() && name.size() <= longest_token_name && std::ranges::all_of(name, fits);
}

std::string scopes_text(const AccessToken& token) {
  std::string text;
  for (const auto scope : token.scopes) text += (text.empty() ? "" : ",") + std::string(to_string(scope));
  return text;
}

std::string line_of(const AccessToken& token) {
  const auto end = token.expires ? " " + to_string(*token.expires) : std::string();
  return token.name + " " + scopes_text(token) + " " + token.sha256 + end + "\n";
}

// Only for its owner's eyes. Comments do not survive.
result<void> write_tokens(const fs::path& file, const std::vector<AccessToken>& tokens) {
  std::string text;
  for (const auto& token : tokens) text += line_of(token);
  const auto old_mask = ::umask(S_IRWXG | S_IRWXO);
  auto written = io::replace_file(io::real_world().disk, fs::absolute(file), text);
  ::umask(old_mask);
  return written;
}

result<std::vector<AccessToken>> tokens_of(const fs::path& file, bool may_be_missing) {
  if (may_be_missing && !fs::exists(file)) return std::vector<AccessToken>{};
  return read_tokens(file);
}

auto named(std::vector<AccessToken>& tokens, const std::string& name) {
  return std::ranges::find(tokens, name, &AccessToken::name);
}

result<std::vector<Scope>> scopes_of(const std::vector<std::string>& words) {
  std::vector<Scope> scopes;
  for (const auto& word : words) {
    for (const auto scope : {Scope::query, Scope::command, Scope::admin})
      if (word == to_string(scope) && std::ranges::find(scopes, scope) == scopes.end())
        scopes.push_back(scope);
  }
  if (scopes.empty())
    return usage_error("a token is good for something").help("give --scope query, command or admin");
  return scopes;
}

void show_new_token(Session& session, const AccessToken& token, const std::string& secret) {
  if (session.format() == Format::table) {
    session.out << secret << '\n';
    session.err << fmt::format("This is the only time it is shown. It may: {}.\n", scopes_text(token));
  } else if (session.format() != Format::none) {
    JsonObject line;
    line.text("name", token.name).text("token", secret).text("scopes", scopes_text(token));
    if (token.expires) line.text("expires", to_string(*token.expires));
    session.out << line.take() << '\n';
  }
}

}  // namespace

result<int> execute(const TokenNewOptions& options, Session& session) {
  if (!names_a_token(options.name))
    return usage_error("'" + options.name + "' cannot be the name of a token")
        .help("1 to 64 letters, digits, '.', '_', '-' or '@'");
  AccessToken token{.name = options.name, .sha256 = {}, .scopes = {}};
  STELE_TRY(token.scopes, scopes_of(options.scopes));
  if (!options.expires.empty()) {
    STELE_TRY(const auto span, parse_span(options.expires));
    token.expires = session.now() + span;
  }
  STELE_TRY(auto tokens, tokens_of(options.file, true));
  if (named(tokens, options.name) != tokens.end())
    return Error(errc::conflict, "there is a token `" + options.name + "` already")
        .help("stele token rm removes it");
  STELE_TRY(const auto secret, server::make_token());
  token.sha256 = base::sha256_hex(secret);
  tokens.push_back(token);
  STELE_CHECK(write_tokens(options.file, tokens));
  show_new_token(session, token, secret);
  return exit_done;
}

result<int> execute(const TokenListOptions& options, Session& session) {
  STELE_TRY(const auto tokens, tokens_of(options.file, false));
  for (const auto& token : tokens) {
    const auto end = token.expires ? to_string(*token.expires) : std::string();
    if (session.format() == Format::none) break;
    if (session.format() == Format::table)
      session.out << fmt::format("{:<24} {:<20} {}\n", token.name, scopes_text(token),
                                 end.empty() ? "-" : end);
    else
      session.out << JsonObject()
                         .text("name", token.name)
                         .text("scopes", scopes_text(token))
                         .text("expires", end)
                         .take()
                  << '\n';
  }
  return exit_done;
}

result<int> execute(const TokenRemoveOptions& options, Session&) {
  STELE_TRY(auto tokens, tokens_of(options.file, false));
  const auto found = named(tokens, options.name);
  if (found == tokens.end()) return Error(errc::not_found, "there is no token `" + options.name + "`");
  tokens.erase(found);
  STELE_CHECK(write_tokens(options.file, tokens));
  return exit_done;
}

}  // namespace stele::cli
