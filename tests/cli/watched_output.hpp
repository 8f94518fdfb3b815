// watched_output.hpp - output of a command that is still running, to be waited on: a test never sleeps.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <sstream>
#include <string>

namespace stele::cli::test {

class WatchedOutput : public std::stringbuf {
 public:
  bool wait_for(const std::string& text) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60),
                             [&] { return all_.find(text) != std::string::npos; });
  }

 protected:
  std::streamsize xsputn(const char* bytes, std::streamsize count) override {
    const std::lock_guard lock(mutex_);
    all_.append(bytes, static_cast<std::size_t>(count));
    changed_.notify_all();
    return count;
  }
  int_type overflow(int_type byte) override {
    const char one = traits_type::to_char_type(byte);
    xsputn(&one, 1);
    return byte;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string all_;
};

}  // namespace stele::cli::test
