# What is installed: the program with its libraries and plugins (each where it is made), and the
# package for plugin authors, component `sdk`: find_package(Strata) gives strata::abi and
# strata_add_plugin(), which put an author's plugin together as this tree's are.
include(CMakePackageConfigHelpers)
set(STRATA_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/Strata")

install(DIRECTORY "${CMAKE_SOURCE_DIR}/sdk/include/strata" COMPONENT sdk
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS strata-abi EXPORT StrataTargets)
install(EXPORT StrataTargets NAMESPACE strata:: COMPONENT sdk DESTINATION "${STRATA_PACKAGE_DIR}")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/StrataConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/StrataConfig.cmake" INSTALL_DESTINATION "${STRATA_PACKAGE_DIR}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/StrataConfigVersion.cmake"
  COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(FILES
  "${CMAKE_BINARY_DIR}/StrataConfig.cmake" "${CMAKE_BINARY_DIR}/StrataConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/plugin.cmake" "${CMAKE_CURRENT_LIST_DIR}/plugin.map"
  "${CMAKE_CURRENT_LIST_DIR}/manifest.cmake"
  COMPONENT sdk DESTINATION "${STRATA_PACKAGE_DIR}")
