// new.cpp - `stele new`: a small project that builds against the installed library and passes its first test.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/new/project.hpp"
#include "cli/output/json_object.hpp"
#include "cli/report.hpp"

namespace stele::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_project_name = 64;

// It becomes a CMake target, a program and a folder.
bool names_a_project(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto more = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  const bool reserved = name == "test" || name == "tally_test" || name == "all" || name == "clean" ||
                        name == "install" || name == "help" || name == "build" || name == "data";
  return !name.empty() && name.size() <= longest_project_name && letter(name.front()) &&
         std::ranges::all_of(name, more) && !reserved;
}

std::string filled_in(std::string_view text, std::string_view name) {
  constexpr std::string_view hole = "{{name}}";
  std::string out;
  for (auto at = text.find(hole); at != std::string_view::npos; at = text.find(hole)) {
    out += text.substr(0, at);
    out += name;
    text.remove_prefix(at + hole.size());
  }
  return out += text;
}

result<void> write_file(const fs::path& path, const std::string& text, bool executable) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return Error(errc::unavailable, "cannot be written: " + path.string());
  std::error_code failed;
  if (executable) fs::permissions(path, fs::perms(0755), failed);
  if (failed) return Error(errc::unavailable, "cannot be made executable: " + path.string());
  return {};
}

// A new folder, or an empty one.
result<void> make_room(const fs::path& dir) {
  std::error_code failed;
  fs::create_directories(dir, failed);
  if (failed) return Error(errc::unavailable, dir.string() + " cannot be made: " + failed.message());
  if (fs::is_empty(dir, failed) && !failed) return {};
  return Error(errc::conflict, dir.string() + " is not empty").help("name another folder with --dir");
}

void announce_project(Session& session, const std::string& name, const fs::path& dir) {
  if (session.format() == Format::table)
    session.out << fmt::format("{0} is in {1}\n\n  cd {1} && ./test     builds it and runs its first test\n",
                               name, dir.string());
  else if (session.format() != Format::none)
    session.out << JsonObject()
                       .text("name", name)
                       .text("dir", dir.string())
                       .number("files", project_files().size())
                       .take()
                << '\n';
}

}  // namespace

result<int> execute(const NewOptions& options, Session& session) {
  if (!names_a_project(options.name))
    return usage_error("'" + options.name + "' cannot be the name of a project")
        .help("a letter first, then letters, digits, '-' or '_'; not a word that CMake or make uses");
  const fs::path dir = options.dir.empty() ? options.name : options.dir;
  STELE_CHECK(make_room(dir));
  for (const auto& [name, text] : project_files()) {
    const std::string file = name == "gitignore" ? ".gitignore" : std::string(name);
    STELE_CHECK(write_file(dir / file, filled_in(text, options.name), name == "test"));
  }
  announce_project(session, options.name, dir);
  return exit_done;
}

}  // namespace stele::cli
