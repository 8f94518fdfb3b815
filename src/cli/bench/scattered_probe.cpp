// scattered_probe.cpp - what the page cache gives when many small pieces lie all over the log: maps the files and
// copies pieces out of them, without any store.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "cli/bench/pace.hpp"
#include "cli/bench/read_load.hpp"
#include "io/world.hpp"

namespace stele::cli::bench {
namespace {

class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::error_code unknown;
    size_ = std::filesystem::file_size(path, unknown);
    if (file < 0 || unknown || size_ == 0) {
      if (file >= 0) ::close(file);
      size_ = 0;
      return;
    }
    auto* const bytes = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    if (bytes == MAP_FAILED) {
      size_ = 0;
      return;
    }
    ::madvise(bytes, size_, MADV_RANDOM);
    bytes_ = static_cast<const char*>(bytes);
  }
  ~MappedFile() {
    if (bytes_ != nullptr) ::munmap(const_cast<char*>(bytes_), size_);
  }
  MappedFile(MappedFile&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&&) = delete;

  [[nodiscard]] std::string_view bytes() const { return {bytes_, size_}; }

 private:
  const char* bytes_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace

result<double> probe_scattered(const std::filesystem::path& log_directory, std::uint64_t count,
                               std::uint64_t bytes, double seconds) {
  std::vector<MappedFile> files;
  STELE_TRY(const auto names, io::real_world().disk.list(log_directory));
  for (const auto& name : names) {
    if (MappedFile file(log_directory / name); file.bytes().size() > bytes) files.push_back(std::move(file));
  }
  if (files.empty()) return Error(errc::not_found, "no file of the log could be mapped");
  std::mt19937_64 random(count);
  std::string into(count * bytes, '\0');
  Histogram times;
  for (const auto begin = Clock::now(); seconds_since(begin) < seconds;) {
    const auto one = Clock::now();
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto from = files[random() % files.size()].bytes();
      from.copy(into.data() + i * bytes, bytes, random() % (from.size() - bytes));
    }
    times.add(Clock::now() - one);
  }
  return std::chrono::duration<double>(times.percentile(0.5)).count();
}

}  // namespace stele::cli::bench
