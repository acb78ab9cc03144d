# Installs the package for plugin authors, component `sdk`: find_package(Strata) defines strata::abi and
# strata_add_plugin(), which build an author's plugin as this tree's are built. The program, its libraries and
# plugins are installed where their targets are defined.
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
# pkg-config gives the headers' folder to builds without CMake.
configure_file("${CMAKE_CURRENT_LIST_DIR}/strata.pc.in" "${CMAKE_BINARY_DIR}/strata.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/strata.pc" COMPONENT sdk
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# Files that an author reads and copies: the documentation, the license, examples, and the null plugin of each
# kind; `strata plugins new` writes these templates.
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" "${CMAKE_SOURCE_DIR}/README.md"
  "${CMAKE_SOURCE_DIR}/CHANGELOG.md" COMPONENT sdk DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${CMAKE_SOURCE_DIR}/docs" "${CMAKE_SOURCE_DIR}/examples" COMPONENT sdk
  DESTINATION "${CMAKE_INSTALL_DOCDIR}")
set(STRATA_TEMPLATES "${CMAKE_INSTALL_DATADIR}/strata/templates")
foreach(kind IN ITEMS model=models attention=attention offload=offload quant=quant)
  string(REPLACE "=" ";" kind "${kind}")
  list(POP_FRONT kind name folder)
  install(DIRECTORY "${CMAKE_SOURCE_DIR}/plugins/${folder}/null/" COMPONENT sdk
    DESTINATION "${STRATA_TEMPLATES}/${name}")
  file(COPY "${CMAKE_SOURCE_DIR}/plugins/${folder}/null/"
    DESTINATION "${CMAKE_BINARY_DIR}/share/strata/templates/${name}")
endforeach()
install(FILES
  "${CMAKE_BINARY_DIR}/StrataConfig.cmake" "${CMAKE_BINARY_DIR}/StrataConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/plugin.cmake" "${CMAKE_CURRENT_LIST_DIR}/plugin.map"
  "${CMAKE_CURRENT_LIST_DIR}/manifest.cmake" "${CMAKE_CURRENT_LIST_DIR}/descriptions.py"
  COMPONENT sdk DESTINATION "${STRATA_PACKAGE_DIR}")
