// system_error.cpp - the table from errno to error kinds.
#include "io/system_error.hpp"

#include <cerrno>
#include <string>
#include <system_error>

namespace stele::io {
namespace {

errc kind_of(int number, Doing doing) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return errc::disk_full;
    case EROFS:
      return errc::read_only;
    case EACCES:
    case EPERM:
      return errc::denied;
    case ENOENT:
      return errc::not_found;
    case EEXIST:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case EINVAL:
      return errc::invalid;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EWOULDBLOCK:
      return errc::busy;
    case EIO:
      return doing == Doing::reading ? errc::corrupt : errc::unavailable;
    default:
      return errc::unavailable;
  }
}

std::string_view help_for(errc kind) {
  switch (kind) {
    case errc::disk_full:
      return "free space on that file system";
    case errc::read_only:
      return "the file system is mounted read-only: see the kernel's log, then remount it";
    case errc::denied:
      return "run as the owner of the directory, or change its permissions";
    case errc::corrupt:
      return "the device failed to read: see the kernel's log, then run `stele verify`";
    default:
      return {};
  }
}

// What can be done about some of them goes by the reason, not by the kind.
std::string_view help_for(errc kind, int number) {
  if (number == EMFILE || number == ENFILE)
    return "raise the limit of open files (ulimit -n), or open fewer at once";
  return help_for(kind);
}

}  // namespace

Error system_error(std::string_view verb, const std::filesystem::path& path, int number, Doing doing) {
  const auto kind = kind_of(number, doing);
  auto why = std::error_code(number, std::generic_category()).message();
  Error error(kind, "cannot " + std::string(verb) + ' ' + path.string() + ": " + why);
  auto told = std::move(error).with("path", path.string()).with("errno", std::to_string(number));
  if (const auto help = help_for(kind, number); !help.empty()) return std::move(told).help(std::string(help));
  return told;
}

}  // namespace stele::io
