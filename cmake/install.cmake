# Installation: headers, library, find_package(qconv) and pkg-config.
include(CMakePackageConfigHelpers)

install(TARGETS qconv EXPORT qconvTargets)
# What a static library is linked with, its users link with; a shared one needs nothing there.
set(QCONV_FIND_TBB "")
set(QCONV_PC_PRIVATE "")
get_target_property(QCONV_TYPE qconv TYPE)
if(QCONV_TYPE STREQUAL STATIC_LIBRARY)
  install(TARGETS qconv_options EXPORT qconvTargets)
  set(QCONV_FIND_TBB "include(CMakeFindDependencyMacro)\nfind_dependency(TBB 2021.1)\n")
  set(QCONV_PC_PRIVATE "Requires.private: tbb >= 2021.1\nLibs.private: -lstdc++ -lm\n")
endif()
install(DIRECTORY include/qconv TYPE INCLUDE)
install(EXPORT qconvTargets NAMESPACE qconv:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qconv)
configure_package_config_file(cmake/qconvConfig.cmake.in qconvConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qconv)
write_basic_package_version_file(qconvConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/qconvConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/qconvConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qconv)
# These may be absolute; else they are within the prefix, which may be moved.
foreach(folder IN ITEMS LIBDIR INCLUDEDIR)
  cmake_path(IS_ABSOLUTE CMAKE_INSTALL_${folder} absolute)
  if(absolute)
    set(QCONV_PC_${folder} ${CMAKE_INSTALL_${folder}})
  else()
    set(QCONV_PC_${folder} \${prefix}/${CMAKE_INSTALL_${folder}})
  endif()
endforeach()
file(RELATIVE_PATH QCONV_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/qconv.pc.in qconv.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/qconv.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
