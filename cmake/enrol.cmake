# strata_enrol_plugin(kind name): the plugin that strata_add_plugin makes is run through its kind's
# conformance program, as test conformance.<kind>.<name>. tests/conformance makes these tests.
function(strata_enrol_plugin kind name)
  set_property(GLOBAL APPEND PROPERTY STRATA_ENROLLED
    "${kind}|${name}|${CMAKE_CURRENT_SOURCE_DIR}/${name}")
endfunction()
