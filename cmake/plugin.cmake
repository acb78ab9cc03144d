# strata_add_plugin(kind name [SOURCES file...] [LIBS target...])
#
# Builds strata-<kind>-<name>.so and its manifest from <name>/<name>.cpp (or SOURCES, relative to <name>/),
# beside the other plugins. It exports only strata_plugin_v1 and links strata::abi and LIBS. The folder's
# manifest.json says what the plugin is for; the build adds the library's name and hash, and the sources get
# its vendor as STRATA_VENDOR.
# Configurations in <name>/shapes/ become named shapes. Descriptions in <name>/descriptions/ lie beside the
# plugin, and the build, which then needs Python 3.11, adds what they serve to the manifest. In the project's
# own tree the plugin is enrolled in its kind's conformance tests.
set(STRATA_CMAKE_DIR "${CMAKE_CURRENT_LIST_DIR}")

# Writes `manifest`: the folder's manifest.json with what the folder's descriptions serve. The file keeps its
# time where nothing in it changes, so that the plugin is not linked again.
function(strata_describe folder manifest)
  find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
  set(script "${STRATA_CMAKE_DIR}/descriptions.py")
  execute_process(COMMAND "${Python3_EXECUTABLE}" "${script}" "${folder}" OUTPUT_FILE "${manifest}.part"
    COMMAND_ERROR_IS_FATAL ANY)
  file(COPY_FILE "${manifest}.part" "${manifest}" ONLY_IF_DIFFERENT)
  file(REMOVE "${manifest}.part")
  file(GLOB shared CONFIGURE_DEPENDS "${folder}/gguf.toml")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${script}" ${shared})
endfunction()

function(strata_add_plugin kind name)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;LIBS")
  if(NOT arg_SOURCES)
    set(arg_SOURCES "${name}.cpp")
  endif()
  list(TRANSFORM arg_SOURCES PREPEND "${name}/")
  set(target "strata-${kind}-${name}")
  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE strata::abi ${arg_LIBS})
  set(manifest "${CMAKE_CURRENT_SOURCE_DIR}/${name}/manifest.json")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${manifest}")
  file(GLOB descriptions CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${name}/descriptions/*.toml")
  if(descriptions)
    set(manifest "${CMAKE_CURRENT_BINARY_DIR}/${target}.manifest.json")
    strata_describe("${CMAKE_CURRENT_SOURCE_DIR}/${name}" "${manifest}")
  endif()
  file(READ "${manifest}" text)
  string(JSON vendor GET "${text}" vendor)  # an error if there is none
  string(REGEX REPLACE "([\\\"])" "\\\\\\1" vendor "${vendor}")
  target_compile_definitions(${target} PRIVATE "STRATA_VENDOR=\"${vendor}\"")
  set_target_properties(${target} PROPERTIES
    PREFIX "" CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY "${STRATA_PLUGIN_DIR}"
    BUILD_RPATH "" INSTALL_RPATH "" SKIP_BUILD_RPATH ON
    LINK_DEPENDS "${STRATA_CMAKE_DIR}/plugin.map;${manifest}")
  # A sanitizer's runtime lies in the program, so such builds leave its symbols undefined (no -z defs).
  target_link_options(${target} PRIVATE
    "-Wl,--version-script=${STRATA_CMAKE_DIR}/plugin.map"
    "-Wl,-z,now,-z,relro,-z,noexecstack,--exclude-libs,ALL"
    "$<$<NOT:$<BOOL:${STRATA_SANITIZED}>>:-Wl,-z,defs>")
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -DLIBRARY=$<TARGET_FILE:${target}> -DMANIFEST=${manifest}
      -P "${STRATA_CMAKE_DIR}/manifest.cmake")
  install(TARGETS ${target} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/strata")
  install(FILES "$<TARGET_FILE_DIR:${target}>/${target}.json" DESTINATION "${CMAKE_INSTALL_LIBDIR}/strata")
  # `cmake --install --strip` changes the library, and so its hash.
  install(CODE "if(CMAKE_INSTALL_DO_STRIP)
    execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND \"\${CMAKE_COMMAND}\"
      \"-DLIBRARY=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/strata/${target}.so\"
      \"-DMANIFEST=${manifest}\" -P \"${STRATA_CMAKE_DIR}/manifest.cmake\")
  endif()")
  if(IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/${name}/shapes")
    add_custom_command(TARGET ${target} POST_BUILD VERBATIM COMMAND ${CMAKE_COMMAND} -E copy_directory
      "${CMAKE_CURRENT_SOURCE_DIR}/${name}/shapes" "${STRATA_PLUGIN_DIR}/../../share/strata/shapes")
    install(DIRECTORY "${name}/shapes" DESTINATION "${CMAKE_INSTALL_DATADIR}/strata")
  endif()
  foreach(description IN LISTS descriptions)
    get_filename_component(file "${description}" NAME)
    configure_file("${description}" "${STRATA_PLUGIN_DIR}/descriptions/${file}" COPYONLY)
    install(FILES "${description}" DESTINATION "${CMAKE_INSTALL_LIBDIR}/strata/descriptions")
  endforeach()
  # The configurations for the conformance tests of its kind lie beside the plugin, for `strata plugins
  # check`.
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${name}/conformance.toml")
    configure_file("${name}/conformance.toml" "${STRATA_PLUGIN_DIR}/${target}.conformance.toml" COPYONLY)
    install(FILES "${name}/conformance.toml" DESTINATION "${CMAKE_INSTALL_LIBDIR}/strata"
      RENAME "${target}.conformance.toml")
  endif()
  if(COMMAND strata_enrol_plugin)
    strata_enrol_plugin(${kind} ${name})
  endif()
endfunction()
