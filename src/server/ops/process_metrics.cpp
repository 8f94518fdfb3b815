// process_metrics.cpp - reads /proc/self; what cannot be read is left out.
#include "server/ops/process_metrics.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace stele::server {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto part = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return part(usage.ru_utime) + part(usage.ru_stime);
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

double resident_bytes() {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen("/proc/self/statm", "r"));
  unsigned long total = 0;
  unsigned long resident = 0;
  if (!file || std::fscanf(file.get(), "%lu %lu", &total, &resident) != 2) return 0;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// Counts what the scrape itself has open out.
double open_files() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  double count = -3;  // ".", ".." and the directory itself
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

Metric process_metric(std::string name, std::string help, std::string type, double value) {
  return {.name = std::move(name), .help = std::move(help), .type = std::move(type), .value = value};
}

}  // namespace

std::vector<Metric> process_metrics() {
  return {
      process_metric("process_cpu_seconds_total", "User and system time", "counter", cpu_seconds()),
      process_metric("process_resident_memory_bytes", "Resident memory", "gauge", resident_bytes()),
      process_metric("process_open_fds", "Open file descriptors", "gauge", open_files()),
  };
}

}  // namespace stele::server
