// main.cpp - the main() of every driver: one measurement, one line of JSON.
#include <cstdio>

#include "harness.hpp"

// The rival is closed before the line is printed: what its closing costs or breaks is seen.
int main(int argc, char** argv) {
  using namespace stele::compare;
  const auto run = [&]() -> stele::result<std::string> {
    STELE_TRY(const auto task, parse_task({argv, static_cast<std::size_t>(argc)}));
    STELE_TRY(auto rival, open_rival(task.place));
    STELE_TRY(const auto measured, run_task(*rival, task));
    auto line = line_of(task, measured, rival->durability());
    rival.reset();
    return line;
  };
  const auto line = run();
  if (!line) {
    std::fprintf(stderr, "%s\n", line.error().to_string().c_str());
    return 1;
  }
  std::printf("%s\n", line->c_str());
  return 0;
}
