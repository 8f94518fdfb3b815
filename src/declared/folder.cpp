// folder.cpp - `.sql` files of a folder: loaded when the server starts. What a file said when it last served is kept
// with the store, so that one that was changed meanwhile is built beside what it was, which answers until then.
#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/json_text.hpp"
#include "declared/shelf.hpp"
#include "stele/detail/json.hpp"

namespace stele::declared {
namespace {

constexpr std::string_view folder_space = "declared";
constexpr std::string_view folder_key = "files";

result<std::string> text_in(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error(errc::not_found, file.string() + " cannot be read").with("path", file.string());
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// By name, so that what is wrong is found in the same order each time.
result<std::vector<std::filesystem::path>> sql_files(const std::filesystem::path& folder) {
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed))
    if (entry.path().extension() == ".sql") files.push_back(entry.path());
  if (failed)
    return Error(errc::not_found,
                 folder.string() + ": the folder of projections cannot be read: " + failed.message())
        .with("path", folder.string());
  std::ranges::sort(files);
  return files;
}

}  // namespace

result<void> Shelf::load_folder() {
  if (options_.folder.empty()) return {};
  STELE_TRY(const auto files, sql_files(options_.folder));
  STELE_TRY(const auto served, served_files());
  for (const auto& file : files) {
    STELE_TRY(const auto text, text_in(file));
    STELE_TRY(auto compiled, compile(text, file.filename().string(), options_.type_names));
    const auto before = served.find(compiled.projection.name);
    STELE_CHECK(place_file(std::move(compiled), file.string(),
                           before == served.end() ? std::nullopt : std::optional(before->second)));
  }
  write_served_files();
  return {};
}

// Another model under the same version takes the folder that the old one does not have. A text of before that this
// program does not understand any more has nothing to show.
result<void> Shelf::place_file(Compiled compiled, const std::string& file,
                               const std::optional<ServedFile>& before) {
  if (const auto there = find(compiled.projection.name)) return taken(*there);
  const bool has_changed = before && before->text != compiled.text;
  auto old = has_changed ? compile(before->text, "what " + file + " was", options_.type_names)
                         : result<Compiled>(compiled);
  const bool same = !old || same_model(*old, compiled);
  const bool beside = before && before->beside;
  if (same) {
    STELE_CHECK(place(std::move(compiled), {.file = file, .beside = beside}));
    return {};
  }
  const bool same_version = old->projection.version == compiled.projection.version;
  STELE_CHECK(place(*std::move(old), {.file = file, .beside = beside}));
  STELE_CHECK(build(std::move(compiled), {.file = file, .beside = beside != same_version}));
  return {};
}

// A record that cannot be understood belongs to another version of this program: then every file begins as it is.
result<std::map<std::string, Shelf::ServedFile, std::less<>>> Shelf::served_files() {
  std::map<std::string, ServedFile, std::less<>> served;
  STELE_TRY(const auto kept, store_.records().get(folder_space, folder_key));
  served_record_ = kept.value_or("");
  if (!kept) return served;
  const auto document = JsonDocument::parse(*kept);
  if (!document) return served;
  for (const auto& [name, value] : document->root().members()) {
    const auto text = value.find("text");
    const auto beside = value.find("beside");
    if (!text || !beside) continue;
    served.emplace(name, ServedFile{.text = std::string(text->as_string().value_or("")),
                                    .beside = beside->as_bool().value_or(false)});
  }
  return served;
}

// Best effort: without it, a changed file is built anew in place, or built once more. A store that is only read keeps
// nothing.
void Shelf::write_served_files() {
  std::string json = "{";
  for (const auto& placed : all()) {
    if (placed->from.file.empty()) continue;
    if (json.size() > 1) json += ',';
    base::append_json_string(json, placed->compiled.projection.name);
    json += ":{\"text\":";
    base::append_json_string(json, placed->compiled.text);
    json += placed->from.beside ? ",\"beside\":true}" : ",\"beside\":false}";
  }
  json += '}';
  if (json == served_record_ || (json == "{}" && served_record_.empty())) return;
  if (store_.records().put(folder_space, folder_key, json)) served_record_ = json;
}

}  // namespace stele::declared
