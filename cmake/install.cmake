# What `cmake --install` puts where others find it: the public headers, all rooms in one archive, the command, and the
# files by which CMake (find_package(stele), target stele::stele) and pkg-config (stele) link them. None of the flags
# this tree is compiled with go along. Not for sanitized builds.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(rooms stele_base stele_event stele_io stele_engine stele_domain stele_projection
          stele_history stele_sql stele_target_sqlite stele_target_shared
          stele_target_server stele_target_postgres stele_target_mariadb stele_target_redis stele_target_memcached
          stele_declared stele_server)
if(TARGET stele_world)
  list(APPEND rooms stele_world)  # for users' tests
endif()
set(objects "")
set(libraries "")  # what the rooms link beside each other
foreach(room ${rooms})
  list(APPEND objects $<TARGET_OBJECTS:${room}>)
  get_target_property(linked ${room} INTERFACE_LINK_LIBRARIES)
  list(APPEND libraries ${linked})
endforeach()
list(FILTER libraries EXCLUDE REGEX "^stele_")
list(REMOVE_DUPLICATES libraries)
add_library(libstele STATIC ${objects})
set_target_properties(libstele PROPERTIES OUTPUT_NAME stele EXPORT_NAME stele LINKER_LANGUAGE CXX)
target_include_directories(libstele INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(libstele INTERFACE cxx_std_23)
target_link_libraries(libstele PRIVATE ${libraries})
target_link_options(libstele INTERFACE LINKER:--as-needed)  # a program loads the clients of the stores it uses only

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/stele)
install(TARGETS libstele EXPORT stele ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS stele RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/stele DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT stele NAMESPACE stele:: FILE stele-targets.cmake DESTINATION ${config_dir})

# Minor versions may break things until there is a 1.0.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/stele-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/stele-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/stele-config-version.cmake
        DESTINATION ${config_dir})

set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH STELE_UP_FROM_PKGCONFIG /prefix/${pkgconfig_dir} /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/stele.pc.in ${CMAKE_CURRENT_BINARY_DIR}/stele.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/stele.pc DESTINATION ${pkgconfig_dir})
