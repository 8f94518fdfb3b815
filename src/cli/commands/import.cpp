// import.cpp - `stele import`: the file, the refused lines, the summary. The work is in import/importer.cpp.
#include <fmt/format.h>

#include <fstream>
#include <istream>

#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/import/importer.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"

namespace stele::cli {
namespace {

constexpr std::uint64_t shown_rejects = 10;
// The largest event in base64 with its names and metadata; a longer line cannot be an event.
constexpr std::size_t longest_line = 64u << 20;

const Shape& import_shape() {
  using enum Column::Kind;
  static const Shape shape{{"imported", "imported", number},
                           {"already_there", "already there", number},
                           {"rejected", "rejected", number}};
  return shape;
}

// Where refused lines go: the first few to standard error, all of them to the file.
class Rejects {
 public:
  explicit Rejects(Session& session) : session_(session) {}

  result<void> open(const std::string& path) {
    if (path.empty()) return {};
    file_.open(path, std::ios::binary | std::ios::trunc);
    if (!file_) return Error(errc::denied, "cannot write " + path).help("check the path behind --reject");
    return {};
  }

  void operator()(std::uint64_t number, std::string_view line, const Error& why) {
    if (file_.is_open()) file_ << line << '\n';
    if (++count_ <= shown_rejects)
      session_.err << fmt::format("line {}: {}\n", number, one_line(why.to_string()));
    if (count_ == shown_rejects + 1)
      session_.err << "more lines were refused; --reject FILE keeps them all\n";
  }

 private:
  Session& session_;
  std::ofstream file_;
  std::uint64_t count_ = 0;
};

// Like getline, but a line that cannot be an event does not fill the memory.
result<bool> next_line(std::istream& in, std::string& line, std::uint64_t number) {
  if (!std::getline(in, line)) {
    if (in.bad())
      return Error(errc::unavailable, fmt::format("the input broke off behind line {}", number - 1));
    return false;
  }
  if (line.size() > longest_line)
    return Error(errc::too_large,
                 fmt::format("line {} has {} and cannot be an event", number, byte_size(line.size())));
  return true;
}

// Line numbers count every line of the input, blank ones too, as editors do.
result<void> import_lines(std::istream& in, Importer& importer) {
  std::string line;
  for (std::uint64_t number = 1; true; ++number) {
    STELE_TRY(const bool there, next_line(in, line, number));
    if (!there) return {};
    STELE_CHECK(importer.take(number, std::move(line)));
    line.clear();
  }
}

}  // namespace

result<int> execute(const ImportOptions& options, Session& session) {
  if (options.from != "jsonl")
    return usage_error(fmt::format("cannot import from '{}'", options.from)).help("use --from jsonl");
  RecordWriter writer(session, import_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  std::ifstream file;
  if (options.file != "-") {
    file.open(options.file, std::ios::binary);
    if (!file)
      return Error(errc::not_found, "cannot read " + options.file)
          .help("check the path, or give - for standard input");
  }
  Rejects rejects(session);
  STELE_CHECK(rejects.open(options.reject));
  STELE_TRY(const auto target, open_target(session, Use::writing));
  Importer importer(*target, std::ref(rejects));
  STELE_CHECK(import_lines(options.file == "-" ? session.in : file, importer));
  STELE_TRY(const auto counts, importer.finish());
  STELE_CHECK(writer.add(JsonObject()
                             .number("imported", counts.imported)
                             .number("already_there", counts.already_there)
                             .number("rejected", counts.rejected)
                             .take()));
  STELE_CHECK(writer.finish());
  return counts.rejected == 0 ? exit_done : exit_leftovers;
}

}  // namespace stele::cli
