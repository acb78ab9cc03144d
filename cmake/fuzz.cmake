# strata_add_fuzzer(name [LIBS target...]): tests/fuzz/name.cpp as the libFuzzer program fuzz-name.
function(strata_add_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS")
  add_executable(fuzz-${name} ${name}.cpp)
  target_link_libraries(fuzz-${name} PRIVATE strata::core ${arg_LIBS})
  target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
endfunction()
