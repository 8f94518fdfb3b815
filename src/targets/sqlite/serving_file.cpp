// serving_file.cpp - three lines of text, replaced by renaming.
#include "targets/sqlite/serving_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace stele::targets {
namespace {

Error cannot_write(const std::filesystem::path& file) {
  const errc kind = errno == ENOSPC || errno == EDQUOT ? errc::disk_full : errc::denied;
  return Error(kind, file.string() + ": cannot be written: " + std::strerror(errno))
      .with("path", file.string());
}

std::string text_of(const Serving& serving) {
  std::string text = "serving " + std::to_string(serving.serving) + "\n";
  if (serving.previous) text += "previous " + std::to_string(*serving.previous) + "\n";
  if (const auto& building = serving.building)
    text += "building " + std::to_string(building->number) + " " + std::to_string(building->options.batch) +
            (building->options.swap ? " swap" : " keep") +
            (building->options.compare ? " compare " : " trust ") + building->boot + "\n";
  return text;
}

bool read_line(const std::string& line, Serving& into) {
  std::istringstream words(line);
  std::string what;
  std::uint64_t number = 0;
  if (!(words >> what >> number)) return false;
  if (what == "serving") {
    into.serving = number;
    return true;
  }
  if (what == "previous") {
    into.previous = number;
    return true;
  }
  Serving::Building building;
  building.number = number;
  std::string swap;
  std::string compare;
  if (what != "building" || !(words >> building.options.batch >> swap >> compare)) return false;
  words >> building.boot;  // not known on every machine
  building.options.swap = swap == "swap";
  building.options.compare = compare == "compare";
  into.building = building;
  return building.options.batch > 0;
}

result<void> write_synced(const std::filesystem::path& file, const std::string& text) {
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (out < 0) return cannot_write(file);
  const bool written =
      ::write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(out) == 0;
  const Error why = written ? Error(errc::unavailable, "") : cannot_write(file);
  ::close(out);
  if (!written) return why;
  return {};
}

}  // namespace

result<Serving> read_serving(const std::filesystem::path& file) {
  Serving serving;
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line))
    if (!read_line(line, serving))
      return Error(errc::corrupt, file.string() + ": this line cannot be read: " + line)
          .with("path", file.string())
          .help("delete the file: the first model serves then, and is built anew if it is gone");
  return serving;
}

result<void> write_serving(const std::filesystem::path& file, const Serving& serving) {
  const std::filesystem::path fresh = file.string() + ".new";
  STELE_CHECK(write_synced(fresh, text_of(serving)));
  if (::rename(fresh.c_str(), file.c_str()) != 0) return cannot_write(file);
  const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return cannot_write(file);
  const bool synced = ::fsync(folder) == 0;
  ::close(folder);
  if (!synced) return cannot_write(file);
  return {};
}

std::string boot_of_this_machine() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string boot;
  in >> boot;
  return boot;
}

}  // namespace stele::targets
