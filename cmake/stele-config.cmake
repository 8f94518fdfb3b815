# find_package(stele) ends here: finds what the archive was linked against, then defines stele::stele. The packages are
# the ones stele is built with (docs/dependencies.md).
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(Boost 1.81 COMPONENTS json)
find_dependency(simdjson)
find_dependency(OpenSSL)
find_dependency(SQLite3)
find_dependency(fmt)
find_dependency(spdlog)
find_dependency(prometheus-cpp)
find_dependency(zstd)
include(${CMAKE_CURRENT_LIST_DIR}/stele-targets.cmake)
