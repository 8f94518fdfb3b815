// rooms.hpp - what nearly every source of the house includes, compiled once per unity build (cmake/rooms.cmake). Never
// included by name, and every source still includes what it uses: the dev preset compiles each without this.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "stele/store.hpp"
