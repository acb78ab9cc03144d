# strata_add_fuzzer(name [SOURCES file...]): defines fuzz-<name> from <name>.cpp, or from SOURCES. The preset
# fuzz builds it with the target fuzzers; ./dev fuzz NAME runs it over corpus/<name>.
function(strata_add_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  if(NOT arg_SOURCES)
    set(arg_SOURCES "${name}.cpp")
  endif()
  add_executable(fuzz-${name} ${arg_SOURCES})
  target_link_libraries(fuzz-${name} PRIVATE strata::core ${arg_LIBS})
  target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers fuzz-${name})
endfunction()
