# How a room (folder) becomes a library, and the flags every room shares.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(simdjson REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(zstd REQUIRED)
find_path(STELE_PQ_HEADERS libpq-fe.h PATH_SUFFIXES postgresql REQUIRED)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(stele_flags INTERFACE)
target_compile_options(stele_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
                       -fno-omit-frame-pointer)
target_include_directories(stele_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(stele_flags INTERFACE STELE_VERSION="${PROJECT_VERSION}"
                           BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # g++ 12 calls `"text" + std::string` an overlapping copy of 2^63 bytes at -O2 (GCC bug 105651).
  target_compile_options(stele_flags INTERFACE -Wno-restrict)
  if(STELE_UNITY)
    # It takes every included file for a header, and in unity builds every source is one.
    target_compile_options(stele_flags INTERFACE -Wno-subobject-linkage)
  endif()
else()
  # std::stable_sort of libstdc++ 12 calls its own deprecated get_temporary_buffer, and clang 19 reports it to us.
  target_compile_options(stele_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(STELE_SANITIZE)
  target_compile_options(stele_flags INTERFACE -fsanitize=${STELE_SANITIZE} -fno-sanitize-recover=undefined)
  target_compile_definitions(stele_flags INTERFACE STELE_SANITIZED)  # tests do less of the same
  target_link_options(stele_flags INTERFACE -fsanitize=${STELE_SANITIZE})
endif()

# Headers compiled once, for unity builds only. stele_precompiled(NAME HEADER LINK libs...) makes them, the sources of
# another target get them by stele_use_precompiled(TARGET NAME); both must have the same flags.
function(stele_precompiled name header)
  cmake_parse_arguments(ROOM "" "" "LINK" ${ARGN})
  if(NOT STELE_UNITY)
    return()
  endif()
  set(empty ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp)
  if(NOT EXISTS ${empty})
    file(WRITE ${empty} "")
  endif()
  add_library(${name} OBJECT ${empty})
  target_link_libraries(${name} PRIVATE ${ROOM_LINK})
  target_precompile_headers(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled/${header})
endfunction()

function(stele_use_precompiled target name)
  if(STELE_UNITY)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(-Xclang -fno-pch-timestamp)  # or ccache would never know them again
endif()
stele_precompiled(stele_precompiled_rooms rooms.hpp LINK stele_flags fmt::fmt)
stele_precompiled(stele_precompiled_hot rooms.hpp LINK stele_flags fmt::fmt)
if(STELE_UNITY AND STELE_SANITIZE)
  target_compile_options(stele_precompiled_hot PRIVATE -O1)
endif()

# stele_room(NAME FOLDER [HOT] [LINK libs...]): every .cpp under the folder, nothing listed by hand. HOT rooms are
# optimized under sanitizers as well: tests make them work hard. For the others compiling costs more than it saves.
function(stele_room name folder)
  cmake_parse_arguments(ROOM "HOT" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC stele_flags ${ROOM_LINK})
    if(STELE_SANITIZE AND ROOM_HOT)
      target_compile_options(${name} PRIVATE -O1)
      stele_use_precompiled(${name} stele_precompiled_hot)
    else()
      stele_use_precompiled(${name} stele_precompiled_rooms)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE stele_flags ${ROOM_LINK})
  endif()
endfunction()

add_library(stele_test_flags INTERFACE)  # linked last, so that its flags come last
# Most of a cold build is tests, and most of that the optimizer: with it they take two to five times as long to compile.
# What they test is compiled as its preset says.
target_compile_options(stele_test_flags INTERFACE -O0)
if(STELE_UNITY)
  # Names of one test file seen from another; the dev preset, where each is alone, keeps the warning.
  target_compile_options(stele_test_flags INTERFACE -Wno-shadow)
endif()

find_package(GTest QUIET)
if(GTest_FOUND)
  stele_precompiled(stele_precompiled_tests tests.hpp LINK stele_flags fmt::fmt GTest::gmock stele_test_flags)
endif()

add_custom_target(tests)  # every program that the tests are, and nothing that none of them needs

# stele_tests(NAME FOLDER [COST n] [LINK libs...]): one GoogleTest binary per folder of tests/. What costs more begins
# earlier, so that no long one is left alone at the end.
function(stele_tests name folder)
  cmake_parse_arguments(ROOM "" "COST" "LINK" ${ARGN})
  if(NOT ROOM_COST)
    set(ROOM_COST 0)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ROOM_LINK} GTest::gmock GTest::gtest_main stele_test_flags)
  stele_use_precompiled(${name} stele_precompiled_tests)
  target_compile_definitions(${name} PRIVATE STELE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")  # for committed samples
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  add_dependencies(tests ${name})
  set(list ${CMAKE_CURRENT_BINARY_DIR}/${name}.cmake)
  string(REGEX REPLACE "_tests$" "" room ${name})
  file(GENERATE OUTPUT ${list} CONTENT "set(program \"$<TARGET_FILE:${name}>\")\nset(room ${room})
set(cost ${ROOM_COST})\ninclude(\"${PROJECT_SOURCE_DIR}/cmake/suites.cmake\")\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${list})
endfunction()

# stele_fuzzers(FOLDER LINK libs...): each .cpp is one libFuzzer target fuzz_<file>, all of them `fuzzers`. Under
# the asan preset each also runs a few thousand inputs as a test, so that none rots.
function(stele_fuzzers folder)
  cmake_parse_arguments(ROOM "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  if(NOT sources OR NOT STELE_SANITIZE MATCHES address)
    return()
  endif()
  add_custom_target(fuzzers)
  add_dependencies(tests fuzzers)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(fuzz_${name} ${source})
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(fuzz_${name} PRIVATE ${ROOM_LINK})
    add_dependencies(fuzzers fuzz_${name})
    file(GLOB seeds CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/corpus/${name}/*)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} -seed=1 -runs=5000 -max_total_time=20 -timeout=10)
    if(seeds)
      add_test(NAME fuzz.${name}.corpus COMMAND fuzz_${name} ${seeds})
    endif()
  endforeach()
endfunction()

# stele_benchmarks(FOLDER LINK libs...): each *_bench.cpp is one Google Benchmark program, where that is installed.
# Nothing else needs them: target micro_benchmarks, not part of a build unless asked for.
function(stele_benchmarks folder)
  cmake_parse_arguments(ROOM "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*_bench.cpp)
  add_custom_target(micro_benchmarks)
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    return()
  endif()
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} EXCLUDE_FROM_ALL ${source})
    target_link_libraries(${name} PRIVATE ${ROOM_LINK} benchmark::benchmark_main)
    add_dependencies(micro_benchmarks ${name})
  endforeach()
endfunction()
