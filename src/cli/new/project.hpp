// project.hpp - the files of a new project, as they stand in the folder project/ beside this; built into the command,
// so that `stele new` needs nothing but itself. What is done with them is in commands/new.cpp.
#pragma once

#include <span>
#include <string_view>

namespace stele::cli {

struct ProjectFile {
  std::string_view name;  // relative to the project
  std::string_view text;  // with {{name}} where the project's name belongs
};

[[nodiscard]] std::span<const ProjectFile> project_files();

}  // namespace stele::cli
