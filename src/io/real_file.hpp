// real_file.hpp - a file of the operating system behind the File interface. Only real_disk.cpp makes one.
#pragma once

#include <filesystem>
#include <memory>

#include "io/file.hpp"

namespace stele::io {

// Owns one descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  int release();

 private:
  int number_;
};

[[nodiscard]] std::unique_ptr<File> make_real_file(std::filesystem::path path, Descriptor descriptor);

}  // namespace stele::io
