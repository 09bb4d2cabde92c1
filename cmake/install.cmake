# Installation: headers, library, find_package(qconv) and pkg-config.
include(CMakePackageConfigHelpers)

install(TARGETS qconv EXPORT qconvTargets)
install(TARGETS qconv_options EXPORT qconvTargets)
install(DIRECTORY include/qconv TYPE INCLUDE)
install(EXPORT qconvTargets NAMESPACE qconv:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qconv)
configure_package_config_file(cmake/qconvConfig.cmake.in qconvConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qconv)
write_basic_package_version_file(qconvConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/qconvConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/qconvConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qconv)
file(RELATIVE_PATH QCONV_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/qconv.pc.in qconv.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/qconv.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
